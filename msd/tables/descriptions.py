"""Tables that describe and test nothing: saliency by class, what models cost, every grid point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from msd.distill.lesson import SAME
from msd.measure.intervals import clustered_interval
from msd.measure.metric import METRICS
from msd.tables.cell import ONE_TEACHER, Cell, Value
from msd.tables.comparisons import MEASURES, UNIMODAL, make_table
from msd.tables.results import Array, DatasetResults
from msd.tables.study_results import StudyResults
from msd.tables.table import Table

if TYPE_CHECKING:
    from msd.config.contracts.tables import ReportParams

COUNTED = {"parameters": "Parameters", "bytes": "Bytes", "flops": "FLOPs", "score": "Test score"}
MEASURED = {"latency_ms": "Latency, ms"}


def classes_table(study: StudyResults, saliency: Mapping[str, pd.DataFrame]) -> Table:
    """Mean saliency over the test samples of each label; saliency: dataset -> columns image and text of that split."""
    cells = [
        _class_cell(study, results, saliency[name][modality].to_numpy(), label=label, modality=modality)
        for name, results in study.datasets.items()
        for label in range(len(results.labels))
        for modality in UNIMODAL
    ]
    measure = study.params.saliency_measure
    return make_table(
        "saliency-classes",
        cells,
        study.params,
        rows=["dataset", "label"],
        columns=["modality"],
        caption="Mean saliency of each modality on the test split, by gold label.",
        notes=[
            f"Measure: {MEASURES.get(measure, measure)}.",
            "n counts samples; one with several labels counts for each.",
            "The interval is over pictures, of the mean over the teachers at hand.",
        ],
        with_metric=False,
    )


def _class_cell(study: StudyResults, results: DatasetResults, values: Array, *, label: int, modality: str) -> Cell:
    gold = results.targets == label if results.targets.ndim == 1 else results.targets[:, label] > 0.5
    pictures = np.unique(results.groups[gold], return_inverse=True)[1]
    runs = study.teacher_runs(results, "saliency")
    place = {"label": results.labels[label], "modality": modality, "over": "samples"}
    n = int(gold.sum())
    if not n:
        value = Value(n=n, why="a label that no test sample has has no saliency")
    elif pictures.max() == 0:
        value = Value(float(values[gold].mean()), n=n, why="one picture: no interval over pictures")
    else:
        value = Value(*clustered_interval(values[gold].tolist(), pictures), n=n)
    about: dict[str, Any] = {"dataset": results.name, "method": "teacher", "metric": "saliency", "split": "test"}
    return Cell(**about, value=value, place=place, runs=runs)


LESSON = {
    "train": "Training score",
    "test": "Test score",
    "entropy": "Entropy of its answers",
    "label_kl": "KL(labels ‖ answers)",
    "off_label": "Probability off the labels",
}


def lesson_table(study: StudyResults, answers: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> Table:
    """How much the teachers add to the labels; answers: dataset -> seed -> metrics of the `teacher_outputs` job."""
    cells = [
        _lesson_cell(study, results, measure, answers[name])
        for name, results in study.datasets.items()
        for measure in LESSON
    ]
    notes = [
        "On the training split, but for the test score; in nats, summed over classes or labels. Off the labels: half "
        "the summed distance of labels and answers (several labels: all of it). By so much, at most, the gradient of "
        "distillation at temperature 1 differs from that of fine-tuning in any logit.",
    ]
    apart = {cell.dataset: cell.value.mean for cell in cells if cell.place["measure"] == "off_label"}
    same = [study.datasets[name].title for name, value in apart.items() if value is not None and value < SAME]
    if same:
        notes.append(
            f"Warning: on {', '.join(same)} the teacher knows its training set by heart (less than {SAME} off the "
            "labels): at temperature 1, distillation is fine-tuning there."
        )
    of_people = [one.title for one in study.datasets.values() if METRICS[one.metric].of_answers]
    if of_people:
        notes.append(f"{', '.join(of_people)}: scores are the accuracy, by which training is watched.")
    return make_table(
        "lesson",
        cells,
        study.params,
        rows=["dataset"],
        columns=["measure"],
        measures=LESSON,
        caption="How much the teacher's answers add to the labels that it was trained on.",
        notes=notes,
    )


def _lesson_cell(
    study: StudyResults, results: DatasetResults, measure: str, answers: Mapping[str, Mapping[str, float | None]]
) -> Cell:
    split = "test" if measure == "test" else "train"
    metric = METRICS[results.metric].in_training if measure in ("train", "test") else measure
    values = {seed: metrics[f"{split}/both/{metric}"] for seed, metrics in answers.items()}
    return Cell(
        dataset=results.name,
        method="teacher",
        metric=metric,
        split=split,
        value=Value.over_seeds(values, metric=metric, why=ONE_TEACHER),
        place={"measure": measure},
        runs=study.teacher_runs(results, "outputs"),
    )


def cost_table(costs: Mapping[str, Any], params: ReportParams) -> Table:
    """Size, arithmetic and bytes of teacher and student, which are counted."""
    return make_table(
        "cost",
        _cost_cells(costs, COUNTED),
        params,
        rows=["dataset", "method"],
        columns=["measure"],
        measures=COUNTED,
        caption="What teacher and student cost: size, bytes of the saved model, arithmetic of one sample.",
        notes=[
            "ONNX: the same student exported, in float32 and with the weights of its matrix products in 8 bits. Test "
            "score: of that one student, the first.",
            "Regions are read from the cache: the picture encoder that both share is not counted.",
            "FLOPs: of the test sample of median length, a multiplication and an addition counted as two.",
        ],
    )


def latency_table(costs: Mapping[str, Any], params: ReportParams) -> Table:
    """Time of teacher and student: what another machine, or a second run, does not repeat; so a table of its own."""
    return make_table(
        "latency",
        _cost_cells(costs, MEASURED),
        params,
        rows=["dataset", "method"],
        columns=["measure"],
        measures=MEASURED,
        caption="How long teacher and student take for one sample, on the machine that made this study.",
        notes=[
            "One sample at a time, one thread; the median of each of n rounds of samples of all lengths, and ± half a "
            "95 % t-interval over the rounds."
        ],
        with_metric=False,
    )


def _cost_cells(costs: Mapping[str, Any], measures: Mapping[str, str]) -> list[Cell]:
    """A cell of each measure of each model; what is counted is one number, what is measured one a round."""
    cells = []
    for dataset, of_dataset in costs.items():
        for model, entry in of_dataset["models"].items():
            for measure in [each for each in measures if each in entry]:
                is_counted = measure in COUNTED
                values = [entry[measure]] if is_counted else entry[measure]
                by_round = {str(index): float(value) for index, value in enumerate(values)}
                value = Value.over_seeds(by_round, metric=measure)
                value, counted = (replace(value, why=None), {"counted": True}) if is_counted else (value, {})
                about: dict[str, Any] = {"dataset": dataset, "method": model, "metric": measure, "split": "test"}
                about |= {
                    "place": {"measure": measure, "over": "rounds"},
                    "details": {"better": "higher" if measure == "score" else "lower"} | counted,
                }
                cells.append(Cell(**about, value=value, runs=[entry["run"]]))
    return cells


def grid_table(study: StudyResults) -> Table:
    """Every point of every method's grid on validation and on test, and which one was selected."""
    cells: list[Cell] = []
    for results in study.datasets.values():
        for method, collected in results.methods.items():
            selected, teachers = collected.content["selected"], study.teachers_of(results, method)
            for variant in collected.content["variants"]:
                name = variant["variant"]
                for split in ("val", "test"):
                    about: dict[str, Any] = {"dataset": results.name, "method": method, "metric": results.metric}
                    about |= {"split": split, "selected": selected, "runs": variant["runs"]}
                    point = f"{name} (selected)" if name == selected else name
                    values = variant[split]["values"]
                    value = Value.over_seeds(values, metric=results.metric, teachers=teachers)
                    cells.append(Cell(**about, value=value, place={"variant": name}, details={"point": point}))
    return make_table(
        "grid",
        cells,
        study.params,
        rows=["dataset", "method", "point"],
        columns=["split"],
        caption="Every grid point of every method: mean score over seeds on validation, which selects, and on test.",
        notes=["Of equal points the first one is selected; test decides nothing."],
    )
