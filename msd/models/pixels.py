"""Pictures as a model that reads pixels is given them: decoded when a batch asks for them, so that none are stored."""

from __future__ import annotations

import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from msd.data.pictures import member, open_archive, rgb


class Pixels:
    """P pictures (3, side, side) of a prepared dataset, float32 from 0 to 1, in the order of their names; stretched.

    Args:
        archive: pictures.zip.   side: in pixels.
    """

    def __init__(self, archive: str | Path, side: int) -> None:
        self.archive, self.side = Path(archive), side
        self.names = sorted(self._open.namelist())

    def __len__(self) -> int:
        return len(self.names)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(P, 3, side, side)."""
        return len(self), 3, self.side, self.side

    def __getitem__(self, rows: Tensor) -> Tensor:
        seen, of_row = rows.unique(return_inverse=True)
        return torch.stack([self._read(self.names[row]) for row in seen.tolist()])[of_row]

    def _read(self, name: str) -> Tensor:
        picture = rgb(member(self._open, name), name=f"{name} of {self.archive}")
        if picture.size != (self.side, self.side):
            picture = picture.resize((self.side, self.side), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(picture, np.uint8)).permute(2, 0, 1).float() / 255

    @cached_property
    def _open(self) -> zipfile.ZipFile:
        return open_archive(self.archive)

    def __reduce__(self) -> tuple[Any, ...]:  # the open file stays behind
        return Pixels, (self.archive, self.side)
