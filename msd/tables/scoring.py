"""From predictions to scorers: what the paired bootstrap needs to know of a metric."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, softmax

from msd.distill.losses import kd_divergence
from msd.measure.metric import DATASET_TASKS
from msd.measure.stats import FloatArray, Scorer, auroc_scorer, f1_scorer, mean_scorer
from msd.measure.vqa import ANSWER_METRICS
from msd.tables.answer_scores import gold_share
from msd.tables.measures import agreement
from msd.tables.results import Array


def scorer(metric: str, logits: Array, targets: Array) -> Scorer | None:
    """Scorer of a metric of `evaluate`, equal to it when every sample weighs 1; None if there is none.

    logits: (N, C). targets: (N,) classes, or (N, C) scores for multilabel and vqa, those of the labels as answers for
    a metric of `msd.measure.vqa`.
    """
    if metric in ("accuracy", *ANSWER_METRICS):
        return mean_scorer(_gold_share(logits, targets))
    if metric == "auroc":
        wide = logits.astype(np.float64)
        return auroc_scorer(wide[:, 1] - wide[:, 0], targets == 1)
    average = metric.removesuffix("_f1")
    if average in ("micro", "macro", "weighted"):
        return f1_scorer(*_indicators(logits, targets), average=average)
    if metric == "samples_f1":
        return mean_scorer(_f1_per_sample(*_indicators(logits, targets)))
    return None


def divergence_scorer(student: Array, teacher: Array, *, dataset_task: str) -> Scorer:
    """Scorer of the mean KL(teacher ‖ student) at T = 1, in nats."""
    values = kd_divergence(
        torch.from_numpy(student),
        torch.from_numpy(teacher),
        temperature=1.0,
        task=DATASET_TASKS[dataset_task],  # type: ignore[arg-type]
    )
    return mean_scorer(values.double().numpy())


def agreement_scorer(student: Array, teacher: Array, *, dataset_task: str) -> Scorer:
    """Scorer of `msd.tables.measures.agreement`."""
    return mean_scorer(agreement(student, teacher, dataset_task=dataset_task))


def score(metric_scorer: Scorer, samples: int) -> float:
    """The metric itself, every sample weighing 1."""
    return float(metric_scorer(np.ones((1, samples)))[0])


def best_constant(metric: str, targets: Array, *, labels: int, dataset_task: str) -> Scorer | None:
    """Scorer of the best answer that does not look at the sample, chosen on the test split itself (so: generous).

    One class or answer always; for multi-label data always the same set, the k most frequent labels for the best k.
    """
    best: tuple[float, Scorer] | None = None
    for logits in _constants(targets, labels=labels, dataset_task=dataset_task):
        candidate = scorer(metric, np.broadcast_to(logits, (len(targets), labels)), targets)
        if candidate is None:
            return None
        value = score(candidate, len(targets))
        if best is None or value > best[0]:
            best = value, candidate
    return best[1] if best else None


def gold_probability(logits: Array, targets: Array, *, dataset_task: str) -> FloatArray:
    """What the density figures show: the probability of the positive class (binary) or of the gold label.

    One value a sample; for multi-label data one for each gold label of each sample. For vqa the gold label is the
    answer with the highest score, the first of equals.
    """
    z = logits.astype(np.float64)
    if DATASET_TASKS[dataset_task] == "multiclass":
        chosen = np.ones_like(targets) if dataset_task == "binary" else targets
        return np.asarray(softmax(z, axis=1)[np.arange(len(z)), chosen])
    probability = expit(z)
    if dataset_task == "vqa":
        return np.asarray(probability[np.arange(len(z)), targets.argmax(axis=1)])
    return np.asarray(probability[targets > 0.5])


def _gold_share(logits: Array, targets: Array) -> FloatArray:
    """Score (N,) of the arg-max answer."""
    if targets.ndim == 1:
        return np.asarray(logits.argmax(axis=1) == targets, dtype=np.float64)
    return gold_share(logits, targets)


def _indicators(logits: Array, targets: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Predicted and gold labels (N, C)."""
    if targets.ndim == 2:
        return logits > 0, targets > 0.5
    classes = np.arange(logits.shape[1])
    return logits.argmax(axis=1)[:, None] == classes, targets[:, None] == classes


def _f1_per_sample(predicted: NDArray[np.bool_], gold: NDArray[np.bool_]) -> FloatArray:
    size = (predicted.sum(axis=1) + gold.sum(axis=1)).astype(np.float64)
    return np.divide(2.0 * (predicted & gold).sum(axis=1), size, out=np.zeros_like(size), where=size > 0)


def _constants(targets: Array, *, labels: int, dataset_task: str) -> Iterator[Array]:
    """Logits (C,) of the constant answers to try."""
    if dataset_task == "vqa":  # thousands of answers, one of which is clearly best
        yield np.eye(labels, dtype=np.float32)[targets.sum(axis=0).argmax()]
        return
    if dataset_task != "multilabel":
        yield from np.eye(labels, dtype=np.float32)
        return
    frequent = np.argsort(-(targets > 0.5).sum(axis=0), kind="stable")
    for k in range(1, labels + 1):
        logits = np.full(labels, -1.0, dtype=np.float32)
        logits[frequent[:k]] = 1.0
        yield logits
