"""Measures of saved predictions beyond those that training watches; an undefined one has a reason, not a value."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, softmax
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score

from msd.measure.metric import DATASET_TASKS
from msd.measure.stats import FloatArray
from msd.tables.results import Array

ECE_BINS = 15
"""Equal-width bins of the calibration error, as in Guo et al. 2017."""
AVERAGES = ("micro", "macro", "weighted", "samples")


class Measured(NamedTuple):
    """A value, or None with the reason why there is none."""

    value: float | None
    why: str = ""


def measures(logits: Array, targets: Array, *, dataset_task: str) -> dict[str, Measured]:
    """All measures of one set of predictions, by scikit-learn where it has them.

    binary, multiclass: accuracy, micro/macro/weighted_f1 over all classes, auroc (binary: of the second class;
    multiclass: mean of one class against the rest). multilabel: accuracy (all labels right), the four F1 at σ(z) > 0.5,
    auroc and ap over all pairs of sample and label (micro). vqa: accuracy = mean score of the most probable answer.
    Every task: ece. F1 is 0 where neither predicted nor gold holds anything (zero_division=0).

    logits: (N, C). targets: (N,) classes, or (N, C) scores for multilabel and vqa.
    Raises ValueError for shapes that do not fit.
    """
    if logits.ndim != 2 or len(logits) != len(targets) or not len(logits):
        raise ValueError(f"logits: expected (N, C) beside N > 0 targets, got {logits.shape} and {targets.shape}")
    found = {"ece": Measured(expected_calibration_error(logits, targets, dataset_task=dataset_task))}
    if dataset_task == "vqa":
        chosen = targets[np.arange(len(targets)), logits.argmax(axis=1)]
        return found | {"accuracy": Measured(float(chosen.mean()))}
    gold, predicted = (targets > 0.5, logits > 0) if targets.ndim == 2 else (targets, logits.argmax(axis=1))
    labels = None if targets.ndim == 2 else range(logits.shape[1])
    for average in AVERAGES if targets.ndim == 2 else AVERAGES[:3]:
        value = f1_score(gold, predicted, average=average, labels=labels, zero_division=0)
        found[f"{average}_f1"] = Measured(float(value))
    found["accuracy"] = Measured(float(accuracy_score(gold, predicted)))
    found["auroc"] = area_under_curve(logits, targets)
    if targets.ndim == 2:
        found["ap"] = _average_precision(gold, logits)
    return found


def area_under_curve(logits: Array, targets: Array) -> Measured:
    """AUROC as in `measures`; undefined where a class or every label is on one side alone."""
    wide = logits.astype(np.float64)
    if targets.ndim == 2:
        gold = targets > 0.5
        if gold.all() or not gold.any():
            return Measured(None, "AUROC is undefined: no label, or every label, is gold")
        return Measured(float(roc_auc_score(gold.ravel(), wide.ravel())))
    missing = set(range(logits.shape[1])) - set(np.unique(targets).tolist())
    if missing:
        return Measured(None, f"AUROC is undefined: no sample is of class {min(missing)}")
    if logits.shape[1] == 2:
        return Measured(float(roc_auc_score(targets, wide[:, 1] - wide[:, 0])))
    return Measured(float(roc_auc_score(targets, softmax(wide, axis=1), multi_class="ovr")))


def agreement(student: Array, teacher: Array, *, dataset_task: str) -> FloatArray:
    """Whether student and teacher give the same answer (N,): the same class or answer; the share of labels alike.

    Both (N, C) logits. Stanton et al., "Does Knowledge Distillation Really Work?", NeurIPS 2021, call its mean
    top-1 agreement.
    """
    if student.shape != teacher.shape:
        raise ValueError(f"student: shape {student.shape} does not fit the teacher's {teacher.shape}")
    if dataset_task == "multilabel":
        return np.asarray(((student > 0) == (teacher > 0)).mean(axis=1), dtype=np.float64)
    return np.asarray(student.argmax(axis=1) == teacher.argmax(axis=1), dtype=np.float64)


def expected_calibration_error(logits: Array, targets: Array, *, dataset_task: str, bins: int = ECE_BINS) -> float:
    """ECE = Σ_b (n_b/n)·|accuracy_b − confidence_b| over equal-width bins (low, high] of the confidence.

    One decision a sample: confidence is the probability of the chosen class (softmax) or answer (σ, vqa), accuracy its
    gold score. multilabel: one decision for each pair of sample and label, confidence max(σ, 1 − σ).
    Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    z = logits.astype(np.float64)
    rows = np.arange(len(z))
    if DATASET_TASKS[dataset_task] == "multiclass":
        confidence, right = softmax(z, axis=1).max(axis=1), z.argmax(axis=1) == targets
    elif dataset_task == "vqa":
        confidence, right = expit(z.max(axis=1)), targets[rows, z.argmax(axis=1)]
    else:
        confidence, right = expit(np.abs(z)).ravel(), ((z > 0) == (targets > 0.5)).ravel()
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=np.asarray(right, dtype=np.float64) - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def _average_precision(gold: Array, logits: Array) -> Measured:
    if not gold.any():
        return Measured(None, "average precision is undefined: no label is gold")
    return Measured(float(average_precision_score(gold, logits, average="micro")))
