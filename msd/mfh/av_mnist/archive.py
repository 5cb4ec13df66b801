"""Reader of AV-MNIST in the layout that MultiBench publishes: pictures of digits with spectrograms of spoken ones.

avmnist/{image,audio}/{train,test}_data.npy and avmnist/{train,test}_labels.npy: pictures (N, 784) of 0 to 255,
spectrograms (N, 112, 112), labels 0 to 9. Published N: 60,000 for training, of which the last 5,000 validate, and
10,000 for test; this reader takes N from the files.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from msd.data.findings import Findings, Row
from msd.errors import UserError
from msd.mfh.crossmodal.files import numbers
from msd.mfh.crossmodal.samples import Samples

SIDE, SPECTROGRAM, CLASSES = 28, (112, 112), 10
HOW = "unpack avmnist.tar.gz of MultiBench and give the folder that holds image/, audio/ and the labels"


def read_av_mnist(folder: Path, findings: Findings) -> dict[str, Samples]:
    """The splits train, val (the last twelfth of the training samples) and test, without bad samples.

    image: (N, 1, 28, 28) of 0 to 1. audio: (N, 1, 112, 112). Both are float32.

    Raises:
        UserError: a file is missing or no array, shapes do not fit together, there are too few training samples to hold
            some out, or most samples of a split are bad: not finite, out of range, given twice, or of two splits.
    """
    parts = {part: _read_part(folder, part) for part in ("train", "test")}
    count = len(parts["train"].label)
    held = count // 12
    if not held:
        raise UserError(f"{folder}: of {count} training samples none can be held out for validation")
    rows: dict[str, list[Row]] = {"train": [], "val": [], "test": []}
    for part, arrays in parts.items():
        reasons = arrays.faults()
        for number, (*sample, _) in enumerate(zip(*arrays, strict=True)):
            split = "val" if part == "train" and number >= count - held else part
            where = f"{part}_labels.npy"
            if number in reasons:
                findings.drop(f"{part}[{number}]", where, reasons[number], split=split)
            else:
                digest = hashlib.sha256(b"".join(values.tobytes() for values in sample)).hexdigest()
                rows[split].append(Row((digest[:16],), f"{part}[{number}]", number))
    splits = {}
    for split, kept in findings.once(rows).items():
        findings.check_share(split, len(kept))
        splits[split] = parts["test" if split == "test" else "train"].samples([row.content for row in kept])
    return splits


class _Part(NamedTuple):
    """Arrays of one part of the archive as it has them, in float32."""

    image: NDArray[np.float32]
    audio: NDArray[np.float32]
    label: NDArray[np.float32]

    def faults(self) -> dict[int, str]:
        """Number of a bad sample -> why."""
        checks = {
            "the picture must hold numbers from 0 to 255": ((self.image >= 0) & (self.image <= 255)).all(1),
            "the spectrogram must hold finite numbers": np.isfinite(self.audio).all((1, 2)),
            f"the label must be a whole number from 0 to {CLASSES - 1}": np.isin(self.label, np.arange(CLASSES)),
        }
        return {int(number): reason for reason, fine in checks.items() for number in np.flatnonzero(~fine)}

    def samples(self, rows: list[int]) -> Samples:
        """The samples of these rows."""
        pictures = torch.from_numpy(self.image[rows].reshape(-1, 1, SIDE, SIDE) / np.float32(255))
        sound = torch.from_numpy(self.audio[rows]).unsqueeze(1)
        return Samples({"image": pictures, "audio": sound}, torch.from_numpy(self.label[rows].astype(np.int64)))


def _read_part(folder: Path, part: str) -> _Part:
    paths = (folder / f"image/{part}_data.npy", folder / f"audio/{part}_data.npy", folder / f"{part}_labels.npy")
    arrays = _Part(*map(_load, paths, ((SIDE * SIDE,), SPECTROGRAM, ())))
    if len(set(map(len, arrays))) > 1:
        sizes = f"{len(arrays.image)} pictures, {len(arrays.audio)} spectrograms and {len(arrays.label)} labels"
        raise UserError(f"{folder}: {sizes} in the part {part}, which should be equally many")
    return arrays


def _load(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An array whose samples have that shape."""
    if not path.is_file():
        raise UserError(f"there is no file {path}; {HOW}")
    array = numbers(path)
    if array.ndim == 0 or array.shape[1:] != shape:
        raise UserError(f"{path}: expected samples of shape {shape}, the array is {array.shape}")
    with np.errstate(over="ignore"):  # an infinite number drops its sample
        return np.asarray(array, np.float32)
