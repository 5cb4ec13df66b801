"""The results of a study as its tables need them: values by seed, scores on resampled test splits, differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from msd.distill.likeness import LIKENESS
from msd.errors import UserError
from msd.measure.metric import METRICS, evaluate
from msd.measure.scorers import FloatArray, Scorer, score
from msd.measure.stats import Resampling
from msd.tables.answer_scores import answer_metrics
from msd.tables.cell import ONE_MODEL, Against, Cell, Value
from msd.tables.results import Array, DatasetResults, MethodResults, in_view

if TYPE_CHECKING:
    from msd.config.contracts.tables import ReportParams

Side = Sequence[FloatArray | None]
"""Of each seed the score on all resampled test splits; None for a metric that has no scorer."""


@dataclass(frozen=True)
class StudyResults:
    """Everything the tables of a study are made from; makes their cells.

    teacher_seeds: dataset -> the seed its teacher was trained with. What it resamples it keeps: tables share runs.
    """

    params: ReportParams
    datasets: Mapping[str, DatasetResults]
    teacher_seeds: Mapping[str, str]
    _resampling: dict[str, Resampling] = field(default_factory=dict)
    _resampled: dict[tuple[str, ...], FloatArray | None] = field(default_factory=dict)

    @property
    def baseline(self) -> str:
        """The method that the others are held against."""
        return self.params.baseline

    def reference_cell(
        self,
        results: DatasetResults,
        logits: Array,
        *,
        name: str = "teacher",
        view: str = "both",
        place: Mapping[str, str] | None = None,
        against: Against | None = None,
    ) -> Cell:
        """Cell of one model's logits on the test split: the teacher's in a view, or the probe's."""
        metric = in_view(results.metric, view)
        value = evaluate_metrics(results, logits)[results.metric]
        folder = f"results/{self.params.study}/{'probes' if name == 'probe' else 'teachers'}/{results.name}"
        return Cell(
            dataset=results.name,
            method=name,
            metric=metric,
            split="test",
            place=place or {},
            value=Value.over_seeds({self.teacher_seeds[results.name]: value}, metric=metric, why=ONE_MODEL),
            runs=[folder],
            against=against,
        )

    def method_cell(
        self,
        results: DatasetResults,
        method: str,
        *,
        view: str = "both",
        kind: str = "score",
        against: str | None = None,
        place: Mapping[str, str] | None = None,
        details: Mapping[str, str] | None = None,
    ) -> Cell:
        """Cell of a method's test score, or of its likeness to the teacher (kind "kl" or "agreement").

        against: the method it is compared with, if any.
        """
        own = results.methods[method]
        metric = metric_name(results, view=view, kind=kind)
        compared = None
        if against is not None:
            seeds = [seed for seed in own.seeds if seed in results.methods[against].seeds]
            sides = [self.runs(results, name, view=view, kind=kind, seeds=seeds) for name in (method, against)]
            compared = self.against(against, sides[0], sides[1], results)
        return Cell(
            dataset=results.name,
            method=method,
            metric=metric,
            split="test",
            place=place or {},
            value=Value.over_seeds(method_values(results, own, view=view, kind=kind), metric=metric),
            selected=own.content["selected"],
            runs=own.content["runs"],
            against=compared,
            details=details or {},
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
        scorers = seed_scorers(results, results.methods[method], view=view, kind=kind, seeds=missing)
        for seed, of_seed in zip(missing, scorers, strict=True):
            self._resampled[names[seed]] = self.resampled(results, of_seed)
        return [self._resampled[names[seed]] for seed in seeds]

    def resampled(self, results: DatasetResults, of_metric: Scorer | None) -> FloatArray | None:
        """A metric on the resampled test splits of a dataset.

        The random stream is named by the dataset alone: every comparison on it sees the same resampled splits.
        """
        if results.name not in self._resampling:
            draws, stream = self.params.draws, f"{results.name}/test"
            self._resampling[results.name] = Resampling(results.groups, draws=draws, rng_name=stream)
        return None if of_metric is None else self._resampling[results.name].scores(of_metric)

    def against(self, name: str, a: Side, b: Side, results: DatasetResults) -> Against:
        """The difference a minus b, paired by seed and test picture."""
        n = max(len(a), len(b))
        of_a, of_b = ([one for one in side if one is not None] for side in (a, b))
        if not of_a or not of_b:
            return Against(name, n=n, why="this metric has no paired bootstrap" if a and b else "no seed in common")
        difference = self._resampling[results.name].compare(of_a, of_b)
        if not math.isfinite(difference.difference):
            return Against(name, n=n, why="the metric is undefined for a seed")
        return Against.of(
            name, difference, n=n, why="one seed on both sides: pictures alone are drawn" if n == 1 else None
        )


def metric_name(results: DatasetResults, *, view: str = "both", kind: str = "score") -> str:
    """Name of the primary metric, or of the divergence from or agreement with the teacher, in a view."""
    if kind != "score":
        return f"{kind}/{view}"
    return in_view(results.metric, view)


def seed_scorers(
    results: DatasetResults, own: MethodResults, *, view: str = "both", kind: str = "score", seeds: Sequence[str]
) -> list[Scorer | None]:
    """Scorers of `metric_name`, seed by seed; raises UserError when a prediction does not give the stated value."""
    metric = metric_name(results, view=view, kind=kind)
    logits = own.logits("test", view) if seeds else {}
    if kind == "agreement":  # no job has stated it
        likeness = {seed: (logits[seed], results.teacher[view]) for seed in seeds}
        return [LIKENESS[kind].scorer(*pair, results.task) for pair in likeness.values()]
    stated = own.values("test", metric)
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
                f"{own.predictions} gives {metric} = {again:.5f} for seed {seed}, but its cell.json says {value:.5f}; "
                "they are not of one run: delete both and run the workflow again"
            )
    return scorers


def method_values(results: DatasetResults, own: MethodResults, *, view: str, kind: str) -> Mapping[str, float | None]:
    """Seed -> value of `metric_name`: as the run has measured it, or from its predictions."""
    if kind != "agreement":
        return own.values("test", metric_name(results, view=view, kind=kind))
    scorers = seed_scorers(results, own, view=view, kind=kind, seeds=own.seeds)
    return {
        seed: None if found is None else score(found, len(results.targets))
        for seed, found in zip(own.seeds, scorers, strict=True)
    }


def evaluate_metrics(results: DatasetResults, logits: Array) -> dict[str, float]:
    """All metrics of logits (N, C) on the test split."""
    metrics = evaluate(torch.from_numpy(logits), torch.from_numpy(results.targets), dataset_task=results.task)
    return metrics | answer_metrics(logits, results.answers)
