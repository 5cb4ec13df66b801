"""The tables of a study: which cells each one holds and what each is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msd.reporting.cells import Study, TableCell, correct, seed_scorers, table_cell
from msd.reporting.results import VIEWS, DatasetResults
from msd.reporting.scoring import best_constant, score, scorer

Table = dict[str, Any]
REFERENCES = {"teacher": "Teacher", "probe": "Logistic probe", "constant": "Best constant answer"}
UNIMODAL = VIEWS[1:]
MEASURES = {
    "kl": "KL divergence, nats",
    "js": "Jensen-Shannon divergence, nats",
    "l1": "summed change of probabilities",
    "gold": "drop of the gold label's probability",
}


def main_table(study: Study) -> Table:
    """Datasets × methods on the test split, each method against the baseline; teacher and probe as references."""
    cells: list[TableCell] = []
    for results in study.datasets.values():
        cells.append(study.reference_cell(results, results.teacher["both"]))
        if results.probe is not None:
            cells.append(study.reference_cell(results, results.probe, name="probe"))
        cells += [study.method_cell(results, cell) for cell in results.cells.values()]
    baseline = titles(study.params)["method"][study.baseline]
    return _table(
        "main",
        cells,
        study.params,
        layout=(["method"], ["dataset"]),
        caption=f"Test score of each method on each dataset, and its difference to {baseline}.",
        notes=["Teacher and logistic probe are references: one model each, not part of the tests."],
    ) | {"samples": {name: len(results.targets) for name, results in study.datasets.items()}}


def teacher_table(study: Study) -> Table:
    """Is there something to distil? The teacher against probe and from-scratch student, its views against chance."""
    cells: list[TableCell] = []
    measures: dict[str, str] = {}
    named = titles(study.params)["method"]
    for results in study.datasets.values():
        for view, against in _teacher_gaps(study, results):
            measure = f"{view}-{against['method']}"
            measures[measure] = f"{_view_title(view)}, against {named[against['method']].lower()}"
            extra = {"view": view, "measure": measure, "against": against}
            cells.append(study.reference_cell(results, results.teacher[view], view=view) | extra)
    return _table(
        "teacher",
        cells,
        study.params,
        layout=(["dataset"], ["measure"]),
        measures=measures,
        caption="The teacher's test score with both modalities and with one alone, and its gap to what it should beat.",
        notes=[
            "The best constant answer is chosen on the test split itself: a generous chance level.",
            "There is one teacher: intervals cover test pictures and a student's seeds, not the teacher's training.",
        ],
    )


def _teacher_gaps(study: Study, results: DatasetResults) -> Iterator[tuple[str, dict[str, Any]]]:
    """(view, against) of each comparison of a teacher that can be made."""
    own = {view: [scorer(results.metric, logits, results.targets)] for view, logits in results.teacher.items()}
    if results.probe is not None:
        probe = [scorer(results.metric, results.probe, results.targets)]
        yield "both", study.against("probe", own["both"], probe, results)
    scratch = study.params["from_scratch"]
    if scratch is not None:
        student = results.cells[scratch]
        yield (
            "both",
            study.against(scratch, own["both"], seed_scorers(results, student, seeds=student.seeds), results),
        )
    labels = len(results.labels)
    constant = best_constant(results.metric, results.targets, labels=labels, dataset_task=results.task)
    chance = None if constant is None else score(constant, len(results.targets))
    for view in UNIMODAL:
        yield view, study.against("constant", own[view], [constant], results) | {"mean": chance}


def views_table(study: Study) -> Table:
    """Claim C2: how each student does with one modality alone, and how far it is from the teacher in each view."""
    measures = {view: f"{_view_title(view)}: score" for view in UNIMODAL}
    measures |= {f"kl/{view}": f"{_view_title(view)}: KL from the teacher" for view in VIEWS}
    cells: list[TableCell] = []
    for results in study.datasets.values():
        for view in UNIMODAL:
            extra = {"view": view, "measure": view, "better": "higher"}
            cells.append(study.reference_cell(results, results.teacher[view], view=view) | extra)
        for cell in results.cells.values():
            for view in UNIMODAL:
                extra = {"view": view, "measure": view, "better": "higher"}
                cells.append(study.method_cell(results, cell, view=view) | extra)
            for view in VIEWS:
                extra = {"view": view, "measure": f"kl/{view}", "better": "lower"}
                cells.append(study.method_cell(results, cell, view=view, kind="kl") | extra)
    return _table(
        "views",
        cells,
        study.params,
        layout=(["dataset", "method"], ["measure"]),
        measures=measures,
        caption="Test score with one modality removed, and mean KL divergence from the teacher in the same view.",
        notes=["KL(teacher ‖ student) at temperature 1, in nats, summed over labels; lower is closer."],
    )


def saliency_table(summaries: Mapping[str, Any], params: Mapping[str, Any]) -> Table:
    """Claim C1: mean saliency of each modality per dataset and split, as the saliency stage summarised it."""
    cells: list[TableCell] = []
    for dataset, summary in summaries.items():
        runs = [f"results/{params['study']}/teachers/{dataset}/saliency"]
        for split in [split for split in ("train", "val", "test") if split in summary]:
            for modality, entry in summary[split].items():
                cell = table_cell((dataset, "teacher"), ("saliency", split), values={}, runs=runs)
                cell |= {key: entry[key] for key in ("mean", "low", "high", "n")}
                cells.append(cell | {"modality": modality, "over": "samples"})
    return _table(
        "saliency",
        cells,
        params,
        layout=(["dataset", "split"], ["modality"]),
        caption="Mean saliency of each modality: how far the teacher's answer moves when that modality is removed.",
        notes=[
            f"Measure: {MEASURES.get(params['saliency_measure'], params['saliency_measure'])}.",
            "Here n counts samples, and the interval is over pictures.",
        ],
    )


def titles(params: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Printed names of datasets, methods and references."""
    return {
        "dataset": {about["name"]: about["title"] for about in params["datasets"]},
        "method": REFERENCES | {method["name"]: method["title"] for method in params["methods"]},
        "modality": {"image": "Image", "text": "Text"},
        "metric": {about["name"]: metric_title(about["metric"]) for about in params["datasets"]},
    }


def metric_title(metric: str) -> str:
    """Printed name of a metric: micro-F1 for micro_f1."""
    return metric.upper() if metric == "auroc" else metric.replace("_f1", "-F1").replace("_ap", "-AP")


def _view_title(view: str) -> str:
    return "Both" if view == "both" else f"{view.capitalize()} alone"


def _table(
    name: str,
    cells: list[TableCell],
    params: Mapping[str, Any],
    *,
    layout: tuple[list[str], list[str]],
    caption: str,
    notes: list[str],
    measures: Mapping[str, str] | None = None,
) -> Table:
    """The whole JSON of a table; its comparisons are corrected as one family."""
    family = correct(cells)
    if family:
        draws = params["draws"]
        notes = [
            *notes,
            "Brackets: 95 % interval of the difference, seeds and test pictures resampled together in pairs "
            f"({draws:,} draws); p is two-sided, corrected by Holm over the {family} comparisons of this table "
            f"(the smallest p that so many draws can show here is {min(1.0, 2 * family / (1 + draws)):.3f}).",
        ]
    if any(cell["low"] is not None and cell["values"] for cell in cells):
        notes = ["± is half a 95 % t-interval over the n seeds.", *notes]
    return {
        "name": name,
        "caption": caption,
        "notes": notes,
        "study": params["study"],
        "family": family,
        "layout": {"rows": layout[0], "columns": layout[1]},
        "titles": titles(params) | {"measure": dict(measures or {})},
        "cells": cells,
    }
