"""Tables that describe and test nothing: saliency by class, what models cost, every grid point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from msd.measure.intervals import clustered_interval
from msd.tables.cells import Study, TableCell, table_cell
from msd.tables.comparisons import MEASURES, UNIMODAL, Table, make_table
from msd.tables.results import Array, DatasetResults

COSTS = {
    "parameters": "Parameters",
    "bytes": "Bytes",
    "flops": "FLOPs",
    "latency_ms": "Latency, ms",
}


def classes_table(study: Study, saliency: Mapping[str, pd.DataFrame]) -> Table:
    """Mean saliency of each modality over the test samples of each label.

    saliency: dataset -> columns image and text, rows as the test split.
    """
    cells = [
        _class_cell(study, results, saliency[name][modality].to_numpy(), label=label, modality=modality)
        for name, results in study.datasets.items()
        for label in range(len(results.labels))
        for modality in UNIMODAL
    ]
    measure = study.params["saliency_measure"]
    return make_table(
        "saliency-classes",
        cells,
        study.params,
        layout=(["dataset", "label"], ["modality"]),
        caption="Mean saliency of each modality on the test split, by gold label.",
        notes=[
            f"Measure: {MEASURES.get(measure, measure)}.",
            "n counts samples; one with several labels counts for each. The interval is over pictures.",
        ],
        with_metric=False,
    )


def _class_cell(study: Study, results: DatasetResults, values: Array, *, label: int, modality: str) -> TableCell:
    gold = results.targets == label if results.targets.ndim == 1 else results.targets[:, label] > 0.5
    pictures = np.unique(results.groups[gold], return_inverse=True)[1]
    runs = [f"results/{study.params['study']}/teachers/{results.name}/saliency"]
    cell = table_cell((results.name, "teacher"), ("saliency", "test"), values={}, runs=runs)
    cell |= {"label": results.labels[label], "modality": modality, "over": "samples", "n": int(gold.sum())}
    if not gold.any():
        return cell | {"why": "a label that no test sample has has no saliency"}
    if pictures.max() == 0:
        return cell | {"mean": float(values[gold].mean()), "why": "one picture: no interval over pictures"}
    return cell | dict(zip(("mean", "low", "high"), clustered_interval(values[gold].tolist(), pictures), strict=True))


def cost_table(costs: Mapping[str, Any], params: Mapping[str, Any]) -> Table:
    """Size, arithmetic, time and bytes of teacher and student, as the cost stage measured them."""
    cells: list[TableCell] = []
    for dataset, found in costs.items():
        for model, entry in found["models"].items():
            for measure in COSTS:
                values = entry[measure] if measure == "latency_ms" else [entry[measure]]
                by_round = {str(index): float(value) for index, value in enumerate(values)}
                cell = table_cell((dataset, model), (measure, "test"), values=by_round, runs=[entry["run"]])
                cell |= {"measure": measure, "better": "lower", "over": "rounds"}
                if measure != "latency_ms":
                    cell.pop("why")
                    cell["counted"] = True
                cells.append(cell)
    return make_table(
        "cost",
        cells,
        params,
        layout=(["dataset", "method"], ["measure"]),
        measures=COSTS,
        caption="What teacher and student cost: size, bytes of the saved model, arithmetic and time of one sample.",
        notes=[
            "Regions are read from the cache: the picture encoder that both share is not counted.",
            "FLOPs: of the test sample of median length, a multiplication and an addition counted as two.",
            "Latency: one sample at a time, one thread; the median of each of n rounds of samples of all lengths.",
        ],
        with_metric=False,
    )


def grid_table(study: Study) -> Table:
    """Every point of every method's grid on validation and on test, and which one was selected."""
    cells: list[TableCell] = []
    for results in study.datasets.values():
        for name, cell in results.cells.items():
            selected = cell.content["selected"]
            for variant in cell.content["variants"]:
                point = variant["variant"] + (" (selected)" if variant["variant"] == selected else "")
                for split in ("val", "test"):
                    made = table_cell(
                        (results.name, name),
                        (results.metric, split),
                        values=variant[split]["values"],
                        selected=selected,
                        runs=variant["runs"],
                    )
                    cells.append(made | {"variant": variant["variant"], "point": point})
    return make_table(
        "grid",
        cells,
        study.params,
        layout=(["dataset", "method", "point"], ["split"]),
        caption="Every grid point of every method: mean score over seeds on validation, which selects, and on test.",
        notes=["The point with the best mean on validation is selected, the first of equals; test decides nothing."],
    )
