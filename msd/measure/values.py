"""What metrics are made of: scores of samples, and values that are no mean over samples."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from msd.measure.scorers import Array, FloatArray, f1_scorer, ratio, score

ECE_BINS = 15
"""Equal-width bins of the calibration error, as in Guo et al. 2017."""


class Measured(NamedTuple):
    """A value, or None with the reason why there is none."""

    value: float | None
    why: str = ""

    @property
    def number(self) -> float:
        """The value, NaN where there is none."""
        return math.nan if self.value is None else self.value


def right(logits: Array, targets: Array, dataset_task: str) -> Array:
    """(N,) whether the arg-max class is right; multilabel: all labels; vqa: the score of the arg-max answer.

    The latter is MMF's `vqa_accuracy`; an answer outside the vocabulary scores 0.
    """
    if targets.ndim == 1:
        return np.asarray(logits.argmax(axis=1) == targets)
    if dataset_task == "multilabel":
        return np.asarray(((logits > 0) == (targets > 0.5)).all(axis=1))
    return np.asarray(targets[np.arange(len(targets)), logits.argmax(axis=1)])


def indicators(logits: Array, targets: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Predicted and gold labels (N, C)."""
    if targets.ndim == 2:
        return logits > 0, targets > 0.5
    classes = np.arange(logits.shape[1])
    return logits.argmax(axis=1)[:, None] == classes, targets[:, None] == classes


def f1_per_sample(logits: Array, targets: Array, _: str) -> FloatArray:
    """(N,) F1 of each sample's labels, 0 where none is predicted or gold."""
    predicted, gold = indicators(logits, targets)
    size = (predicted.sum(axis=1) + gold.sum(axis=1)).astype(np.float64)
    return ratio(2.0 * (predicted & gold).sum(axis=1), size)


def macro_f1_with_unknown(logits: Array, targets: Array, _: str) -> Measured:
    """Macro-F1 over C + 1 labels, the last of which nothing has and nothing is given: C/(C+1) of that over C.

    So MMF counts it: its vocabulary of the 23 genres of MM-IMDB begins with `<unk>`, whose F1 is 0.
    """
    both = (np.pad(one, ((0, 0), (0, 1))) for one in indicators(logits, targets))
    return Measured(score(f1_scorer(*both, average="macro"), len(logits)))


def area_under_curve(logits: Array, targets: Array, _: str) -> Measured:
    """AUROC: the second of two classes', the mean of one class against the rest, or that of all labels (micro)."""
    wide = logits.astype(np.float64)
    if targets.ndim == 2:
        gold = targets > 0.5
        if gold.all() or not gold.any():
            return Measured(None, "AUROC is undefined: no label, or every label, is gold")
        return Measured(_area(gold.ravel(), wide.ravel()))
    missing = set(range(logits.shape[1])) - set(np.unique(targets).tolist())
    if missing:
        return Measured(None, f"AUROC is undefined: no sample is of class {min(missing)}")
    if logits.shape[1] == 2:
        return Measured(_area(targets == 1, wide[:, 1] - wide[:, 0]))
    from scipy.special import softmax

    of_classes = enumerate(softmax(wide, axis=1).T)
    return Measured(float(np.mean([_area(targets == label, scores) for label, scores in of_classes])))


def average_precision(logits: Array, targets: Array, _: str) -> Measured:
    """Average precision over all pairs of sample and label (micro): Σ_n (recall_n − recall_n−1)·precision_n."""
    gold = targets > 0.5
    if not gold.any():
        return Measured(None, "average precision is undefined: no label is gold")
    true, false = _positives(gold.ravel(), logits.ravel())[:2]
    return Measured(float(np.sum(np.diff(true / true[-1]) * (true / np.maximum(true + false, 1))[1:])))


def _area(gold: NDArray[np.bool_], scores: FloatArray) -> float:
    """Area under the ROC curve of N samples, of which some are gold and some are not."""
    true, false = _positives(gold, scores)[:2]
    return float(np.sum(np.diff(false) * (true[1:] + true[:-1])) / 2 / (true[-1] * false[-1]))


def _positives(gold: NDArray[np.bool_], scores: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """How many samples from each score upwards are gold, and are not, the first of none; and the T scores, falling."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.flatnonzero(np.append(np.diff(falling) != 0, True))
    true = np.cumsum(gold[order])[last]
    return np.append(0.0, true), np.append(0.0, last + 1 - true), falling[last]


def expected_calibration_error(logits: Array, targets: Array, dataset_task: str) -> Measured:
    """ECE = Σ_b (n_b/n)·|accuracy_b − confidence_b| over equal-width bins (low, high] of the confidence.

    One decision a sample: confidence is the probability of the chosen class (softmax) or answer (σ, vqa), accuracy its
    gold score. multilabel: one decision for each pair of sample and label, confidence max(σ, 1 − σ).
    Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    from scipy.special import expit, softmax

    z = logits.astype(np.float64)
    if dataset_task in ("binary", "multiclass"):
        confidence, correct = softmax(z, axis=1).max(axis=1), right(z, targets, dataset_task)
    elif dataset_task == "vqa":
        confidence, correct = expit(z.max(axis=1)), right(z, targets, dataset_task)
    else:
        confidence, correct = expit(np.abs(z)).ravel(), ((z > 0) == (targets > 0.5)).ravel()
    place = np.clip(np.ceil(confidence * ECE_BINS).astype(int) - 1, 0, ECE_BINS - 1)
    gaps = np.bincount(place, weights=np.asarray(correct, dtype=np.float64) - confidence, minlength=ECE_BINS)
    return Measured(float(np.abs(gaps).sum() / len(confidence)))


def best_threshold(logits: Array, targets: Array, dataset_task: str) -> float:
    """The logit above which a label is given, for the highest micro-F1; 0 for tasks with one class a sample.

    logits: (N, C). targets: (N, C) scores, those above one half gold. It lies half-way between two logits.
    """
    if dataset_task != "multilabel":
        return 0.0
    gold, scores = (targets > 0.5).ravel(), logits.astype(np.float64).ravel()
    true, false, thresholds = _positives(gold, scores)
    f1 = (2 * true / (true + false + true[-1]).clip(1))[1:]
    best = thresholds[f1 == f1.max()].min()
    below = scores[scores < best]  # "yes" from the threshold on: the middle of the gap below it
    return float((best + below.max()) / 2) if len(below) else float(best) - 1.0
