"""Scores of predictions: one function for every kind of task."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from msd.distill.losses import kd_divergence

DATASET_TASKS = {
    "binary": "multiclass",
    "multiclass": "multiclass",
    "multilabel": "multilabel",
    "vqa": "multilabel",
}
"""Kind of dataset -> the kind of loss it trains with."""


def evaluate(logits: Tensor, targets: Tensor, *, dataset_task: str) -> dict[str, float]:
    """Metrics of one set of predictions, with scikit-learn where it has them.

    binary: auroc (of the second class), accuracy. multiclass: accuracy, macro_f1. multilabel: micro_f1, macro_f1,
    weighted_f1, samples_f1 (threshold σ(z) > 0.5, zero_division 0), micro_ap. vqa: accuracy = mean score of the
    arg-max answer (MMF's `vqa_accuracy`; an answer outside the vocabulary scores 0).

    Args:
        logits: (N, C) float.
        targets: (N,) class indices, or (N, C) scores in [0, 1].
        dataset_task: "binary", "multiclass", "multilabel" or "vqa".

    Returns:
        name -> value in [0, 1]; NaN where undefined (auroc of a single class).

    Raises:
        ValueError: an unknown task, wrong shapes or non-finite logits; the message names the argument.
    """
    if dataset_task not in DATASET_TASKS:
        raise ValueError(f"dataset_task: must be one of {sorted(DATASET_TASKS)}, not {dataset_task!r}")
    if logits.ndim != 2 or len(logits) != len(targets) or not len(logits):
        shapes = f"{tuple(logits.shape)} and {tuple(targets.shape)}"
        raise ValueError(f"logits: expected (N, C) beside N > 0 targets, got {shapes}")
    if not bool(torch.isfinite(logits).all()):
        raise ValueError("logits: holds values that are not finite")
    if targets.ndim == 2 and targets.shape != logits.shape:
        raise ValueError(f"targets: shape {tuple(targets.shape)} does not fit logits {tuple(logits.shape)}")
    if targets.ndim == 1 and dataset_task in ("multilabel", "vqa"):
        raise ValueError(f"targets: {dataset_task} needs (N, C) scores")
    measure: dict[str, Callable[[np.ndarray, np.ndarray], dict[str, float]]] = {
        "binary": _binary,
        "multiclass": _multiclass,
        "multilabel": _multilabel,
        "vqa": _vqa,
    }
    if targets.ndim == 2 and not bool(((targets >= 0) & (targets <= 1)).all()):
        raise ValueError("targets: scores must lie in [0, 1]")
    if targets.ndim == 2 and dataset_task in ("binary", "multiclass"):
        targets = targets.argmax(1)
    if targets.ndim == 1 and not 0 <= int(targets.min()) <= int(targets.max()) < logits.shape[1]:
        raise ValueError(f"targets: class indices must lie in [0, {logits.shape[1]})")
    return measure[dataset_task](logits.detach().double().numpy(), targets.numpy())


def mean_divergence(student_logits: Tensor, teacher_logits: Tensor, *, dataset_task: str) -> float:
    """Mean KL(teacher ‖ student) at T = 1 in nats over (N, C) logits; summed over labels where there are several."""
    task = DATASET_TASKS[dataset_task]
    values = kd_divergence(student_logits, teacher_logits, temperature=1.0, task=task)  # type: ignore[arg-type]
    return float(values.double().mean())


def _binary(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    if logits.shape[1] != 2:
        raise ValueError(f"logits: a binary task has 2 columns, got {logits.shape[1]}")
    margin = logits[:, 1] - logits[:, 0]
    auroc = float(roc_auc_score(labels, margin)) if len(np.unique(labels)) == 2 else math.nan
    return {"auroc": auroc, "accuracy": float((logits.argmax(1) == labels).mean())}


def _multiclass(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import f1_score

    predicted = logits.argmax(1)
    macro = f1_score(labels, predicted, average="macro", labels=range(logits.shape[1]), zero_division=0)
    return {"accuracy": float((predicted == labels).mean()), "macro_f1": float(macro)}


def _multilabel(logits: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import average_precision_score, f1_score

    gold, predicted = scores > 0.5, logits > 0
    values = {
        f"{average}_f1": float(f1_score(gold, predicted, average=average, zero_division=0))
        for average in ("micro", "macro", "weighted", "samples")
    }
    values["micro_ap"] = float(average_precision_score(gold, logits, average="micro")) if gold.any() else math.nan
    return values


def _vqa(logits: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    return {"accuracy": float(scores[np.arange(len(scores)), logits.argmax(1)].mean())}
