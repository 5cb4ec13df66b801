"""A split in memory, and its batches by length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from msd.errors import UserError
from msd.models.views import Inputs

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Samples:
    """One split, ready to be batched.

    Attributes:
        uids: N names, in prepared order.
        tokens: (N, L) word-piece ids, 0 = padding.   lengths: (N,) pieces of each text.
        pictures: (N,) row of each sample in `regions`.
        regions: (P, R, D) float32, shared by the splits of a dataset.
        targets: (N,) class indices for a multiclass loss, (N, C) scores for a multilabel one.
    """

    uids: list[str]
    tokens: Tensor
    lengths: Tensor
    pictures: Tensor
    regions: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.uids)

    def take(self, rows: Tensor) -> Samples:
        """The samples with the numbers `rows` (B,)."""
        return replace(
            self,
            uids=[self.uids[row] for row in rows.tolist()],
            tokens=self.tokens[rows],
            lengths=self.lengths[rows],
            pictures=self.pictures[rows],
            targets=self.targets[rows],
        )

    def inputs(self, rows: Tensor) -> Inputs:
        """The inputs of the samples `rows` (B,), padded to their longest text."""
        lengths = self.lengths[rows]
        longest = int(lengths.max())
        mask = (torch.arange(longest)[None] < lengths[:, None]).float()
        return Inputs(self.tokens[rows, :longest], mask, self.regions[self.pictures[rows]])


def load_regions(features: str | Path, *, window: int) -> Tensor:
    """Region features (P, R', D) float32 from regions.npy (P, R, D), R a square grid.

    Regions are averaged over overlapping `window`×`window` neighbourhoods: a 3×3 grid with window 2 gives 4
    regions; window 1 keeps the grid.
    """
    stored = torch.from_numpy(np.load(features, mmap_mode="r").astype(np.float32))
    pictures, regions, width = stored.shape
    side = round(regions**0.5)
    if side * side != regions or not 1 <= window <= side:
        raise UserError(f"{features}: {regions} regions are no square grid that a window of {window} fits in")
    grid = stored.transpose(1, 2).reshape(pictures, width, side, side)
    return F.avg_pool2d(grid, window, stride=1).flatten(2).transpose(1, 2).contiguous()


def load_samples(
    prepared: str | Path,
    *,
    tokenizer: Tokenizer,
    regions: Tensor,
    pictures: list[str],
    labels: int,
    task: str,
) -> Samples:
    """Read one prepared split; `pictures` names the rows of `regions`.

    Raises:
        UserError: a sample's picture has no region features, or a target is no label of the dataset.
    """
    table = pd.read_parquet(prepared)
    encodings = tokenizer.encode_batch(table["text"].tolist())
    lengths = torch.tensor([len(encoding.ids) for encoding in encodings])
    tokens = torch.zeros(len(table), int(lengths.max()), dtype=torch.long)
    for row, encoding in enumerate(encodings):
        tokens[row, : len(encoding.ids)] = torch.tensor(encoding.ids)
    rows = {name: row for row, name in enumerate(pictures)}
    absent = sorted(set(table["image"]) - set(rows))
    if absent:
        raise UserError(
            f"{prepared}: picture {absent[0]!r} has no region features ({len(absent)} missing); "
            "run the rule `features` again"
        )
    return Samples(
        uids=table["uid"].tolist(),
        tokens=tokens,
        lengths=lengths,
        pictures=torch.tensor([rows[name] for name in table["image"]]),
        regions=regions,
        targets=read_targets(table, labels=labels, task=task, path=prepared),
    )


def read_targets(table: pd.DataFrame, *, labels: int, task: str, path: str | Path) -> Tensor:
    """(N,) class indices for a multiclass loss, (N, C) scores for a multilabel one, from a prepared table."""
    scores = torch.zeros(len(table), labels)
    for row, (indices, values) in enumerate(zip(table["target"], table["score"], strict=True)):
        if len(indices) != len(values) or (len(indices) and not 0 <= min(indices) <= max(indices) < labels):
            raise UserError(
                f"{path}: sample {table['uid'].iloc[row]!r} has targets {list(indices)} with "
                f"scores {list(values)}; the dataset has {labels} labels"
            )
        scores[row, torch.tensor(list(indices), dtype=torch.long)] = torch.tensor(list(values), dtype=torch.float32)
    if task == "multilabel":
        return scores
    if not bool((scores.sum(1) == 1).all()):
        raise UserError(f"{path}: a multiclass sample needs exactly one label with score 1")
    return scores.argmax(1)


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
