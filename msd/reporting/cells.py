"""Cells of a table: means with intervals, paired differences, and Holm's correction over the table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from msd.errors import UserError
from msd.metrics import evaluate
from msd.reporting.results import Array, Cell, DatasetResults
from msd.reporting.scoring import divergence_scorer, score, scorer
from msd.stats import Scorer, holm, mean_interval, paired_difference

TableCell = dict[str, Any]
Side = Sequence[Scorer | None]
ONE_SEED = "one seed: no interval over seeds"
ONE_MODEL = "one model, not trained anew with further seeds: no interval over seeds"


@dataclass(frozen=True)
class Study:
    """Everything the tables of a study are made from; makes their cells.

    teacher_seeds: dataset -> the seed its teacher was trained with.
    """

    params: Mapping[str, Any]
    datasets: Mapping[str, DatasetResults]
    teacher_seeds: Mapping[str, str]

    @property
    def baseline(self) -> str:
        """The method that the others are held against."""
        return str(self.params["baseline"])

    def reference_cell(
        self, results: DatasetResults, logits: Array, *, name: str = "teacher", view: str = "both"
    ) -> TableCell:
        """Cell of one model's logits on the test split: the teacher's in a view, or the probe's."""
        metric = results.metric if view == "both" else f"{view}/{results.metric}"
        value = evaluate_metrics(results, logits)[results.metric]
        folder = f"results/{self.params['study']}/{'probes' if name == 'probe' else 'teachers'}/{results.name}"
        seed = self.teacher_seeds[results.name]
        return table_cell((results.name, name), (metric, "test"), values={seed: value}, runs=[folder], why=ONE_MODEL)

    def method_cell(self, results: DatasetResults, cell: Cell, *, view: str = "both", kind: str = "score") -> TableCell:
        """Cell of a method's test score, or of its divergence from the teacher (kind "kl"), against the baseline."""
        content, metric = cell.content, metric_name(results, view=view, kind=kind)
        against = None
        if content["method"] != self.baseline:
            base = results.cells[self.baseline]
            seeds = [seed for seed in cell.seeds if seed in base.seeds]
            own, other = (seed_scorers(results, one, view=view, kind=kind, seeds=seeds) for one in (cell, base))
            against = self.against(self.baseline, own, other, results)
        return table_cell(
            (results.name, content["method"]),
            (metric, "test"),
            values=cell.values("test", metric),
            selected=content["selected"],
            runs=content["runs"],
            against=against,
        )

    def against(self, name: str, a: Side, b: Side, results: DatasetResults) -> dict[str, Any]:
        """A cell's "against": a minus b, paired by seed and test picture; p_holm is filled in by `correct`.

        The random stream is named by the dataset alone: every comparison on it sees the same resampled splits.
        """
        found: dict[str, Any] = dict.fromkeys(("method", "difference", "low", "high", "p", "p_holm"))
        found |= {"method": name, "n": max(len(a), len(b))}
        of_a, of_b = ([one for one in side if one is not None] for side in (a, b))
        if not of_a or not of_b:
            return found | {"why": "this metric has no paired bootstrap" if a and b else "no seed in common"}
        draws, stream = self.params["draws"], f"{results.name}/test"
        result = paired_difference(of_a, of_b, groups=results.groups, draws=draws, rng_name=stream)
        if not math.isfinite(result.difference):
            return found | {"why": "the metric is undefined for a seed"}
        found |= {"difference": result.difference, "low": result.low, "high": result.high, "p": result.p}
        return found | ({"why": "one seed on both sides: pictures alone are drawn"} if found["n"] == 1 else {})


def table_cell(
    row: tuple[str, str],
    measure: tuple[str, str],
    *,
    values: Mapping[str, float | None],
    runs: Sequence[str],
    selected: str | None = None,
    against: dict[str, Any] | None = None,
    why: str | None = None,
) -> TableCell:
    """One cell in the format of the architecture page; mean and interval are taken over `values`, seed by seed.

    row: (dataset, method). measure: (metric, split). why: the reason for a missing interval.
    """
    undefined = [seed for seed, value in values.items() if value is None or not math.isfinite(value)]
    mean = low = high = None
    if undefined:
        why = f"{measure[0]} is undefined for seed {undefined[0]}"
    elif values:
        mean, low, high = mean_interval([value for value in values.values() if value is not None])
        why = None if len(values) > 1 else why or ONE_SEED
    stated = {seed: None if seed in undefined else value for seed, value in values.items()}
    cell: TableCell = {"dataset": row[0], "method": row[1], "metric": measure[0], "split": measure[1]}
    cell |= {"mean": mean, "low": low, "high": high, "n": len(values), "values": stated}
    cell |= {"selected": selected, "runs": list(runs), "against": against}
    return cell | ({"why": why} if why else {})


def correct(cells: Sequence[TableCell]) -> int:
    """Fill every p_holm of a table, whose comparisons are one family; the family's size."""
    compared = [cell["against"] for cell in cells if cell["against"] is not None]
    for against, p in zip(compared, holm([against["p"] for against in compared]), strict=True):
        against["p_holm"] = p
    return sum(against["p"] is not None for against in compared)


def metric_name(results: DatasetResults, *, view: str = "both", kind: str = "score") -> str:
    """Name in cell.json of the primary metric, or of the divergence from the teacher (kind "kl"), in a view."""
    if kind == "kl":
        return f"kl/{view}"
    return results.metric if view == "both" else f"{view}/{results.metric}"


def seed_scorers(
    results: DatasetResults, cell: Cell, *, view: str = "both", kind: str = "score", seeds: Sequence[str]
) -> list[Scorer | None]:
    """Scorers of `metric_name`, seed by seed; raises UserError when a prediction does not give the stated value."""
    metric = metric_name(results, view=view, kind=kind)
    stated, logits = cell.values("test", metric), cell.logits("test", view)
    scorers: list[Scorer | None] = []
    for seed in seeds:
        if kind == "kl":
            found: Scorer | None = divergence_scorer(logits[seed], results.teacher[view], dataset_task=results.task)
        else:
            found = scorer(results.metric, logits[seed], results.targets)
        scorers.append(found)
        value = stated[seed]
        if found is None or value is None:
            continue
        again = score(found, len(results.targets))
        if not math.isclose(again, value, rel_tol=1e-4, abs_tol=1e-5):
            raise UserError(
                f"{cell.predictions} gives {metric} = {again:.5f} for seed {seed}, but its cell.json says {value:.5f}; "
                "they are not of one run: delete both and run the workflow again"
            )
    return scorers


def evaluate_metrics(results: DatasetResults, logits: Array) -> dict[str, float]:
    """All metrics of logits (N, C) on the test split."""
    return evaluate(torch.from_numpy(logits), torch.from_numpy(results.targets), dataset_task=results.task)
