"""A split in memory, as a model reads it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from msd.data.prepared_table import read_targets
from msd.errors import UserError
from msd.models.views import Inputs

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Split:
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

    def take(self, rows: Tensor) -> Split:
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

    def rows_by_length(self, count: int) -> Tensor:
        """`count` rows evenly spread over the samples sorted by length of text; the median one for 1."""
        order = self.lengths.argsort(stable=True)
        places = (torch.arange(count) + 0.5) / count * len(order)
        return order[places.long()]


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


def load_split(
    prepared: str | Path, *, tokenizer: Tokenizer, regions: Tensor, pictures: list[str], labels: int, task: str
) -> Split:
    """Read one prepared split; `pictures` names the rows of `regions`.

    Raises:
        UserError: a sample's picture has no region features, or a target is no label of the dataset.
    """
    table = pd.read_parquet(prepared, columns=["uid", "image", "text"])
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
    return Split(
        uids=table["uid"].tolist(),
        tokens=tokens,
        lengths=lengths,
        pictures=torch.tensor([rows[name] for name in table["image"]]),
        regions=regions,
        targets=torch.from_numpy(read_targets(prepared, labels=labels, task=task)),
    )
