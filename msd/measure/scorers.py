"""Scorers: a metric on many resampled test splits at once, from weights of samples."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FloatArray = NDArray[np.float64]
Scorer = Callable[[FloatArray], FloatArray]
"""Sample weights (K, N) -> scores (K,): one run's metric on K resampled test splits."""


def score(scorer: Scorer, samples: int) -> float:
    """The metric itself, every sample weighing 1."""
    return float(scorer(np.ones((1, samples)))[0])


def ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """above / below, 0 where below is 0."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def mean_scorer(values: Array) -> Scorer:
    """Scorer of a metric that is a mean of per-sample values (N,): accuracy, VQA accuracy, divergence."""
    column = np.asarray(values, dtype=np.float64)
    return lambda weights: weights @ column / weights.sum(axis=1)


def f1_scorer(predicted: NDArray[np.bool_], gold: NDArray[np.bool_], *, average: str) -> Scorer:
    """Scorer of F1 = 2·tp/(2·tp + fp + fn), 0 where nothing is predicted or gold, from indicators (N, C).

    average: "micro" sums the counts over labels, "macro" averages F1 over labels, "weighted" does so by
    the number of gold samples.
    """
    hits, sizes = (predicted & gold).astype(np.float64), predicted.astype(np.float64) + gold
    support = gold.astype(np.float64)
    if average == "micro":
        hits, sizes = hits.sum(axis=1, keepdims=True), sizes.sum(axis=1, keepdims=True)

    def scores(weights: FloatArray) -> FloatArray:
        f1 = ratio(2 * (weights @ hits), weights @ sizes)
        if average != "weighted":
            return np.asarray(f1.mean(axis=1))
        per_label = weights @ support
        return ratio((f1 * per_label).sum(axis=1), per_label.sum(axis=1))

    return scores


def auroc_scorer(scores: FloatArray, positive: NDArray[np.bool_]) -> Scorer:
    """Scorer of the area under the ROC curve by weighted ranks, ties half; NaN on a split with one class alone."""
    order = np.argsort(scores, kind="stable")
    ordered, is_positive = np.asarray(scores)[order], positive[order]
    ahead = np.searchsorted(ordered, ordered[is_positive], side="left")
    up_to = np.searchsorted(ordered, ordered[is_positive], side="right")

    def areas(weights: FloatArray) -> FloatArray:
        sorted_weights = weights[:, order]
        of_positives = sorted_weights[:, is_positive]
        negatives = np.zeros((len(weights), len(order) + 1))
        np.cumsum(sorted_weights * ~is_positive, axis=1, out=negatives[:, 1:])
        below = (of_positives * (negatives[:, ahead] + negatives[:, up_to])).sum(axis=1) / 2
        pairs = of_positives.sum(axis=1) * negatives[:, -1]
        return np.divide(below, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)

    return areas


def average_precision_scorer(scores: Array, gold: NDArray[np.bool_]) -> Scorer:
    """Scorer of micro-averaged precision Σ_t (R_t − R_t₋₁)·P_t over all pairs of sample and label, both (N, C).

    t runs over the scores of gold pairs, from the highest down: at other thresholds recall does not grow. NaN on a
    split without a gold pair.
    """
    thresholds = np.unique(scores[gold])
    reached = len(thresholds) - np.searchsorted(thresholds, scores, side="right")  # its first threshold, from above
    samples = np.broadcast_to(np.arange(len(scores))[:, None], scores.shape)

    from scipy.sparse import csr_array  # a training, which has no resampled splits, does without

    def counts(which: NDArray[np.bool_]) -> csr_array:
        """(T, N) how many of each sample's pairs are first reached at each threshold."""
        ones = np.ones(int(which.sum()))
        return csr_array((ones, (reached[which], samples[which])), shape=(len(thresholds), len(scores)))

    of_gold, of_all = counts(gold), counts(reached < len(thresholds))

    def precisions(weights: FloatArray) -> FloatArray:
        hits = of_gold @ weights.T
        precision = ratio(hits.cumsum(axis=0), (of_all @ weights.T).cumsum(axis=0))
        total = hits.sum(axis=0)
        return np.divide((hits * precision).sum(axis=0), total, out=np.full(len(weights), np.nan), where=total > 0)

    return precisions
