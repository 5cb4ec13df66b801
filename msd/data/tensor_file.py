"""Where the tensors of a safetensors file lie, to read or copy without PyTorch: a short job would notice its import."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msd.errors import UserError, decoding, made_anew

DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("float32"), "F16": np.dtype("float16"), "I32": np.dtype("int32")}
"""Of the numbers of a file, as its header names them."""
COPIED = 2**24
"""Bytes that are copied at once."""


@dataclass(frozen=True)
class Stored:
    """N rows of numbers in a file, one after the other.

    Attributes:
        path, start: the file, and the bytes in front of the first row.   shape: (N, …).   dtype: of the numbers there.
    """

    path: str
    start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def values(self) -> NDArray[Any]:
        """(N, …) of all rows; UserError where the file ends in front of the last one."""
        with open(self.path, "rb") as file:
            file.seek(self.start)
            content = file.read(len(self) * self.row_bytes)
        if len(content) < len(self) * self.row_bytes:
            raise UserError(self.cut)
        return np.frombuffer(content, self.dtype).reshape(self.shape)

    def copy_to(self, other: "Stored") -> None:
        """Put all rows in the place of another file's of the same kind; UserError as of `values`."""
        rest = len(self) * self.row_bytes
        with open(self.path, "rb") as source, open(other.path, "r+b") as target:
            source.seek(self.start)
            target.seek(other.start)
            while rest:
                if not (block := source.read(min(COPIED, rest))):
                    raise UserError(self.cut)
                target.write(block)
                rest -= len(block)

    @property
    def cut(self) -> str:
        """What is said of a file that ends too early."""
        return f"{self.path} ends in front of its last row; {made_anew(self.path)}"


def stored_tensors(path: str | Path) -> tuple[dict[str, str], dict[str, Stored]]:
    """Metadata and tensors of a safetensors file, name -> where it lies; UserError for a file that is none."""
    with decoding(f"{path} is no safetensors file", made_anew(path)), open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        metadata = header.pop("__metadata__", {})
        tensors = {
            name: Stored(
                str(path), 8 + length + about["data_offsets"][0], tuple(about["shape"]), DTYPES[about["dtype"]]
            )
            for name, about in header.items()
        }
    return metadata, tensors


def new_tensors(
    path: str | Path,
    shapes: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]],
    metadata: Mapping[str, str] | None = None,
) -> dict[str, Stored]:
    """A safetensors file of zeros, to be written in any order: the bytes of `safetensors`, without its memory."""
    names, place = {dtype: name for name, dtype in DTYPES.items()}, 0
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    for tensor, (dtype, shape) in sorted(shapes.items(), key=lambda item: (-item[1][0].itemsize, item[0])):
        end = place + math.prod(shape) * dtype.itemsize
        header[tensor] = {"dtype": names[dtype], "shape": list(shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + place)
    return stored_tensors(path)[1]
