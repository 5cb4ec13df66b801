"""γ of the Modality Focusing Hypothesis, from answers alone: how much of what two views know of the labels both know.

Definitions of this project, after Xue, Gao, Ren, Zhao, "The Modality Focusing Hypothesis", arXiv 2206.06487, ICLR 2023,
whose γ counts decisive channels: |general decisive| / |decisive of either modality|. Channels of a trained net are not
known to be decisive; its right answers are seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor
from torch.nn import functional as F

from msd.distill.losses import DATASET_TASKS, Task, task_loss
from msd.measure.intervals import LEVEL
from msd.measure.scorers import FloatArray
from msd.measure.stats import Resampling

Scorer = Callable[[FloatArray], FloatArray]
"""Sample weights (K, N) -> γ and its parts (K, M) of K resampled splits; NaN where γ is undefined."""
Interval = tuple[float, float | None, float | None]
COUNTS = ("both", "first", "second", "chance", "synergy")
INFORMATION = ("redundant", "first", "second")
LEAST_DEFINED = 0.95
"""γ has an interval where at least this share of the resampled splits defines it."""


class Calibration(NamedTuple):
    """z / temperature + shift."""

    temperature: float
    shift: float

    def apply(self, logits: Tensor) -> Tensor:
        """Calibrated logits."""
        return logits / self.temperature + self.shift


@dataclass(frozen=True)
class Gamma:
    """γ with its 95 % interval, None where it is undefined; parts: name -> (value, low, high) of what it is made of."""

    value: float | None
    low: float | None
    high: float | None
    parts: Mapping[str, Interval]


def gamma_counts(
    outputs: Mapping[str, Tensor],
    targets: Tensor,
    *,
    dataset_task: str,
    views: tuple[str, str] = ("image", "text"),
    groups: NDArray[np.int64] | None = None,
    draws: int = 1000,
    rng_name: str = "gamma",
) -> Gamma:
    """γ = max(0, both − chance) / (either − chance), in shares of the gold labels that the two views find.

    both, either: found by both views, by at least one. chance: found by both if one view's answers were shuffled among
    the samples, the larger of the two ways: a view that knows nothing shares nothing, however often it guesses right.
    1 for equal views, 0 where no label is found by both; None where even both views together find what chance does.

    Args:
        outputs: view -> (N, C) logits; "both", where it is there and neither of `views`, is the joint view.
        targets: (N,) classes, or (N, C) scores in [0, 1], each label counted by its score.
        dataset_task: as in `evaluate`; found is σ(z) > 0.5 for multilabel, else the arg-max.
        views: the two views compared.
        groups: (N,) number of each sample's picture, 0..G−1: pictures are resampled, not samples. Each sample by
            default.
        draws, rng_name: of the bootstrap.

    Returns:
        Gamma with the parts `both`, `first` and `second` (found by that view alone), `chance`, and `synergy`: found by
        the joint view alone, which is no part of γ. All in shares of the gold labels.

    Raises:
        ValueError: a missing view, or shapes that do not fit.
    """
    first, second, joint = _read(outputs, targets, views)
    scorer = counts_scorer(first, second, targets, joint=joint, dataset_task=dataset_task)
    return resampled(scorer, COUNTS, groups=_groups(groups, first), draws=draws, rng_name=rng_name)


def gamma_information(
    outputs: Mapping[str, Tensor],
    targets: Tensor,
    *,
    task: Task,
    prior: Tensor | None = None,
    views: tuple[str, str] = ("image", "text"),
    groups: NDArray[np.int64] | None = None,
    draws: int = 1000,
    rng_name: str = "gamma",
) -> Gamma:
    """γ = R / (R + U_first + U_second), in nats that the two views tell of the labels.

    i_v = log p_v(y) − log p(y) for each label, R = max(0, mean of min(i_first, i_second)), U_v = max(0, mean i_v − R),
    means over samples of sums over labels. None where neither view tells more than the labels' prior p(y). R is the
    pointwise redundancy of Williams and Beer ("Nonnegative Decomposition of Multivariate Information", 2010), taken
    with the views' own probabilities: calibrate them first (`calibrated`): an over-sure view tells less than nothing.

    Args:
        outputs: view -> (N, C) logits.   targets: (N,) classes, or (N, C) scores.   task: "multiclass" or "multilabel".
        prior: (C,) p(y) of each class or label; the targets' own shares by default.
        views, groups, draws, rng_name: as in `gamma_counts`.

    Returns:
        Gamma with the parts `redundant`, `first` and `second`, in nats a sample.

    Raises:
        ValueError: a missing view, or shapes that do not fit.
    """
    first, second, _ = _read(outputs, targets, views)
    scorer = information_scorer(first, second, targets, task=task, prior=prior)
    return resampled(scorer, INFORMATION, groups=_groups(groups, first), draws=draws, rng_name=rng_name)


def counts_scorer(
    first: Tensor, second: Tensor, targets: Tensor, *, dataset_task: str, joint: Tensor | None = None
) -> Scorer:
    """Scorer of `gamma_counts` and its parts, in the order of COUNTS."""
    gold = _scores(targets, first).double().numpy()
    said = [_said(logits, dataset_task) for logits in (first, second)]
    hits = [gold * one for one in said]
    alone = np.zeros_like(gold) if joint is None else gold * _said(joint, dataset_task) * ~(said[0] | said[1])
    shares = np.stack([(gold * said[0] * said[1]), *hits, alone], axis=2).sum(axis=1)  # (N, 4)
    labels = gold.sum(axis=1)

    def score(weights: FloatArray) -> FloatArray:
        total = np.maximum(weights @ labels, 1e-9)  # a draw may have no gold label
        both, one, other, synergy = ((weights @ shares) / total[:, None]).T
        guesses = [
            ((weights @ hit) * (weights @ answer)).sum(axis=1) / weights.sum(axis=1)
            for hit, answer in zip(hits, reversed(said), strict=True)
        ]
        chance = np.maximum(*guesses) / total
        either = one + other - both
        gamma = _ratio(np.maximum(0, both - chance), either - chance)
        return np.stack([gamma, both, one - both, other - both, chance, synergy], axis=1)

    return score


def information_scorer(
    first: Tensor, second: Tensor, targets: Tensor, *, task: Task, prior: Tensor | None = None
) -> Scorer:
    """Scorer of `gamma_information` and its parts, in the order of INFORMATION."""
    scores = _scores(targets, first).double()
    shares = (scores.mean(0) if prior is None else prior.double()).clamp(1e-6, 1 - 1e-6)
    told = [_log_likelihood(logits, scores, task) - _prior(shares, scores, task) for logits in (first, second)]
    least = torch.minimum(*told)
    sums = torch.stack([part.sum(1) for part in (least, *told)], dim=1).numpy()  # (N, 3)

    def score(weights: FloatArray) -> FloatArray:
        means = (weights @ sums) / weights.sum(axis=1, keepdims=True)
        redundant = np.maximum(0, means[:, 0])
        unique = np.maximum(0, means[:, 1:].T - redundant)
        return np.stack([_ratio(redundant, redundant + unique.sum(axis=0)), redundant, *unique], axis=1)

    return score


def mean_scorer_of(scorers: Sequence[Scorer]) -> Scorer:
    """The mean of several scorers, as for teachers that differ by a random draw; NaN where one is."""
    return lambda weights: np.mean([scorer(weights) for scorer in scorers], axis=0)


def resampled(scorer: Scorer, names: Sequence[str], *, groups: NDArray[np.int64], draws: int, rng_name: str) -> Gamma:
    """γ and its parts with percentile intervals over resampled pictures."""
    found = Resampling(groups, draws=draws, rng_name=rng_name).scores(scorer)
    whole, drawn = found[0], found[1 : 1 + draws]
    gamma, *parts = (_interval(value, column) for value, column in zip(whole, drawn.T, strict=True))
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
    found = minimize(loss, simplex[0], method="Nelder-Mead", bounds=bounds, options={"initial_simplex": simplex})
    return _calibration(found.x)


def _calibration(values: FloatArray) -> Calibration:
    power, shift = [*values, 0.0][:2]
    return Calibration(float(np.exp(power)), float(shift))


def _read(
    outputs: Mapping[str, Tensor], targets: Tensor, views: tuple[str, str]
) -> tuple[Tensor, Tensor, Tensor | None]:
    missing = [view for view in views if view not in outputs]
    if missing:
        raise ValueError(f"outputs: the view {missing[0]!r} is missing; there are {', '.join(outputs) or 'none'}")
    joint = outputs.get("both") if "both" not in views else None
    first, second = (outputs[view] for view in views)
    for logits in (first, second, *([] if joint is None else [joint])):
        if logits.shape != first.shape or len(logits) != len(targets):
            shapes = f"{tuple(logits.shape)} beside {tuple(first.shape)} and {len(targets)} targets"
            raise ValueError(f"outputs: logits must have one shape, a row for each target; got {shapes}")
    return first, second, joint


def _groups(groups: NDArray[np.int64] | None, logits: Tensor) -> NDArray[np.int64]:
    return np.arange(len(logits)) if groups is None else groups


def _scores(targets: Tensor, logits: Tensor) -> Tensor:
    return F.one_hot(targets, logits.shape[1]) if targets.ndim == 1 else targets


def _said(logits: Tensor, dataset_task: str) -> NDArray[np.bool_]:
    """Which labels (N, C) a view gives as its answer."""
    if dataset_task not in DATASET_TASKS:
        raise ValueError(f"dataset_task: must be one of {sorted(DATASET_TASKS)}, not {dataset_task!r}")
    if dataset_task == "multilabel":
        return (logits > 0).numpy()
    return F.one_hot(logits.argmax(1), logits.shape[1]).bool().numpy()


def _log_likelihood(logits: Tensor, scores: Tensor, task: Task) -> Tensor:
    """log p(y) (N, L) of each label under a view's answer, L = 1 for multiclass."""
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


def _interval(value: float, drawn: FloatArray) -> Interval | None:
    if np.isnan(value):
        return None
    known = drawn[np.isfinite(drawn)]
    if len(known) < LEAST_DEFINED * len(drawn) or len(drawn) < 2:
        return float(value), None, None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(value), float(low), float(high)
