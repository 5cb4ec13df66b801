"""Algorithm 1 of the Modality Focusing Hypothesis: which channels of one modality say what another modality says too.

A general teacher is one whose least general channels are silenced, a specific one lacks the most general ones.

Channel generality is a property of one feature channel. It is not MSD's saliency, which is a property of a modality.
Xue, Gao, Ren, Zhao, "The Modality Focusing Hypothesis", arXiv 2206.06487, ICLR 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from msd.distill.losses import Task

if TYPE_CHECKING:
    from msd.mfh.config import JointTraining


Kind = Literal["regular", "general", "specific", "random"]


class Head(NamedTuple):
    """A linear net z = Wh + b, or a stack of them: weight (..., C, D), bias (..., C)."""

    weight: Tensor
    bias: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """Logits (..., N, C) of features (..., N, D)."""
        return features @ self.weight.mT + self.bias.unsqueeze(-2)


@dataclass(frozen=True)
class Generality:
    """What Algorithm 1 says of the channels: mean distance after permutation and its min-max score, both (..., D)."""

    distance: Tensor
    score: Tensor

    @property
    def ranking(self) -> Tensor:
        """Channels (..., D), the most general first."""
        return self.distance.argsort(dim=-1, descending=True, stable=True)


def channel_generality(
    features: Tensor, other: Tensor, targets: Tensor, *, task: Task = "multiclass", training: JointTraining
) -> Generality:
    """Rank the channels of `features` by how much they say of what `other`, the other modality, says too.

    features: (..., N, D) of the teacher's modality. other: (..., N, E). targets: (..., N) class indices, or
    (..., N, C) scores in [0, 1] where the task is multilabel. Leading dimensions are independent problems. One linear
    net a modality is trained, both together; then each channel is permuted across samples, and a shared channel is one
    that, once permuted, takes the two nets' logits far apart. The paper draws permutations; linear nets allow the exact
    expectation over all of them.
    """
    head, other_head = train_jointly(features, other, targets, task=task, training=training)
    return scored(exact_distance(features, head, other_head.logits(other)))


def train_jointly(
    features: Tensor,
    other: Tensor,
    targets: Tensor,
    *,
    task: Task = "multiclass",
    training: JointTraining,
    seed: int = 0,
) -> tuple[Head, Head]:
    """One linear net a modality, trained together: L = CE(z_a, y) + CE(z_b, y) + MSE(z_a, z_b), weights 1 : 1 : 1.

    features: (..., N, D). other: (..., N, E). targets: (..., N), or (..., N, C) for multilabel, whose CE is the binary
    one summed over labels. Full batch, SGD with momentum. Problems of the leading dimensions do not touch each other:
    their mean losses are summed.
    """
    is_multilabel = task == "multilabel"
    rows = targets.shape[:-1] if is_multilabel else targets.shape
    samples, classes = rows[-1], targets.shape[-1] if is_multilabel else int(targets.max()) + 1
    if features.shape[:-1] != rows or other.shape[:-1] != rows:
        shapes = [tuple(item.shape) for item in (features, other, targets)]
        raise ValueError(f"features, other and targets must have the same samples; their shapes are {shapes}")
    start = torch.Generator().manual_seed(seed)
    heads = [_initial(item, classes, generator=start) for item in (features, other)]
    parameters = [part.requires_grad_() for head in heads for part in head]
    optimizer = torch.optim.SGD(parameters, lr=training.learning_rate, momentum=training.momentum)
    task_sum = F.binary_cross_entropy_with_logits if is_multilabel else F.cross_entropy
    gold = targets.to(features).flatten(0, -2) if is_multilabel else targets.long().flatten()
    for _ in range(training.epochs):
        a, b = (head.logits(item) for head, item in zip(heads, (features, other), strict=True))
        both_tasks = sum(task_sum(logits.flatten(0, -2), gold, reduction="sum") for logits in (a, b))
        loss = (both_tasks + (a - b).square().sum() / classes) / samples
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    trained = [Head(*(part.detach() for part in head)) for head in heads]
    return trained[0], trained[1]


def exact_distance(features: Tensor, head: Head, other_logits: Tensor) -> Tensor:
    """Expected mean-squared distance (..., D) between both nets' logits when one channel is permuted, for each channel.

    E[D_i] = D_0 + (2/C)·(‖W_i‖²·Var(h_i) − W_i·Cov(h_i, z − z_other)), with population moments: a permuted channel is
    any sample's with the same chance, its own included.
    """
    gap = head.logits(features) - other_logits  # (..., N, C)
    centred = features - features.mean(dim=-2, keepdim=True)
    variance = centred.square().mean(dim=-2)
    covariance = gap.mT @ centred / features.shape[-2]  # (..., C, D)
    change = head.weight.square().sum(dim=-2) * variance - (head.weight * covariance).sum(dim=-2)
    return gap.square().mean(dim=(-2, -1)).unsqueeze(-1) + 2 * change / gap.shape[-1]


def scored(distance: Tensor) -> Generality:
    """Distances (..., D) with their min-max scores."""
    low, high = distance.amin(dim=-1, keepdim=True), distance.amax(dim=-1, keepdim=True)
    return Generality(distance, (distance - low) / (high - low).clamp_min(torch.finfo(distance.dtype).tiny))


def linear_start(shape: tuple[int, ...], fan_in: int, *, generator: torch.Generator) -> Tensor:
    """U(−1/√fan_in, 1/√fan_in), as PyTorch starts weights and biases of a linear layer."""
    return (2 * torch.rand(shape, generator=generator) - 1) * fan_in**-0.5


def _initial(features: Tensor, classes: int, *, generator: torch.Generator) -> Head:
    *problems, _, width = features.shape
    shapes = ((*problems, classes, width), (*problems, classes))
    weight, bias = (linear_start(shape, width, generator=generator) for shape in shapes)
    return Head(weight.to(features), bias.to(features))


def silenced_channels(score: Tensor, kind: Kind, *, share: float, generator: torch.Generator | None = None) -> Tensor:
    """Channels (K,) to silence, K = share · D rounded: the least general ones for a `general` teacher, by rank.

    score: (D,) generality. kind: `regular` silences none, `general` the lowest ranks, `specific` the highest,
    `random` K different channels, for which it needs a generator.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie between 0 and 1, not {share}")
    count = 0 if kind == "regular" else round(share * len(score))
    if kind == "random":
        if generator is None:
            raise ValueError("random channels need a generator")
        return torch.randperm(len(score), generator=generator)[:count]
    return score.argsort(descending=kind == "specific", stable=True)[:count]


def silence(features: Tensor, channels: Tensor, means: Tensor) -> Tensor:
    """Features (N, D) or maps (N, D, h, w) with `channels` replaced by their mean (of D) over the training set."""
    silenced = features.clone()
    silenced[:, channels] = means[channels].reshape(-1, *[1] * (features.ndim - 2))
    return silenced
