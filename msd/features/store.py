"""The file that features are written to, picture by picture, and gone on with after its writer was killed."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from msd.data.rows import StoredRows, npy_rows

SAVED = 512
"""Pictures between two notes of how far it is: as many are done again after a kill, at most."""


class GrowingFeatures:
    """regions.npy (P, rows·columns, D) in a folder, float16, and a note of how many of its rows are whole on the disk.

    Args:
        folder: for these pictures alone.   pictures: P.
    """

    def __init__(self, folder: Path, pictures: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.note, self.pictures = folder / "regions.npy", folder / "done.json", pictures
        self.done, self.grid = 0, [0, 0]
        self._rows: StoredRows | None = None
        if self.note.is_file() and self.path.is_file():
            self.done, self.grid = json.loads(self.note.read_text(encoding="utf-8"))
            self._rows = npy_rows(self.path)
        self._noted = self.done

    def append(self, grids: np.ndarray[Any, Any]) -> None:
        """Write the features (B, rows, columns, D) of the next pictures."""
        if self._rows is None:
            self.grid = list(grids.shape[1:3])
            self._rows = _empty(self.path, (self.pictures, grids.shape[1] * grids.shape[2], grids.shape[3]))
        places = torch.arange(self.done, self.done + len(grids))
        self._rows.write(places, torch.from_numpy(grids.reshape(len(grids), *self._rows.shape[1:])))
        self.done += len(grids)
        if self.done - self._noted >= SAVED or self.done == self.pictures:
            self._save()

    def _save(self) -> None:
        """Note what is done, once it is on the disk."""
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())
        half = self.note.with_suffix(".half")
        with open(half, "w", encoding="utf-8") as file:
            json.dump([self.done, self.grid], file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(half, self.note)
        self._noted = self.done


def _empty(path: Path, shape: Sequence[int]) -> StoredRows:
    """A .npy file of that many zeros, which take no place on the disk yet."""
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=tuple(shape))
    return npy_rows(path)
