"""The file that features are written to, picture by picture, and gone on with after its writer was killed."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from msd.data.raw_files import check_room
from msd.data.rows import StoredRows, npy_rows

SAVED = 512
"""Pictures between two notes of how far it is: as many are done again after a kill, at most."""


class Features(NamedTuple):
    """Of some pictures.

    values: (B, R, D) float16.   grid: [rows, columns] of their regions; None where those are boxes.
    boxes: how many each has; behind them are zeros.
    """

    values: np.ndarray[Any, Any]
    grid: list[int] | None
    boxes: list[int]


class GrowingFeatures:
    """regions.npy (P, R, D) in a folder, float16, and a note of how many of its rows are whole on the disk.

    Args:
        folder: for these pictures alone.   pictures: P.
    """

    def __init__(self, folder: Path, pictures: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.note, self.pictures = folder / "regions.npy", folder / "done.json", pictures
        self.done = 0
        self.grid: list[int] | None = None
        self.boxes: list[int] = []
        self._rows: StoredRows | None = None
        if self.note.is_file() and self.path.is_file():
            self.done, self.grid, self.boxes = json.loads(self.note.read_text(encoding="utf-8"))
            self._rows = npy_rows(self.path)
        self._noted = self.done

    def append(self, features: Features) -> None:
        """Write the features of the next pictures."""
        values = features.values
        if self._rows is None:
            self.grid = features.grid
            self._rows = _empty(self.path, (self.pictures, *values.shape[1:]))
        self._rows.write(torch.arange(self.done, self.done + len(values)), torch.from_numpy(values))
        self.done += len(values)
        self.boxes += features.boxes
        if self.done - self._noted >= SAVED or self.done == self.pictures:
            self._save()

    def _save(self) -> None:
        """Note what is done, once it is on the disk."""
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())
        half = self.note.with_suffix(".half")
        with open(half, "w", encoding="utf-8") as file:
            json.dump([self.done, self.grid, self.boxes], file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(half, self.note)
        self._noted = self.done


def _empty(path: Path, shape: Sequence[int]) -> StoredRows:
    """A .npy file of that many zeros, which take no place on the disk yet."""
    check_room(path.parent, math.prod(shape) * 2, name=path.name)
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=tuple(shape))
    return npy_rows(path)
