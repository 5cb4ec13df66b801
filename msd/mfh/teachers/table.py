"""Tables of the hypothesis on vision-language teachers: γ of each variant, and its students."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from msd.measure.intervals import mean_interval
from msd.measure.metric import METRICS
from msd.measure.scorers import FloatArray
from msd.mfh.cells import scored_cell
from msd.mfh.teachers.gain_rank import PREDICTORS, gain_rank_table
from msd.mfh.teachers.predictions import predictions_table
from msd.mfh.teachers.results import TransferResults, compared, crossing, load_results, note_on_teachers, whole
from msd.mfh.teachers.unimodal import NO_KD
from msd.mfh.teachers.variants import DIRECTIONS, Direction, Variant, variants_of
from msd.tables.cell import Cell, Value
from msd.tables.table import Table

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.study import ReportParams
    from msd.mfh.teachers.config import TeacherTables

Titles = Mapping[str, Mapping[str, str]]
VIEW_TITLES = {"both": "image and text", "image": "image", "text": "text"}
MEASURES = {**PREDICTORS, "synergy": "Synergy"}
KINDS = {
    "no-kd": "No KD",
    "regular": "Regular teacher",
    "general": "General teacher",
    "specific": "Specific teacher",
    "random": "Random channels",
}
UNDEFINED = {
    "counts": "undefined: both views together find no more than chance does",
    "information": "undefined: neither view tells more of the labels than how frequent they are",
}


def teacher_tables(job: Job[ReportParams]) -> list[Table]:
    """The tables `predictions`, `gain_rank`, `variants` and `gamma`; none where the study has no such teachers."""
    params, study = job.params.teachers, job.params.study
    if params is None:
        return []
    results = load_results(job, params)
    named = titles(results, params)
    ranks = gain_rank_table(results, params, study=study)
    return [
        predictions_table(results, ranks, params.shares, titles=named),
        ranks,
        variants_table(results, params, study=study, titles=named),
        gamma_table(results, params, study=study, titles=named),
    ]


def direction_name(direction: Direction | Variant) -> str:
    """text-image for a teacher of texts and a student of images."""
    return f"{direction.teacher}-{direction.student}"


def titles(results: Mapping[str, TransferResults], params: TeacherTables) -> dict[str, dict[str, str]]:
    """What the entries of the cells are called in print."""
    directions = {direction_name(way): way for way in DIRECTIONS}
    return {
        "dataset": {name: of_dataset.about.title for name, of_dataset in results.items()} | {"all": "All"},
        "metric": {name: METRICS[of_dataset.about.metric].title for name, of_dataset in results.items()},
        "direction": {
            name: f"{VIEW_TITLES[way.teacher]} → {VIEW_TITLES[way.student]}" for name, way in directions.items()
        },
        "share": {f"{share:g}": f"r = {share:g}" for share in [0, *params.shares]},
        "method": KINDS,
        "measure": MEASURES,
    }


def variants_table(
    results: Mapping[str, TransferResults], params: TeacherTables, *, study: str, titles: Titles
) -> Table:
    """Test score of every student, and its gain over the one without a teacher, paired over seeds and pictures."""
    gains = {
        variant: compared(results, partial(TransferResults.gains, variant=variant), to="no-kd")
        for way in DIRECTIONS
        for variant in variants_of(way, params.shares)
    }
    cells: list[Cell] = []
    for name, of_dataset in results.items():
        student = partial(_student, name, of_dataset, seeds=params.seeds)
        for way in DIRECTIONS:
            cells.append(student(way, "no-kd", of_dataset.no_kd[way.student]))
            for variant in variants_of(way, params.shares):
                more: dict[str, Any] = {"against": gains[variant][name]}
                more["details"] = {"teacher_score": float(whole(of_dataset.teachers[variant]).mean())}
                cells.append(student(variant, variant.kind, of_dataset.students[variant], **more))
    return Table(
        name="variants",
        caption="Students of every teacher: test score of a student of one modality, and its gain over no KD.",
        notes=[
            "Teacher → student. A regular teacher has all channels; a general one lacks the share r of its channels "
            "that is least general, a specific one the most general share, the last a random share, drawn a seed.",
            "± is half a 95 % t-interval over seeds, of the teachers at hand. Below: gain over no KD, paired by seed, "
            "hence by teacher, and test picture, with 95 % interval.",
            "Exploratory: p of these gains is uncorrected; the table of predictions has the tests.",
            *note_on_teachers(results),
            "A single view of the two matching tasks is at chance by construction, and so is a student that reads it.",
            "Where teacher and student have the same view, no modality is crossed: the hypothesis is silent there.",
        ],
        study=study,
        rows=["dataset", "direction", "share"],
        columns=["method"],
        titles=titles,
        cells=cells,
        more={"folded": True, "checks": []},
    )


def _student(
    name: str,
    results: TransferResults,
    way: Direction | Variant,
    kind: str,
    runs: Sequence[FloatArray],
    *,
    seeds: Sequence[int],
    **more: Any,
) -> Cell:
    """The students of a variant, or those without a teacher, of which r is 0; more: what else a Cell has."""
    values = dict(zip(map(str, seeds), whole(runs).tolist(), strict=True))
    teachers = {} if kind == NO_KD else dict(zip(values, results.dealt, strict=True))
    value = Value(*mean_interval(list(values.values())), len(values), values, teachers=teachers)
    place = {"direction": direction_name(way), "share": f"{getattr(way, 'share', 0):g}"}
    return scored_cell(name, kind, results.about.metric, value, place, [results.runs[way.student]], **more)


def gamma_table(results: Mapping[str, TransferResults], params: TeacherTables, *, study: str, titles: Titles) -> Table:
    """γ of every variant whose direction crosses modalities, its synergy and its own score."""
    cells = [
        cell
        for name, of_dataset in results.items()
        for way in crossing()
        for variant in variants_of(way, params.shares)
        for cell in _gamma_cells(name, of_dataset, variant)
    ]
    return Table(
        name="gamma",
        caption="γ of every teacher: how much of what it knows the student's modality tells too.",
        notes=[
            "Means over the dataset's teachers; ± is half a 95 % interval over teachers, of whom few make it wide, and "
            "test pictures; n is the number of test samples.",
            "By counts: gold labels that both the teacher and its regular self on the student's modality alone find, "
            "of those that either finds, less what both would find by chance. By information: the same in nats, with "
            "probabilities calibrated on validation.",
            "Synergy: gold labels found with image and text together and by neither alone; no part of γ.",
            *note_on_teachers(results),
        ],
        study=study,
        rows=["dataset", "direction", "share", "teacher"],
        columns=["measure"],
        titles=titles,
        cells=cells,
        more={"folded": True, "checks": []},
    )


def _gamma_cells(name: str, results: TransferResults, variant: Variant) -> list[Cell]:
    """Both γ of a teacher with their parts, the synergy of its views, and its score."""
    gammas, n = {measure: results.gamma_of(variant, measure) for measure in UNDEFINED}, len(results.resampling.groups)
    values, details = {}, {}
    for measure, gamma in gammas.items():
        values[measure] = Value(
            gamma.value, gamma.low, gamma.high, n, why=UNDEFINED[measure] if gamma.value is None else None
        )
        details[measure] = {"parts": gamma.parts}
    if variant.teacher != "both":
        values["synergy"] = Value(*gammas["counts"].parts["synergy"], n)
    score = results.interval(results.teachers[variant])
    values["score"] = Value(score.difference, score.low, score.high, n)
    place = {"direction": direction_name(variant), "share": f"{variant.share:g}", "teacher": KINDS[variant.kind]}
    return [
        scored_cell(
            *(name, variant.kind, measure, value, place | {"measure": measure}, results.folders),
            details=details.get(measure, {}),
        )
        for measure, value in values.items()
    ]
