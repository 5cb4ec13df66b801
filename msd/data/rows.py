"""Rows of numbers that are read when they are asked for, so that memory holds those of a batch and no others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from msd.data.tensor_file import Stored, new_tensors, stored_tensors
from msd.errors import UserError, decoding, made_anew
from msd.system.memory import BLOCK

if TYPE_CHECKING:
    from io import FileIO


class Rows(Protocol):
    """N rows of one shape; a tensor is one kind of them."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, …) of all of them."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Those with the numbers `rows` (B,): (B, …)."""


class StoredRows(Stored):
    """Rows of numbers in a file. Half precision is read as float32.

    They are read, not mapped: mapped pages count as memory of the process, and end it where a file is cut short.
    """

    def __getitem__(self, rows: Tensor) -> Tensor:
        values = self.read(rows)
        return values.float() if values.dtype == torch.float16 else values

    def read(self, rows: Tensor) -> Tensor:
        """The rows as they are stored; UserError where the file ends in front of one of them."""
        size = self.row_bytes
        buffer = bytearray(len(rows) * size)
        content = memoryview(buffer)
        file, start, end = self._file.fileno(), self.start, 0
        for row in rows.tolist():
            begin, end = end, end + size
            if os.preadv(file, (content[begin:end],), start + row * size) != size:
                raise UserError(f"{self.path} ends in front of its row {row}; {made_anew(self.path)}")
        return torch.from_numpy(np.frombuffer(buffer, self.dtype).reshape(len(rows), *self.shape[1:]))

    def write(self, rows: Tensor, values: Tensor) -> None:
        """Put `values` (B, …) in the place of the rows (B,); UserError for those too large for half precision."""
        with np.errstate(over="ignore"):  # the next line names it
            stored = np.ascontiguousarray(values.numpy().astype(self.dtype, copy=False))
        if self.dtype == np.float16 and not np.isfinite(stored).all():
            raise UserError(f"{self.path}: values that are not finite in half precision; store them as float32")
        size, content = self.row_bytes, stored.reshape(-1).view(np.uint8).data
        with open(self.path, "r+b", buffering=0) as file:
            for place, row in enumerate(rows.tolist()):
                done = 0
                while done < size:  # a disk that fills up takes a part, and refuses the rest
                    rest = content[place * size + done : (place + 1) * size]
                    done += os.pwrite(file.fileno(), rest, self.start + row * size + done)

    @cached_property
    def _file(self) -> FileIO:
        return open(self.path, "rb", buffering=0)

    def __reduce__(self) -> tuple[Any, ...]:  # the open file stays behind
        return StoredRows, (self.path, self.start, self.shape, self.dtype)


def npy_rows(path: str | Path) -> StoredRows:
    """The rows of a .npy file; UserError for one that is none, or is cut short."""
    with decoding(f"{path} is no file of numbers", made_anew(path)):
        mapped = np.load(path, mmap_mode="r")
        return StoredRows(str(path), mapped.offset, mapped.shape, mapped.dtype)


def safetensors_rows(path: str | Path) -> tuple[dict[str, str], dict[str, StoredRows]]:
    """Metadata and tensors of a safetensors file, name -> rows; UserError for a file that is none."""
    metadata, tensors = stored_tensors(path)
    return metadata, _as_rows(tensors)


def new_safetensors(
    path: str | Path,
    shapes: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]],
    metadata: Mapping[str, str] | None = None,
) -> dict[str, StoredRows]:
    """The rows of a new safetensors file, see `new_tensors`."""
    return _as_rows(new_tensors(path, shapes, metadata))


def _as_rows(tensors: Mapping[str, Stored]) -> dict[str, StoredRows]:
    return {name: StoredRows(each.path, each.start, each.shape, each.dtype) for name, each in tensors.items()}


@dataclass(frozen=True)
class Ragged:
    """N rows of unlike length, one after the other in memory; those of a batch are padded with zeros.

    Attributes:
        starts: (N+1,) where each row begins, and the last one ends.   values: (S,) of all of them.
    """

    starts: Tensor
    values: Tensor

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def lengths(self) -> Tensor:
        """(N,) of the rows."""
        return self.starts.diff()

    @property
    def shape(self) -> tuple[int, int]:
        """(N, length of the longest row)."""
        return len(self), int(self.lengths.max())

    def __getitem__(self, rows: Tensor) -> Tensor:
        lengths = self.lengths[rows]
        places = torch.arange(int(lengths.max()))[None]
        positions = self.starts[rows][:, None] + places
        # Beyond a row's end lies the next one, or nothing: neither is read.
        return self.values[positions.clamp_max(len(self.values) - 1)] * (places < lengths[:, None])


def joined(first: Ragged, second: Ragged) -> Ragged:
    """The rows of both, the first ones in front."""
    starts = torch.cat((first.starts, first.starts[-1] + second.starts[1:]))
    return Ragged(starts, torch.cat((first.values, second.values)))


@dataclass(frozen=True)
class Chained:
    """Rows of two files as those of one, the first ones in front."""

    first: Rows
    second: Rows

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, …) of both together."""
        return len(self), *self.first.shape[1:]

    def __getitem__(self, rows: Tensor) -> Tensor:
        is_first = rows < len(self.first)
        values = torch.empty(len(rows), *self.first.shape[1:])
        values[is_first] = self.first[rows[is_first]]
        values[~is_first] = self.second[rows[~is_first] - len(self.first)]
        return values


@dataclass(frozen=True)
class SparseScores:
    """(N, C) scores most of which are zero; those of a batch are made dense.

    Attributes:
        labels, scores: of each row, those that are not zero.   count: C.
    """

    labels: Ragged
    scores: Ragged
    count: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, C)."""
        return len(self), self.count

    def __getitem__(self, rows: Tensor) -> Tensor:
        labels, scores = self.labels[rows].long(), self.scores[rows]
        return torch.zeros(len(rows), self.count).scatter_add_(1, labels, scores)


def blocks(rows: int, width: int) -> Iterator[Tensor]:
    """The numbers of all rows in their order, in blocks whose rows of `width` numbers fit into memory."""
    yield from torch.arange(rows).split(max(1, BLOCK // width))


def all_of(rows: Rows) -> Tensor:
    """All rows in memory: for those that are few by their nature."""
    return rows[torch.arange(len(rows))]
