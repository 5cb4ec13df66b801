"""Teachers that hear less: the channels that Algorithm 1 ranks lowest, highest or a random share are silenced."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Kind = Literal["regular", "general", "specific", "random"]


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
