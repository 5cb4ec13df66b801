"""A split as a model reads it: word pieces and targets in memory, regions in their file or in memory."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import torch
from torch import Tensor
from torch.nn import functional as F

from msd.data.columns import numbers, read_columns
from msd.data.prepared_table import classes, read_labels
from msd.data.rows import Ragged, Rows, SparseScores, all_of, joined, npy_rows
from msd.errors import UserError
from msd.models.views import Inputs

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TEXTS = 8192
"""Texts that are cut to word pieces at once: the tokenizer needs thousands of bytes for each."""


@dataclass(frozen=True)
class Split:
    """One split, ready to be batched: regions, by far the most of it, may lie in a file and are read by batch.

    Word pieces and targets lie in memory, without padding and without the labels that a sample has not.

    Attributes:
        tokens: N rows of word-piece ids, 0 = padding.   lengths: (N,) pieces of each text.
        pictures: (N,) row of each sample in `regions`.
        regions: P rows (R, D) float32, shared by the splits of a dataset.
        targets: (N,) class indices for a multiclass loss, N rows (C,) of scores for a multilabel one.
        unlabelled: samples at the end, in transfer pairs, that have no label: what stands in its place means nothing.
        boxes: (P,) regions of each picture, behind which are zeros; None where every picture has R.
    """

    tokens: Rows
    lengths: Tensor
    pictures: Tensor
    regions: Rows
    targets: Rows
    unlabelled: int = 0
    boxes: Tensor | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def labelled(self) -> int:
        """How many samples have a label: the first ones."""
        return len(self) - self.unlabelled

    def inputs(self, rows: Tensor) -> Inputs:
        """The inputs of the samples `rows` (B,), padded to their longest text."""
        lengths = self.lengths[rows]
        longest = max(lengths.tolist())
        mask = (torch.arange(longest)[None] < lengths[:, None]).float()
        pictures = self.pictures[rows]
        tokens, regions = self.tokens[rows][:, :longest].long(), self.regions[pictures]
        return Inputs(tokens, mask, regions, region_mask=self.region_mask(pictures))

    def region_mask(self, pictures: Tensor) -> Tensor | None:
        """(B, R) 1.0 for the regions of the pictures with the numbers (B,), 0.0 behind; None where all have R."""
        if self.boxes is None:
            return None
        return (torch.arange(self.regions.shape[1])[None] < self.boxes[pictures][:, None]).float()

    def rows_by_length(self, count: int) -> Tensor:
        """`count` rows evenly spread over the samples sorted by length of text; the median one for 1."""
        order = self.lengths.argsort(stable=True)
        places = (torch.arange(count) + 0.5) / count * len(order)
        return order[places.long()]


@dataclass(frozen=True)
class RegionWindows:
    """Regions averaged over overlapping `window`×`window` neighbourhoods of a square grid, when they are read.

    Attributes:
        grid: P rows (R, D), R a square number.   window: 2 on a 3×3 grid gives 4 regions; 1 keeps the grid.
    """

    grid: Rows
    window: int

    def __len__(self) -> int:
        return len(self.grid)

    @property
    def side(self) -> int:
        """Regions of a row of the grid."""
        return math.isqrt(self.grid.shape[1])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(P, R', D)."""
        return len(self), (self.side - self.window + 1) ** 2, self.grid.shape[2]

    def __getitem__(self, rows: Tensor) -> Tensor:
        stored = self.grid[rows]
        if self.window == 1:
            return stored
        grid = stored.unflatten(1, (self.side, self.side)).permute(0, 3, 1, 2)
        return F.avg_pool2d(grid, self.window, stride=1).permute(0, 2, 3, 1).flatten(1, 2)


@dataclass(frozen=True)
class FirstBoxes:
    """The first `count` of the boxes of each picture, P rows (R, D)."""

    stored: Rows
    count: int

    def __len__(self) -> int:
        return len(self.stored)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(P, count, D)."""
        return len(self), self.count, self.stored.shape[2]

    def __getitem__(self, rows: Tensor) -> Tensor:
        return self.stored[rows][:, : self.count]


def load_regions(features: str | Path, *, side: int, boxes: bool = False) -> RegionWindows | FirstBoxes:
    """`side` × `side` averages of the regions of regions.npy (P, R, D), or of boxes the first side².

    Raises UserError where R is no square of that side, or there are fewer boxes.
    """
    stored = npy_rows(features)
    regions = stored.shape[1]
    if boxes and side**2 <= regions:
        return FirstBoxes(stored, side**2)
    given = math.isqrt(regions)
    if boxes or given**2 != regions or not 1 <= side <= given:
        what = f"boxes are fewer than {side}²" if boxes else f"regions are no square of {side} regions a side or more"
        raise UserError(f"{features}: {regions} {what}")
    return RegionWindows(stored, given - side + 1)


def with_transfer(train: Split, pairs: Split) -> Split:
    """A training split with unlabelled pairs of its texts and pictures behind it."""
    targets: Rows
    if isinstance(train.targets, SparseScores) and isinstance(pairs.targets, SparseScores):
        ours, theirs = train.targets, pairs.targets
        targets = SparseScores(joined(ours.labels, theirs.labels), joined(ours.scores, theirs.scores), ours.count)
    else:
        targets = torch.cat((all_of(train.targets), all_of(pairs.targets)))
    assert isinstance(train.tokens, Ragged), "as load_split opens it"
    assert isinstance(pairs.tokens, Ragged), "as load_split opens it"
    tokens, pictures = joined(train.tokens, pairs.tokens), torch.cat((train.pictures, pairs.pictures))
    return replace(
        train, tokens=tokens, lengths=tokens.lengths, pictures=pictures, targets=targets, unlabelled=len(pairs)
    )


def load_split(
    prepared: str | Path,
    *,
    tokenizer: Tokenizer,
    regions: Rows,
    pictures: list[str],
    labels: int,
    task: str,
    has_labels: bool = True,
    boxes: Tensor | None = None,
) -> Split:
    """Open one prepared split; `pictures` names the rows of `regions`, each of which has so many `boxes`.

    Without labels, zeros stand in their place.

    Raises:
        UserError: a sample's picture has no region features, or a target is no label of the dataset.
    """
    stored = read_labels(prepared, labels=labels)
    targets: Rows
    if task == "multiclass":
        targets = (
            torch.from_numpy(classes(stored, prepared)) if has_labels else torch.zeros(len(stored.starts) - 1).long()
        )
    else:
        starts, of_samples, scores = (torch.from_numpy(part) for part in stored)
        targets = SparseScores(Ragged(starts, of_samples), Ragged(starts, scores), labels)
    tokens = _tokens(prepared, tokenizer)
    return Split(tokens, tokens.lengths, _pictures(prepared, pictures), regions, targets, boxes=boxes)


def _tokens(prepared: str | Path, tokenizer: Tokenizer) -> Ragged:
    """The word pieces (int32) of all texts of a table."""
    lengths, values = [np.zeros(1, np.int64)], []
    with pq.ParquetFile(prepared) as file:
        for batch in file.iter_batches(TEXTS, columns=["text"]):
            pieces = [encoding.ids for encoding in tokenizer.encode_batch(batch["text"].to_pylist())]
            lengths.append(np.array([len(ids) for ids in pieces], np.int64))
            values.append(np.fromiter(itertools.chain.from_iterable(pieces), np.int32))
    return Ragged(torch.from_numpy(np.concatenate(lengths).cumsum()), torch.from_numpy(np.concatenate(values)))


def _pictures(prepared: str | Path, names: list[str]) -> Tensor:
    """(N,) the number of each sample's picture among `names`."""
    rows = {name: row for row, name in enumerate(names)}
    images = read_columns(prepared, "image")["image"].combine_chunks().dictionary_encode()
    used = images.dictionary.to_pylist()
    absent = sorted(set(used) - set(rows))
    if absent:
        raise UserError(
            f"{prepared}: picture {absent[0]!r} has no region features ({len(absent)} missing); "
            "run the rule `features` again"
        )
    return torch.tensor([rows[name] for name in used])[torch.tensor(numbers(images.indices)).long()]
