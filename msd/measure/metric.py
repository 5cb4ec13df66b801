"""Metrics: one object each, with its title, direction, the tasks that it fits, its value and its scorer.

A new metric is one entry of `METRICS`: configurations, training and tables take all they need from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from msd.measure.scorers import (
    Array,
    Scorer,
    auroc_scorer,
    average_precision_scorer,
    f1_scorer,
    mean_scorer,
    score,
)
from msd.measure.values import (
    Measured,
    area_under_curve,
    average_precision,
    best_threshold,
    expected_calibration_error,
    f1_per_sample,
    indicators,
    macro_f1_with_unknown,
    right,
)
from msd.system.memory import BLOCK

if TYPE_CHECKING:
    from msd.data.rows import Rows

TASKS = ("binary", "multiclass", "multilabel", "vqa")
TUNED_F1, F1_THRESHOLD = "micro_f1_tuned", "f1_threshold"
"""Names of micro-F1 at a run's threshold of logits, and of that threshold."""
ONE_CLASS, LABELS = ("binary", "multiclass"), ("binary", "multiclass", "multilabel")


@dataclass(frozen=True)
class Metric:
    """What configurations, training and tables know of one metric.

    Args:
        name: in configurations and result files.
        title: in tables and reports.
        value: (logits, targets, dataset_task) -> value, or the reason why it is undefined. logits: (N, C). targets:
            (N,) classes, or (N, C) scores in [0, 1] for multilabel and vqa.
        resampled: of the same arguments, the scorer for the `watched` tasks, equal to `value` where every sample weighs
            1; None for a metric by which no methods are compared.
        watched: tasks whose runs are measured by it on validation and test.
        reported: tasks for which the tables have it of saved predictions.
        requested: tasks for which they have it of the datasets that ask for it (`further_metrics`).
        per_sample: of the same arguments, the values (N,) of which `value` is the mean, where it is one.
        always_normalise: for a metric of several people's answers, whose targets are
            `msd.measure.vqa.answer_scores`: whether these normalise every answer; None for all others.
        better: "higher" or "lower" values.
    """

    name: str
    title: str
    value: Callable[[Array, Array, str], Measured]
    resampled: Callable[[Array, Array, str], Scorer] | None = None
    watched: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    requested: tuple[str, ...] = ()
    per_sample: Callable[[Array, Array, str], Array] | None = None
    always_normalise: bool | None = None
    better: Literal["higher", "lower"] = "higher"

    @classmethod
    def mean_of(cls, name: str, title: str, per_sample: Callable[[Array, Array, str], Array], **about: Any) -> Metric:
        """A metric that is the mean of values (N,), one a sample."""
        return cls(
            name,
            title,
            lambda logits, targets, task: Measured(float(per_sample(logits, targets, task).mean())),
            lambda logits, targets, task: mean_scorer(per_sample(logits, targets, task)),
            per_sample=per_sample,
            **about,
        )

    @classmethod
    def f1(cls, average: str, **about: Any) -> Metric:
        """F1 of decisions by label (`f1_scorer`): of the arg-max class, or of the labels with σ(z) > 0.5."""

        def scorer(logits: Array, targets: Array, _: str) -> Scorer:
            return f1_scorer(*indicators(logits, targets), average=average)

        def value(logits: Array, targets: Array, task: str) -> Measured:
            return Measured(score(scorer(logits, targets, task), len(logits)))

        return cls(f"{average}_f1", f"{average}-F1", value, scorer, **about)

    def scorer(self, logits: Array, targets: Array, dataset_task: str) -> Scorer:
        """The metric of these predictions on resampled splits; ValueError for a metric that has none."""
        if self.resampled is None:
            raise ValueError(f"{self.name}: has no scorer, so that no methods can be compared by it")
        return self.resampled(logits, targets, dataset_task)

    @property
    def of_answers(self) -> bool:
        """Whether its targets are several people's answers, which training does not see."""
        return self.always_normalise is not None

    @property
    def in_training(self) -> str:
        """Its own name, or where it is of people's answers that of the metric of the targets."""
        return "accuracy" if self.of_answers else self.name


def _binary_auroc_scorer(logits: Array, targets: Array, _: str) -> Scorer:
    wide = logits.astype(np.float64)
    return auroc_scorer(wide[:, 1] - wide[:, 0], targets == 1)


def _micro_ap_scorer(logits: Array, targets: Array, _: str) -> Scorer:
    return average_precision_scorer(logits, targets > 0.5)


def _answer(name: str, title: str, *, always_normalise: bool) -> Metric:
    """VQA accuracy of the arg-max answer, given what each label scores as the answer to each question."""

    def per_question(logits: Array, targets: Array, task: str) -> Array:
        return right(logits, targets, task).astype(np.float64)

    return Metric.mean_of(name, title, per_question, watched=("vqa",), always_normalise=always_normalise)


METRICS = {
    metric.name: metric
    for metric in (
        Metric("auroc", "AUROC", area_under_curve, _binary_auroc_scorer, watched=("binary",), reported=LABELS),
        Metric.mean_of("accuracy", "accuracy", right, watched=(*ONE_CLASS, "vqa"), reported=TASKS),
        Metric(
            "micro_ap",
            "micro-AP",
            average_precision,
            _micro_ap_scorer,
            watched=("multilabel",),
            reported=("multilabel",),
        ),
        Metric.f1("micro", watched=("multilabel",), reported=LABELS),
        Metric.f1("macro", watched=("multiclass", "multilabel"), reported=LABELS),
        Metric.f1("weighted", watched=("multilabel",), reported=LABELS),
        Metric.mean_of("samples_f1", "samples-F1", f1_per_sample, watched=("multilabel",), reported=("multilabel",)),
        Metric("ece", "calibration error", expected_calibration_error, reported=TASKS, better="lower"),
        Metric("macro_f1_mmf", "macro-F1, MMF's", macro_f1_with_unknown, requested=("multilabel",)),
        _answer("vqa_accuracy", "VQA accuracy, official", always_normalise=False),
        _answer("vqa_accuracy_normalised", "VQA accuracy, always normalised", always_normalise=True),
    )
}
"""Name -> metric; metrics.parquet of a run lists them in this order."""


def primary_metrics(dataset_task: str) -> tuple[str, ...]:
    """Names of the metrics by which a task's variants may be selected and its methods compared."""
    return tuple(name for name, one in METRICS.items() if dataset_task in one.watched and one.resampled is not None)


def requested_metrics(dataset_task: str) -> tuple[str, ...]:
    """Names of the metrics for which a dataset of a task may ask."""
    return tuple(name for name, one in METRICS.items() if dataset_task in one.requested)


def evaluate(logits: Rows, targets: Rows, *, dataset_task: str) -> dict[str, float]:
    """The metrics `watched` for a task, of one set of predictions: name -> value, NaN where it is undefined.

    Args:
        logits: N rows (C,) float.   targets: N class indices, or rows (C,) of scores in [0, 1].
        dataset_task: of `TASKS`.

    Raises:
        ValueError: an unknown task, wrong shapes or non-finite logits; the message names the argument.
    """
    import torch  # a study that is read does without

    if dataset_task not in TASKS:
        raise ValueError(f"dataset_task: must be one of {sorted(TASKS)}, not {dataset_task!r}")
    if len(logits) != len(targets):
        raise ValueError(f"logits: {len(logits)} of them beside {len(targets)} targets")
    of_targets = [one for one in METRICS.values() if dataset_task in one.watched and not one.of_answers]
    means = {one.name: one.per_sample for one in of_targets if one.per_sample}
    size = BLOCK // max(1, logits.shape[-1]) if len(means) == len(of_targets) else len(logits)
    blocks = (
        _checked(logits[rows].detach().double().numpy(), targets[rows].numpy(), dataset_task=dataset_task)
        for rows in torch.arange(len(logits)).split(max(1, size))
    )
    if len(means) == len(of_targets):  # a block of samples after the other
        values = [[per_sample(*arrays, dataset_task) for per_sample in means.values()] for arrays in blocks]
        return {name: float(np.concatenate(of_blocks).mean()) for name, *of_blocks in zip(means, *values, strict=True)}
    [arrays] = blocks
    return {one.name: one.value(*arrays, dataset_task).number for one in of_targets}


def measures(logits: Array, targets: Array, *, dataset_task: str, further: Collection[str] = ()) -> dict[str, Measured]:
    """The metrics `reported` for a task and `further` ones, of saved predictions; else as `evaluate`."""
    arrays = _checked(logits, targets, dataset_task=dataset_task)
    reported = [one for one in METRICS.values() if dataset_task in one.reported or one.name in further]
    return {one.name: one.value(*arrays, dataset_task) for one in reported}


def tuned_f1(validation: tuple[Array, Array], test: tuple[Array, Array]) -> tuple[float, dict[str, float]]:
    """The threshold with the highest micro-F1 on validation, and micro-F1 at it: split -> value.

    validation, test: logits (N, C) and targets (N, C) of a task with several labels.
    """
    threshold = best_threshold(*validation, "multilabel")
    splits = {"val": validation, "test": test}
    of_splits = {
        split: METRICS["micro_f1"].value(logits - threshold, targets, "multilabel").number
        for split, (logits, targets) in splits.items()
    }
    return threshold, of_splits


def _checked(logits: Array, targets: Array, *, dataset_task: str) -> tuple[Array, Array]:
    """Both, with classes in place of their scores; ValueError, which names the argument, for what does not fit."""
    if logits.ndim != 2 or len(logits) != len(targets) or not len(logits):
        raise ValueError(f"logits: expected (N, C) beside N > 0 targets, got {logits.shape} and {targets.shape}")
    if not np.isfinite(logits).all():
        raise ValueError("logits: holds values that are not finite")
    if dataset_task == "binary" and logits.shape[1] != 2:
        raise ValueError(f"logits: a binary task has 2 columns, got {logits.shape[1]}")
    if targets.ndim == 2:
        if targets.shape != logits.shape:
            raise ValueError(f"targets: shape {targets.shape} does not fit logits {logits.shape}")
        if not ((targets >= 0) & (targets <= 1)).all():
            raise ValueError("targets: scores must lie in [0, 1]")
        return logits, targets.argmax(axis=1) if dataset_task in ONE_CLASS else targets
    if dataset_task not in ONE_CLASS:
        raise ValueError(f"targets: {dataset_task} needs (N, C) scores")
    if not 0 <= targets.min() <= targets.max() < logits.shape[1]:
        raise ValueError(f"targets: class indices must lie in [0, {logits.shape[1]})")
    return logits, targets
