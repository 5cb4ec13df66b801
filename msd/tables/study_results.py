"""The results of a study as its tables need them: values by seed, scores on resampled test splits, differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from msd.distill.likeness import LIKENESS
from msd.errors import UserError
from msd.measure.metric import F1_THRESHOLD, METRICS, TUNED_F1, evaluate
from msd.measure.scorers import FloatArray, Scorer, score
from msd.measure.stats import Resampling
from msd.measure.variance import MeanSquares, TeacherShare, grouped, mean_squares, teacher_share
from msd.tables.answer_scores import answer_metrics
from msd.tables.cell import ONE_MODEL, ONE_TEACHER, Against, Cell, Value
from msd.tables.names import in_view
from msd.tables.results import Array, DatasetResults, MethodResults

if TYPE_CHECKING:
    from msd.config.contracts.tables import ReportParams

Side = Sequence[FloatArray]
"""Of each seed the score on all resampled test splits."""


@dataclass(frozen=True)
class StudyResults:
    """Everything the tables of a study are made from; makes their cells.

    What it resamples it keeps: tables share runs.
    """

    params: ReportParams
    datasets: Mapping[str, DatasetResults]
    _resampling: dict[str, Resampling] = field(default_factory=dict)
    _resampled: dict[tuple[str, ...], FloatArray] = field(default_factory=dict)
    _squares: dict[tuple[str, ...], list[MeanSquares]] = field(default_factory=dict)

    def teacher_cell(self, results: DatasetResults, *, view: str = "both", **more: Any) -> Cell:
        """Cell of the teachers' test score in a view, by the seed of each teacher; more: further fields of the Cell."""
        by_seed = results.teachers[view]
        values = {seed: evaluate_metrics(results, logits)[results.metric] for seed, logits in by_seed.items()}
        return self._reference(
            results, "teacher", values, self.teacher_runs(results), view=view, why=ONE_TEACHER, **more
        )

    def probe_cell(self, results: DatasetResults, logits: Array) -> Cell:
        """Cell of the probe's test score."""
        values = {"0": evaluate_metrics(results, logits)[results.metric]}
        return self._reference(results, "probe", values, self.probe_runs(results), view="both", why=ONE_MODEL)

    def _reference(
        self,
        results: DatasetResults,
        name: str,
        values: Mapping[str, float],
        runs: Sequence[str],
        *,
        view: str,
        why: str,
        **more: Any,
    ) -> Cell:
        metric = in_view(results.metric, view)
        value = Value.over_seeds(values, metric=metric, why=why)
        return Cell(
            dataset=results.name, method=name, metric=metric, split="test", value=value, runs=list(runs), **more
        )

    def teacher_runs(self, results: DatasetResults, part: str = "") -> list[str]:
        """The folders of a dataset's teachers, or of one part of each: outputs, saliency."""
        folder = f"results/{self.params.study}/teachers/{results.name}"
        return [f"{folder}/seed-{seed}{part and f'/{part}'}" for seed in results.teachers["both"]]

    def probe_runs(self, results: DatasetResults) -> list[str]:
        """The folder of a dataset's probe."""
        return [f"results/{self.params.study}/probes/{results.name}"]

    def method_cell(
        self,
        results: DatasetResults,
        method: str,
        *,
        view: str = "both",
        kind: str = "score",
        against: str | None = None,
        **more: Any,
    ) -> Cell:
        """Cell of what a method's test split gives, against another's.

        kind: "score" for the primary metric, another of METRICS, `TUNED_F1`, or a likeness to the teacher.
        """
        own = results.methods[method]
        metric = metric_name(results, view=view, kind=kind)
        compared = None
        if against is not None:
            side = partial(self.runs, results, view=view, kind=kind)
            compared = self.between(results, method, against, side, kinds=[(kind, view)])
        return Cell(
            dataset=results.name,
            method=method,
            metric=metric,
            split="test",
            value=Value.over_seeds(
                method_values(results, own, view=view, kind=kind),
                metric=metric,
                teachers=self.teachers_of(results, method, kind=kind),
            ),
            selected=own.content["selected"],
            runs=own.content["runs"],
            against=compared,
            **more,
        )

    def between(
        self,
        results: DatasetResults,
        method: str,
        other: str,
        side: Callable[..., Side],
        *,
        kinds: Sequence[tuple[str, str]] = (("score", "both"),),
    ) -> Against:
        """The difference of two methods over the seeds that both have.

        side: of a method and `seeds` the scores of each on all resampled test splits.   kinds: what they are of, as in
        `teacher_share`.
        """
        own = results.methods[method]
        seeds = [seed for seed in own.seeds if seed in results.methods[other].seeds]
        a, b = (side(name, seeds=seeds) for name in (method, other))
        teachers = [own.teachers[seed] for seed in seeds]
        share = self.teacher_share(results.name, kinds) if len(set(teachers)) > 1 else None
        return self.against(other, a, b, results, teachers=teachers, share=share)

    def teachers_of(self, results: DatasetResults, method: str, *, kind: str = "score") -> Mapping[str, str]:
        """Seed -> the teacher that a value of a method's student depends on; none of the score of one without."""
        without = method == self.params.from_scratch and kind not in LIKENESS
        return {} if without else results.methods[method].teachers

    def against_baseline(self, method: str) -> str | None:
        """The baseline; None for itself."""
        return None if method == self.params.baseline else self.params.baseline

    def runs(
        self, results: DatasetResults, method: str, *, view: str = "both", kind: str = "score", seeds: Sequence[str]
    ) -> Side:
        """A method's resampled scores, seed by seed; raises UserError for predictions of another run."""
        names = {seed: (results.name, method, metric_name(results, view=view, kind=kind), seed) for seed in seeds}
        missing = [seed for seed in seeds if names[seed] not in self._resampled]
        scorers = seed_scorers(results, results.methods[method], view=view, kind=kind, seeds=missing)
        for seed, scorer in scorers.items():
            self._resampled[names[seed]] = self.resampled(results, scorer)
        return [self._resampled[names[seed]] for seed in seeds]

    def resampled(self, results: DatasetResults, of_metric: Scorer) -> FloatArray:
        """A metric on the resampled test splits of a dataset, which are the same ones for every comparison on it."""
        if results.name not in self._resampling:
            draws, stream = self.params.draws, f"{results.name}/test"
            self._resampling[results.name] = Resampling(results.groups, draws=draws, rng_name=stream)
        return self._resampling[results.name].scores(of_metric)

    def teacher_share(self, dataset: str, kinds: Sequence[tuple[str, str]]) -> TeacherShare | None:
        """What the other datasets say of the variance between teachers, by all differences to the baseline.

        kinds: (kind, view) of what is compared, or of several of which it is the mean. A dataset without such a metric
        says it by its score.
        """
        others = [results for name, results in self.datasets.items() if name != dataset]
        squares_of_others = [
            self._mean_squares(results, [(kind if self._has(results, kind) else "score", view) for kind, view in kinds])
            for results in others
        ]
        return teacher_share([squares for squares in squares_of_others if squares])

    def _has(self, results: DatasetResults, kind: str) -> bool:
        """Whether a dataset's students have that metric, or likeness to the teacher."""
        measured = results.methods[self.params.baseline].content["metrics"]["test"]
        return kind in ("score", *LIKENESS) or kind in measured

    def _mean_squares(self, results: DatasetResults, kinds: Sequence[tuple[str, str]]) -> list[MeanSquares]:
        """Of each method's difference to the baseline, where several teachers have several students each."""
        key = (results.name, *(part for kind in kinds for part in kind))
        if key not in self._squares:
            values = {
                name: [method_values(results, own, view=view, kind=kind) for kind, view in kinds]
                for name, own in results.methods.items()
            }
            base = values.pop(self.params.baseline)
            of_methods = []
            for name, own in values.items():
                gaps = _mean_gaps(own, base)
                groups = grouped([results.methods[name].teachers[seed] for seed in gaps])
                if len(gaps) > len(set(groups)) > 1:
                    of_methods.append(mean_squares(np.array(list(gaps.values())), groups))
            self._squares[key] = of_methods
        return self._squares[key]

    def against(
        self,
        name: str,
        a: Side,
        b: Side,
        results: DatasetResults,
        *,
        teachers: Sequence[str] = (),
        share: TeacherShare | None = None,
    ) -> Against:
        """The difference a minus b, paired by seed, hence by teacher, and test picture."""
        n = max(len(a), len(b))
        if not a or not b:
            return Against(name, n=n, why="no seed in common")
        difference = self._resampling[results.name].compare(a, b, teachers=teachers, share=share)
        if not math.isfinite(difference.difference):
            return Against(name, n=n, why="the metric is undefined for a seed")
        why = "one seed on both sides: pictures alone are drawn" if n == 1 else None
        if difference.difference == 0 and difference.error is None:
            why = "both give the same answers: nothing to test"
        return Against.of(name, difference, n=n, why=why)


def _mean_gaps(a: Sequence[Mapping[str, float | None]], b: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
    """Seed -> mean over measures of a minus b, for the seeds for which all are defined."""
    sides = [*a, *b]
    seeds = [seed for seed in a[0] if all(side.get(seed) is not None for side in sides)]
    means = [{seed: math.fsum(one[seed] or 0 for one in side) / len(side) for seed in seeds} for side in (a, b)]
    return {seed: means[0][seed] - means[1][seed] for seed in seeds}


def metric_name(results: DatasetResults, *, view: str = "both", kind: str = "score") -> str:
    """Name of the primary metric (kind "score") or another, or of a likeness to the teacher, in a view."""
    if kind in LIKENESS:
        return f"{kind}/{view}"
    return in_view(results.metric if kind == "score" else kind, view)


def seed_scorers(
    results: DatasetResults, own: MethodResults, *, view: str = "both", kind: str = "score", seeds: Sequence[str]
) -> dict[str, Scorer]:
    """Seed -> scorer of `metric_name`; raises UserError when a prediction does not give the stated value."""
    metric = metric_name(results, view=view, kind=kind)
    logits = own.logits("test", view) if seeds else {}
    if kind == TUNED_F1:
        thresholds = own.values("val", F1_THRESHOLD)
        # In double precision, as the run has it: in single, logits that are just above the threshold are on it.
        logits = {seed: own_logits.astype("float64") - thresholds[seed] for seed, own_logits in logits.items()}
    of_metric = LIKENESS.get(kind) or METRICS[{"score": results.metric, TUNED_F1: "micro_f1"}.get(kind, kind)]
    by_seed = results.teachers[view]
    others = {seed: by_seed[own.teachers[seed]] if kind in LIKENESS else results.gold for seed in seeds}
    scorers = {seed: of_metric.scorer(logits[seed], others[seed], results.task) for seed in seeds}
    stated = {} if kind == "agreement" else own.values("test", metric)  # no job has stated the agreement
    for seed, scorer in scorers.items():
        again, value = score(scorer, len(results.targets)), stated.get(seed)
        if value is not None and not math.isclose(again, value, rel_tol=1e-4, abs_tol=1e-5):
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
    return {seed: score(scorer, len(results.targets)) for seed, scorer in scorers.items()}


def evaluate_metrics(results: DatasetResults, logits: Array) -> dict[str, float]:
    """All metrics of logits (N, C) on the test split."""
    metrics = evaluate(torch.from_numpy(logits), torch.from_numpy(results.targets), dataset_task=results.task)
    return metrics | answer_metrics(logits, results.answers)
