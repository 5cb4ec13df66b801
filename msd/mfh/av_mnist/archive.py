"""Reader of AV-MNIST in the layout that MultiBench publishes: pictures of digits with spectrograms of spoken ones.

avmnist/{image,audio}/{train,test}_data.npy and avmnist/{train,test}_labels.npy: pictures (N, 784) of 0 to 255,
spectrograms (N, 112, 112), labels 0 to 9. Published N: 60,000 for training, of which the last 5,000 validate, and
10,000 for test; this reader takes N from the files.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from msd.errors import UserError
from msd.mfh.crossmodal.files import numbers
from msd.mfh.crossmodal.samples import Samples

SIDE, SPECTROGRAM, CLASSES = 28, (112, 112), 10
HOW = "unpack avmnist.tar.gz of MultiBench and give the folder that holds image/, audio/ and the labels"


def read_av_mnist(folder: Path) -> dict[str, Samples]:
    """The splits train, val (the last twelfth of the training samples) and test.

    image: (N, 1, 28, 28) of 0 to 1. audio: (N, 1, 112, 112). Both are float32.

    Raises:
        UserError: a file is missing or no array, shapes do not fit together, values are out of range, or there are
            too few training samples to hold some out.
    """
    whole, test = (_read_part(folder, part) for part in ("train", "test"))
    count = len(whole.label)
    held = count // 12
    if not held:
        raise UserError(f"{folder}: of {count} training samples none can be held out for validation")
    parts = {"train": slice(count - held), "val": slice(count - held, None)}
    splits = {
        name: Samples({modality: values[rows] for modality, values in whole.inputs.items()}, whole.label[rows])
        for name, rows in parts.items()
    }
    return splits | {"test": test}


def _read_part(folder: Path, part: str) -> Samples:
    paths = (folder / f"image/{part}_data.npy", folder / f"audio/{part}_data.npy", folder / f"{part}_labels.npy")
    image, audio, label = map(_load, paths, ((SIDE * SIDE,), SPECTROGRAM, ()))
    if not len(image) == len(audio) == len(label):
        sizes = f"{len(image)} pictures, {len(audio)} spectrograms and {len(label)} labels"
        raise UserError(f"{folder}: {sizes} in the part {part}, which should be equally many")
    if not np.isin(label, np.arange(CLASSES)).all():
        raise UserError(f"{paths[2]}: labels must be whole numbers from 0 to {CLASSES - 1}")
    if image.size and not (image.min() >= 0 and image.max() <= 255):
        raise UserError(f"{paths[0]}: pictures must hold numbers from 0 to 255")
    pictures = torch.from_numpy(image.reshape(-1, 1, SIDE, SIDE) / np.float32(255))
    return Samples(
        {"image": pictures, "audio": torch.from_numpy(audio).unsqueeze(1)}, torch.from_numpy(label.astype(np.int64))
    )


def _load(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An array of finite numbers whose samples have that shape."""
    if not path.is_file():
        raise UserError(f"there is no file {path}; {HOW}")
    array = numbers(path)
    if array.ndim == 0 or array.shape[1:] != shape:
        raise UserError(f"{path}: expected samples of shape {shape}, the array is {array.shape}")
    with np.errstate(over="ignore"):
        single: NDArray[np.float32] = array.astype(np.float32)
    if not np.isfinite(single).all():
        raise UserError(f"{path}: expected finite numbers")
    return single
