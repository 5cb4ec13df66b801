"""Reader of AV-MNIST in the layout that MultiBench publishes: pictures of digits with spectrograms of spoken ones.

avmnist/{image,audio}/{train,test}_data.npy and avmnist/{train,test}_labels.npy: pictures (N, 784) of 0 to 255,
spectrograms (N, 112, 112), labels 0 to 9. Published N: 60,000 for training, of which the last 5,000 validate, and
10,000 for test; this reader takes N from the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from msd.errors import UserError
from msd.mfh.crossmodal.files import numbers

SIDE, SPECTROGRAM, CLASSES = 28, (112, 112), 10
ROWS = 1000  # checked at once: all spectrograms together are gigabytes
HOW = "unpack avmnist.tar.gz of MultiBench and give the folder that holds image/, audio/ and the labels"


class Digits(NamedTuple):
    """image (N, 28, 28) float32 of 0 to 1, audio (N, 112, 112) as stored, on disk till it is read, label (N,) int64."""

    image: NDArray[np.float32]
    audio: NDArray[np.generic]
    label: NDArray[np.int64]


def read_av_mnist(folder: str | Path, *, validation: int | None = None) -> dict[str, Digits]:
    """The splits train, val (the last `validation` training samples, by default a twelfth of them) and test.

    Raises:
        UserError: a file is missing or no array, shapes do not fit together, values are out of range, or there are
            too few training samples to hold some out.
    """
    folder = Path(folder)
    whole, test = (_read_part(folder, part) for part in ("train", "test"))
    count = len(whole.label)
    validation = count // 12 if validation is None else validation
    if not 0 < validation < count:
        raise UserError(f"{folder}: {validation} of {count} training samples cannot be held out for validation")
    cut = count - validation
    image, audio, label = whole
    train, val = Digits(image[:cut], audio[:cut], label[:cut]), Digits(image[cut:], audio[cut:], label[cut:])
    return {"train": train, "val": val, "test": test}


def _read_part(folder: Path, part: str) -> Digits:
    image = _load(folder / "image" / f"{part}_data.npy", (SIDE * SIDE,))
    audio = _load(folder / "audio" / f"{part}_data.npy", SPECTROGRAM)
    path = folder / f"{part}_labels.npy"
    label = _load(path, ())
    counts = {len(array) for array in (image, audio, label)}
    if len(counts) > 1:
        sizes = f"{len(image)} pictures, {len(audio)} spectrograms and {len(label)} labels"
        raise UserError(f"{folder}: {sizes} in the part {part}, which should be equally many")
    if not np.isin(label, np.arange(CLASSES)).all():
        raise UserError(f"{path}: labels must be whole numbers from 0 to {CLASSES - 1}")
    if image.size and not (image.min() >= 0 and image.max() <= 255):
        raise UserError(f"{folder / 'image' / f'{part}_data.npy'}: pictures must hold numbers from 0 to 255")
    pictures = image.astype(np.float32).reshape(-1, SIDE, SIDE) / np.float32(255)
    return Digits(pictures, audio, label.astype(np.int64))


def _load(path: Path, shape: tuple[int, ...]) -> NDArray[np.generic]:
    """An array whose samples have that shape; numbers of any type, never pickled objects."""
    if not path.is_file():
        raise UserError(f"there is no file {path}; {HOW}")
    array = numbers(path, mmap_mode="r")
    if array.ndim == 0 or array.shape[1:] != shape:
        raise UserError(f"{path}: expected samples of shape {shape}, the array is {array.shape}")
    rows = range(0, len(array), ROWS)
    with np.errstate(over="ignore"):
        if not all(np.isfinite(array[at : at + ROWS].astype(np.float32)).all() for at in rows):
            raise UserError(f"{path}: expected finite numbers")
    return array
