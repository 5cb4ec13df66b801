"""Cells of a table: means with intervals, paired differences, and Holm's correction over the table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from msd.distill.likeness import LIKENESS
from msd.errors import UserError
from msd.measure.intervals import mean_interval
from msd.measure.metric import METRICS, evaluate
from msd.measure.scorers import FloatArray, Scorer, score
from msd.measure.stats import Resampling, holm
from msd.tables.answer_scores import answer_metrics
from msd.tables.results import Array, Cell, DatasetResults, in_view

TableCell = dict[str, Any]
Side = Sequence[FloatArray | None]
"""Of each seed the score on all resampled test splits; None for a metric that has no scorer."""
ONE_SEED = "one seed: no interval over seeds"
ONE_MODEL = "one model, not trained anew with further seeds: no interval over seeds"


@dataclass(frozen=True)
class Study:
    """Everything the tables of a study are made from; makes their cells.

    teacher_seeds: dataset -> the seed its teacher was trained with. What it resamples it keeps: tables share runs.
    """

    params: Mapping[str, Any]
    datasets: Mapping[str, DatasetResults]
    teacher_seeds: Mapping[str, str]
    _resampling: dict[str, Resampling] = field(default_factory=dict)
    _resampled: dict[tuple[str, ...], FloatArray | None] = field(default_factory=dict)

    @property
    def baseline(self) -> str:
        """The method that the others are held against."""
        return str(self.params["baseline"])

    def reference_cell(
        self, results: DatasetResults, logits: Array, *, name: str = "teacher", view: str = "both"
    ) -> TableCell:
        """Cell of one model's logits on the test split: the teacher's in a view, or the probe's."""
        metric = in_view(results.metric, view)
        value = evaluate_metrics(results, logits)[results.metric]
        folder = f"results/{self.params['study']}/{'probes' if name == 'probe' else 'teachers'}/{results.name}"
        seed = self.teacher_seeds[results.name]
        return table_cell((results.name, name), (metric, "test"), values={seed: value}, runs=[folder], why=ONE_MODEL)

    def method_cell(
        self,
        results: DatasetResults,
        method: str,
        *,
        view: str = "both",
        kind: str = "score",
        against: str | None = None,
    ) -> TableCell:
        """Cell of a method's test score, or of its likeness to the teacher (kind "kl" or "agreement").

        against: the method it is compared with, if any.
        """
        cell = results.cells[method]
        metric = metric_name(results, view=view, kind=kind)
        values = method_values(results, cell, view=view, kind=kind)
        compared = None
        if against is not None:
            seeds = [seed for seed in cell.seeds if seed in results.cells[against].seeds]
            own, other = (self.runs(results, name, view=view, kind=kind, seeds=seeds) for name in (method, against))
            compared = self.against(against, own, other, results)
        return table_cell(
            (results.name, method),
            (metric, "test"),
            values=values,
            selected=cell.content["selected"],
            runs=cell.content["runs"],
            against=compared,
        )

    def against_baseline(self, method: str) -> str | None:
        """The baseline; None for itself."""
        return None if method == self.baseline else self.baseline

    def runs(
        self, results: DatasetResults, method: str, *, view: str = "both", kind: str = "score", seeds: Sequence[str]
    ) -> Side:
        """A method's resampled scores, seed by seed; raises UserError for predictions of another run."""
        names = {seed: (results.name, method, metric_name(results, view=view, kind=kind), seed) for seed in seeds}
        missing = [seed for seed in seeds if names[seed] not in self._resampled]
        scorers = seed_scorers(results, results.cells[method], view=view, kind=kind, seeds=missing)
        for seed, found in zip(missing, scorers, strict=True):
            self._resampled[names[seed]] = self.resampled(results, found)
        return [self._resampled[names[seed]] for seed in seeds]

    def resampled(self, results: DatasetResults, found: Scorer | None) -> FloatArray | None:
        """A metric on the resampled test splits of a dataset.

        The random stream is named by the dataset alone: every comparison on it sees the same resampled splits.
        """
        if results.name not in self._resampling:
            draws, stream = self.params["draws"], f"{results.name}/test"
            self._resampling[results.name] = Resampling(results.groups, draws=draws, rng_name=stream)
        return None if found is None else self._resampling[results.name].scores(found)

    def against(self, name: str, a: Side, b: Side, results: DatasetResults) -> dict[str, Any]:
        """A cell's "against": a minus b, paired by seed and test picture; p_holm is filled in by `correct`."""
        found: dict[str, Any] = {"method": name, "n": max(len(a), len(b))}
        of_a, of_b = ([one for one in side if one is not None] for side in (a, b))
        if not of_a or not of_b:
            why = "this metric has no paired bootstrap" if a and b else "no seed in common"
            return found | NO_DIFFERENCE | {"why": why}
        result = self._resampling[results.name].compare(of_a, of_b)
        if not math.isfinite(result.difference):
            return found | NO_DIFFERENCE | {"why": "the metric is undefined for a seed"}
        found |= NO_DIFFERENCE | asdict(result)
        return found | ({"why": "one seed on both sides: pictures alone are drawn"} if found["n"] == 1 else {})


NO_DIFFERENCE = dict.fromkeys(
    ("difference", "low", "high", "p", "p_holm", "p_permutation", "effect", "improvement")
)  # what an "against" holds


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
    """Name of the primary metric, or of the divergence from or agreement with the teacher, in a view."""
    if kind != "score":
        return f"{kind}/{view}"
    return in_view(results.metric, view)


def seed_scorers(
    results: DatasetResults, cell: Cell, *, view: str = "both", kind: str = "score", seeds: Sequence[str]
) -> list[Scorer | None]:
    """Scorers of `metric_name`, seed by seed; raises UserError when a prediction does not give the stated value."""
    metric = metric_name(results, view=view, kind=kind)
    logits = cell.logits("test", view) if seeds else {}
    if kind == "agreement":  # no job has stated it
        likeness = {seed: (logits[seed], results.teacher[view]) for seed in seeds}
        return [LIKENESS[kind].scorer(*pair, results.task) for pair in likeness.values()]
    stated = cell.values("test", metric)
    scorers: list[Scorer | None] = []
    for seed in seeds:
        if kind == "kl":
            found: Scorer | None = LIKENESS[kind].scorer(logits[seed], results.teacher[view], results.task)
        else:
            found = METRICS[results.metric].scorer(logits[seed], results.gold, results.task)
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


def method_values(results: DatasetResults, cell: Cell, *, view: str, kind: str) -> Mapping[str, float | None]:
    """Seed -> value of `metric_name`: as the run has measured it, or from its predictions."""
    if kind != "agreement":
        return cell.values("test", metric_name(results, view=view, kind=kind))
    scorers = seed_scorers(results, cell, view=view, kind=kind, seeds=cell.seeds)
    return {
        seed: None if found is None else score(found, len(results.targets))
        for seed, found in zip(cell.seeds, scorers, strict=True)
    }


def evaluate_metrics(results: DatasetResults, logits: Array) -> dict[str, float]:
    """All metrics of logits (N, C) on the test split."""
    found = evaluate(torch.from_numpy(logits), torch.from_numpy(results.targets), dataset_task=results.task)
    return found | answer_metrics(logits, results.answers)
