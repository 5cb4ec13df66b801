"""The batches of an epoch: shuffled, with texts of like length together."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

POOL = 12
"""Batches in a shuffled pool inside which samples are sorted by length."""


def length_batches(lengths: Tensor, *, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """One epoch of row numbers (B,), shuffled, with texts of like length together so that little is padding."""
    order = torch.randperm(len(lengths), generator=generator)
    batches: list[Tensor] = []
    for pool in order.split(POOL * batch_size):
        batches.extend(pool[lengths[pool].argsort(stable=True)].split(batch_size))
    for number in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[number]
