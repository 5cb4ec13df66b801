"""The tables of a study: which cells each one holds and what each is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msd.distill.likeness import LIKENESS
from msd.measure.constant import best_constant
from msd.measure.metric import METRICS, TUNED_F1
from msd.measure.scorers import FloatArray, score
from msd.tables.cell import ONE_TEACHER, Against, Cell
from msd.tables.names import VIEWS, Pair
from msd.tables.results import Array, DatasetResults
from msd.tables.study_results import StudyResults
from msd.tables.table import Table

if TYPE_CHECKING:
    from msd.config.contracts.tables import ReportParams

REFERENCES = {
    "teacher": "Teacher",
    "probe": "Logistic probe",
    "constant": "Best constant answer",
    "student": "Student",
    "student-onnx": "Student, ONNX",
    "student-int8": "Student, ONNX, 8 bits",
}
UNIMODAL = VIEWS[1:]
ONLY_POINT = "default"  # the point of a method without a grid: `MethodConfig.points`
MEASURES = {
    "kl": "KL divergence, nats",
    "js": "Jensen-Shannon divergence, nats",
    "l1": "summed change of probabilities",
    "gold": "drop of the gold label's probability",
}


def main_table(study: StudyResults) -> Table:
    """Datasets × methods on the test split, each method against the baseline; teacher and probe as references."""
    cells: list[Cell] = []
    for results in study.datasets.values():
        cells.append(study.teacher_cell(results))
        if results.probe is not None:
            cells.append(study.probe_cell(results, results.probe))
        cells += [study.method_cell(results, name, against=study.against_baseline(name)) for name in results.methods]
    baseline = titles(study.params)["method"][study.params.baseline]
    return make_table(
        "main",
        cells,
        study.params,
        rows=["method"],
        columns=["dataset"],
        caption=f"Test score of each method on each dataset, and its difference to {baseline}.",
        notes=["Teachers and the logistic probe are references, not part of the tests.", *_vqa_note(study)],
        more={"samples": {name: len(results.targets) for name, results in study.datasets.items()}},
    )


def teacher_table(study: StudyResults) -> Table:
    """Is there something to distil? The teacher against probe and from-scratch student, its views against chance."""
    cells: list[Cell] = []
    measures: dict[str, str] = {}
    named = titles(study.params)["method"]
    for results in study.datasets.values():
        for view, against in _teacher_gaps(study, results):
            measure = f"{view}-{against.method}"
            measures[measure] = f"{_view_title(view)}, against {named[against.method].lower()}"
            place = {"view": view, "measure": measure}
            cells.append(study.teacher_cell(results, view=view, place=place, against=against))
    return make_table(
        "teacher",
        cells,
        study.params,
        rows=["dataset"],
        columns=["measure"],
        measures=measures,
        caption="The teacher's test score with both modalities and with one alone, and its gap to what it should beat.",
        notes=[
            "The best constant answer is chosen on the test split itself: a generous chance level.",
            "A difference to the student without a teacher pairs each of its seeds with the teacher it was dealt to.",
        ],
    )


def thresholds_table(study: StudyResults) -> Table:
    """F1 of data sets with several labels: at each run's threshold, and at .5, beside the metric without any."""
    measures = {
        "score": "Primary metric",
        TUNED_F1: "micro-F1, threshold of the run",
        "micro_f1": "micro-F1 at .5",
    }
    several = [results for results in study.datasets.values() if results.task == "multilabel"]
    cells = [
        study.method_cell(results, name, kind=kind, against=study.against_baseline(name), place={"measure": kind})
        for results in several
        for name in results.methods
        for kind in measures
    ]
    return make_table(
        "thresholds",
        cells,
        study.params,
        rows=["dataset", "method"],
        columns=["measure"],
        measures=measures,
        caption="What a threshold does to the scores of data sets with several labels.",
        notes=["A run's threshold has the highest micro-F1 on validation; it is one for all labels."],
    )


def _vqa_note(study: StudyResults) -> list[str]:
    """What accuracy means where it could be taken for the official VQA accuracy."""
    vqa = [data for data in study.datasets.values() if data.task == "vqa" and not METRICS[data.metric].of_answers]
    note = "the score of the most probable answer, not the VQA accuracy of several people's."
    return [f"{', '.join(data.title for data in vqa)}: {note}"] if vqa else []


def _teacher_gaps(study: StudyResults, results: DatasetResults) -> Iterator[tuple[str, Against]]:
    """(view, against) of each comparison of the teachers that can be made."""

    def resampled(logits: Array) -> FloatArray:
        return study.resampled(results, METRICS[results.metric].scorer(logits, results.gold, results.task))

    own = {view: {seed: resampled(one) for seed, one in by_seed.items()} for view, by_seed in results.teachers.items()}
    seeds = list(own["both"])

    def against(name: str, view: str, other: FloatArray) -> Against:
        return study.against(name, list(own[view].values()), [other], results, teachers=seeds)

    if results.probe is not None:
        yield "both", against("probe", "both", resampled(results.probe))
    scratch = study.params.from_scratch
    students = results.methods[scratch]
    runs, dealt = study.runs(results, scratch, seeds=students.seeds), list(students.teachers.values())
    dealt_scores = [own["both"][seed] for seed in dealt]
    yield "both", study.against(scratch, dealt_scores, runs, results, teachers=dealt)
    labels = len(results.labels)
    constant = best_constant(results.metric, results.gold, labels=labels, dataset_task=results.task)
    chance = score(constant, len(results.targets))
    for view in UNIMODAL:
        compared = against("constant", view, study.resampled(results, constant))
        yield view, replace(compared, details={"mean": chance})


def views_table(study: StudyResults) -> Table:
    """Claim C2: how far each student is from the teacher in each view, by divergence and by agreement."""
    measures = {
        f"{one.name}/{view}": f"{_view_title(view)}: {one.title}" for one in LIKENESS.values() for view in VIEWS
    }
    cells: list[Cell] = []
    for results in study.datasets.values():
        for name in results.methods:
            for measure in measures:
                kind, view = measure.split("/")
                about: dict[str, Any] = {"view": view, "kind": kind, "against": study.against_baseline(name)}
                about |= {"place": {"view": view, "measure": measure}, "details": {"better": LIKENESS[kind].better}}
                cells.append(study.method_cell(results, name, **about))
    return make_table(
        "views",
        cells,
        study.params,
        rows=["dataset", "method"],
        columns=["measure"],
        measures=measures,
        caption="How far each student is from the teacher, on the test split, with both modalities and with one alone.",
        notes=[
            "KL(teacher ‖ student) at temperature 1, in nats, summed over labels; lower is closer.",
            "Agreement: share of samples with the same answer (multi-label: of labels decided alike).",
        ],
    )


def missing_table(study: StudyResults) -> Table:
    """Scores of one model when a modality is missing at test time."""
    measures = {view: _view_title(view) for view in VIEWS}
    cells: list[Cell] = []
    for results in study.datasets.values():
        for view in VIEWS:
            place = {"view": view, "measure": view}
            cells.append(study.teacher_cell(results, view=view, place=place))
        for name in results.methods:
            for view in VIEWS:
                against = study.against_baseline(name) if view in UNIMODAL else None
                place = {"view": view, "measure": view}
                cells.append(study.method_cell(results, name, view=view, against=against, place=place))
    return make_table(
        "missing",
        cells,
        study.params,
        rows=["dataset", "method"],
        columns=["measure"],
        measures=measures,
        caption="Test score of each model when image or text is missing at test time.",
        notes=["With both modalities as in the main table, where differences to the baseline are."],
    )


def pairs_table(study: StudyResults, name: str, pairs: Sequence[Pair], *, caption: str) -> Table:
    """Test scores of methods, each against the one that it is paired with."""
    named = titles(study.params)["method"]
    labels = {_pair_name(*pair): " against ".join(named[one] for one in pair if one) for pair in pairs}
    cells = [
        study.method_cell(results, method, against=other, place={"comparison": _pair_name(method, other)})
        for results in study.datasets.values()
        for method, other in pairs
        if {method, other} <= {*results.methods, None}
    ]
    table = make_table(name, cells, study.params, rows=["comparison"], columns=["dataset"], caption=caption, notes=[])
    return replace(table, titles={**table.titles, "comparison": labels})


def _pair_name(method: str, other: str | None) -> str:
    return method if other is None else f"{method} - {other}"


def titles(params: ReportParams) -> dict[str, dict[str, str]]:
    """Printed names of datasets, methods and references."""
    return {
        "dataset": {about.name: about.title for about in params.datasets},
        "method": REFERENCES | {method.name: method.title for method in params.methods},
        "modality": {"image": "Image", "text": "Text"},
        "split": {"train": "Training", "val": "Validation", "test": "Test"},
        "metric": {about.name: METRICS[about.metric].title for about in params.datasets},
    }


def _view_title(view: str) -> str:
    return "Both" if view == "both" else f"{view.capitalize()} alone"


def _notes_on_tests(params: ReportParams) -> list[str]:
    """What brackets and p are, and on which datasets they do not cover the teacher's training."""
    brackets = (
        "Brackets: 95 % interval of the difference, paired by seed, hence by teacher, and by test picture, all of "
        f"which vary ({params.draws:,} bootstrap draws of pictures, Student's t); p is two-sided, of the same t."
    )
    single = [about.title for about in params.datasets if len(about.teachers) == 1]
    everywhere = len(single) == len(params.datasets)
    return [brackets, *([f"{'' if everywhere else ', '.join(single) + ': '}{ONE_TEACHER}."] if single else [])]


def _selection(cells: Sequence[Cell], params: ReportParams) -> str:
    """How a point of a grid is chosen, if any method of these cells has a grid."""
    if all(cell.selected in (None, ONLY_POINT) for cell in cells):
        return "Nothing was searched: each method has the parameters that the study's file gives."
    count = params.search_seeds
    seeds = "all its seeds is chosen" if count is None else f"the first {count} seeds is chosen, and all train it"
    return f"Of a method's grid, the point with the best mean validation score over {seeds}."


def make_table(
    name: str,
    cells: Sequence[Cell],
    params: ReportParams,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    caption: str,
    notes: Sequence[str],
    measures: Mapping[str, str] | None = None,
    with_metric: bool = True,
    more: Mapping[str, Any] | None = None,
) -> Table:
    """A table of an MSD study; with_metric: whether datasets name their metric. Its comparisons are exploratory."""
    tested = sum(cell.against is not None and cell.against.p is not None for cell in cells)
    if tested:
        notes = [*notes, *_notes_on_tests(params)]
    if tested and name != "claims":
        about = f"Exploratory: p of {tested} comparisons is uncorrected; another table decides the claims."
        notes = [*notes, about]
    if any(cell.selected for cell in cells):
        notes = [_selection(cells, params), *notes]
    over_seeds = [cell for cell in cells if cell.value.low is not None and cell.value.by_seed]
    if any("over" not in cell.place for cell in over_seeds):
        notes = ["± is half a 95 % t-interval over the n seeds, of the teachers at hand.", *notes]
    named = titles(params) | ({} if with_metric else {"metric": {}})
    return Table(
        name=name,
        caption=caption,
        notes=notes,
        study=params.study,
        rows=rows,
        columns=columns,
        titles=named | {"measure": dict(measures or {})},
        cells=cells,
        more=more or {},
    )
