"""γ of the Modality Focusing Hypothesis, from predictions: how much of what two views know of the labels both know.

Definitions of this project, after Xue, Gao, Ren, Zhao, "The Modality Focusing Hypothesis", arXiv 2206.06487, ICLR 2023,
whose γ counts decisive channels: |general decisive| / |decisive of either modality|. Channels of a trained net are not
known to be decisive; its right predictions are seen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor
from torch.nn import functional as F

from msd.distill.losses import Task, task_loss
from msd.measure.scorers import FloatArray
from msd.measure.stats import Resampling

Scorer = Callable[[FloatArray], FloatArray]
"""Sample weights (K, N) -> γ and its parts (K, M) of K resampled splits; NaN where γ is undefined."""
Interval = tuple[float, float | None, float | None]
COUNTS = ("both", "first", "second", "chance", "synergy")
INFORMATION = ("redundant", "first", "second")
LEAST_DEFINED = 0.95
"""γ has an interval where at least this share of the resampled splits defines it, for every teacher."""


class Calibration(NamedTuple):
    """z / temperature + shift."""

    temperature: float
    shift: float

    def apply(self, logits: Tensor) -> Tensor:
        """Calibrated logits."""
        return logits / self.temperature + self.shift


@dataclass(frozen=True)
class Gamma:
    """γ with its 95 % interval, None where it is undefined; parts: name -> (value, low, high) of what it is made of.

    parts: in shares of the gold labels or in nats, see `counts_scorer` and `information_scorer`.
    """

    value: float | None
    low: float | None
    high: float | None
    parts: Mapping[str, Interval]


def counts_scorer(
    first: Tensor, second: Tensor, targets: Tensor, *, dataset_task: str, joint: Tensor | None = None
) -> Scorer:
    """γ = max(0, both − chance) / (either − chance), in shares of the gold labels that two views find.

    both, either: found by both views, by at least one. chance: found by both if one view's predictions were shuffled
    among the samples, the larger of the two ways: a view that knows nothing shares nothing, however often it guesses
    right. 1 for equal views, 0 where no label is found by both; NaN where even both together find what chance does.

    Args:
        first, second, joint: logits (N, C) of the two views, and of both as one.
        targets: (N,) classes, or (N, C) scores in [0, 1], each label counted by its score.
        dataset_task: as in `evaluate`; a label is found where σ(z) > 0.5 for multilabel, else by the arg-max.

    Returns:
        γ and, in the order of COUNTS, `both`, `first` and `second` (found by that view alone), `chance`, and `synergy`:
        found by the joint view alone, which is no part of γ. All in shares of the gold labels.
    """
    gold = _scores(targets, first).double().numpy()
    predicted = [_predicted(logits, dataset_task) for logits in (first, second)]
    hits = [gold * one for one in predicted]
    neither = ~(predicted[0] | predicted[1])
    alone = np.zeros_like(gold) if joint is None else gold * _predicted(joint, dataset_task) * neither
    shares = np.stack([(gold * predicted[0] * predicted[1]), *hits, alone], axis=2).sum(axis=1)  # (N, 4)
    labels = gold.sum(axis=1)

    def score(weights: FloatArray) -> FloatArray:
        total = np.maximum(weights @ labels, 1e-9)  # a draw may have no gold label
        both, one, other, synergy = ((weights @ shares) / total[:, None]).T
        guesses = [
            ((weights @ hit) * (weights @ label)).sum(axis=1) / weights.sum(axis=1)
            for hit, label in zip(hits, reversed(predicted), strict=True)
        ]
        chance = np.maximum(*guesses) / total
        either = one + other - both
        gamma = _ratio(np.maximum(0, both - chance), either - chance)
        return np.stack([gamma, both, one - both, other - both, chance, synergy], axis=1)

    return score


def information_scorer(
    first: Tensor, second: Tensor, targets: Tensor, *, task: Task, prior: Tensor | None = None
) -> Scorer:
    """γ = R / (R + U_first + U_second), in nats that two views tell of the labels.

    i_v = log p_v(y) − log p(y) for each label, R = max(0, mean of min(i_first, i_second)), U_v = max(0, mean i_v − R),
    means over samples of sums over labels. NaN where neither view tells more than the labels' prior p(y). R is the
    pointwise redundancy of Williams and Beer ("Nonnegative Decomposition of Multivariate Information", 2010), taken
    with the views' own probabilities: calibrate them first (`calibrated`): an over-sure view tells less than nothing.

    Args:
        first, second: logits (N, C) of the two views.   targets: (N,) classes, or (N, C) scores.
        prior: (C,) p(y) of each class or label; the targets' own shares by default.

    Returns:
        γ and, in the order of INFORMATION, `redundant`, `first` and `second`, in nats a sample.
    """
    scores = _scores(targets, first).double()
    shares = (scores.mean(0) if prior is None else prior.double()).clamp(1e-6, 1 - 1e-6)
    nats = [_log_likelihood(logits, scores, task) - _prior(shares, scores, task) for logits in (first, second)]
    least = torch.minimum(*nats)
    sums = torch.stack([part.sum(1) for part in (least, *nats)], dim=1).numpy()  # (N, 3)

    def score(weights: FloatArray) -> FloatArray:
        means = (weights @ sums) / weights.sum(axis=1, keepdims=True)
        redundant = np.maximum(0, means[:, 0])
        unique = np.maximum(0, means[:, 1:].T - redundant)
        return np.stack([_ratio(redundant, redundant + unique.sum(axis=0)), redundant, *unique], axis=1)

    return score


def mean_scorer_of(scorers: Sequence[Scorer]) -> Scorer:
    """The mean of several scorers, as for teachers that differ by a random draw; NaN where one is."""
    return lambda weights: np.mean([scorer(weights) for scorer in scorers], axis=0)


def mean_gamma(
    scores: Sequence[FloatArray], names: Sequence[str], resampling: Resampling, *, teachers: Sequence[str]
) -> Gamma:
    """γ and its parts, which `names` gives, as means over teachers, with intervals over teachers and pictures.

    scores: of each teacher what a scorer gives on the resampled splits, (1 + draws, 1 + parts). teachers: their names.
    γ is undefined where that of one teacher is.
    """
    columns = [[of_teacher[:, place] for of_teacher in scores] for place in range(1 + len(names))]
    gamma, *parts = (_interval(column, resampling, teachers) for column in columns)
    value, low, high = gamma or (None, None, None)
    return Gamma(value, low, high, {name: part for name, part in zip(names, parts, strict=True) if part is not None})


def calibrated(logits: Tensor, targets: Tensor, *, task: Task) -> Calibration:
    """The temperature, and for multilabel the shift, with which logits (N, C) fit held-out targets best.

    Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017: temperature, between 1/20 and
    50, for several classes; Platt's scale and shift, one for all labels, for yes and no.
    """
    wide = logits.double()

    def loss(values: FloatArray) -> float:
        return float(task_loss(_calibration(values).apply(wide), targets, task=task).mean())

    bounds = [(np.log(1 / 20), np.log(50)), (-20, 20)][: 2 if task == "multilabel" else 1]
    simplex = np.vstack([np.zeros(len(bounds)), np.eye(len(bounds))])
    best = minimize(loss, simplex[0], method="Nelder-Mead", bounds=bounds, options={"initial_simplex": simplex})
    return _calibration(best.x)


def _calibration(values: FloatArray) -> Calibration:
    power, shift = [*values, 0.0][:2]
    return Calibration(float(np.exp(power)), float(shift))


def _scores(targets: Tensor, logits: Tensor) -> Tensor:
    return F.one_hot(targets, logits.shape[1]) if targets.ndim == 1 else targets


def _predicted(logits: Tensor, dataset_task: str) -> NDArray[np.bool_]:
    """Which labels (N, C) a view predicts."""
    if dataset_task == "multilabel":
        return (logits > 0).numpy()
    return F.one_hot(logits.argmax(1), logits.shape[1]).bool().numpy()


def _log_likelihood(logits: Tensor, scores: Tensor, task: Task) -> Tensor:
    """log p(y) (N, L) of each label under a view's prediction, L = 1 for multiclass."""
    wide = logits.double()
    if task == "multiclass":
        return -task_loss(wide, scores, task=task)[:, None]
    return -F.binary_cross_entropy_with_logits(wide, scores, reduction="none")


def _prior(shares: Tensor, scores: Tensor, task: Task) -> Tensor:
    """log p(y) (N, L) of each label without any view."""
    if task == "multiclass":
        return (scores * shares.log()).sum(1, keepdim=True)
    return scores * shares.log() + (1 - scores) * (-shares).log1p()


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """part / whole, NaN where the whole is nothing but rounding."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 1e-9)


def _interval(runs: Sequence[FloatArray], resampling: Resampling, teachers: Sequence[str]) -> Interval | None:
    """Mean of the runs (1 + draws,) of teachers; None where it is undefined, no interval where it is in many draws."""
    whole, draws = np.split(np.stack(runs), [1], axis=1)
    if np.isnan(whole).any():
        return None
    if np.isfinite(draws).all(axis=0).mean() < LEAST_DEFINED:
        return float(whole.mean()), None, None
    gap = resampling.compare(runs, [np.zeros_like(runs[0])], teachers=teachers)
    return gap.difference, gap.low, gap.high
