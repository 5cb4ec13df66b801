"""Pictures and recordings of the crossmodal data sets as tensors, with one sentence for each that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from msd.data.pictures import rgb
from msd.data.sound import recording, resampled
from msd.errors import UserError

MEAN, DEVIATION = (torch.tensor(values).view(3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
"""Of ImageNet's pictures, which the released code takes from every picture."""


def normalised(pictures: Tensor) -> Tensor:
    """RGB pictures (..., 3, H, W) of 0 to 255 with ImageNet's mean and deviation taken out, float16 to save memory."""
    return ((pictures.float() / 255 - MEAN) / DEVIATION).half()


def picture(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """A picture file as uint8 (3, H, W), in `size` = (H, W) where given; UserError for a missing or broken one."""
    if not path.is_file():
        raise UserError(f"there is no picture {path}")
    image = rgb(path.read_bytes(), name=str(path))
    if size is not None:
        image = image.resize((size[1], size[0]))
    return pixels(image)


def pixels(image: Image.Image) -> Tensor:
    """An RGB picture as uint8 (3, H, W)."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def recorded(path: Path, rate: int) -> Tensor:
    """A recording as float32 (T,) of one channel at `rate` samples a second; UserError for one that cannot be read."""
    wave, own_rate = recording(path)
    return torch.from_numpy(resampled(wave, own_rate, rate))


def array(path: Path, shape: tuple[int | None, ...]) -> Tensor:
    """A NumPy file of finite numbers as float32 of that shape, None for any length; UserError for another."""
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise UserError(f"{path} is no NumPy array of numbers: {error}") from error
    fits = values.ndim == len(shape) and all(want in (None, has) for want, has in zip(shape, values.shape, strict=True))
    if not fits or not np.issubdtype(values.dtype, np.number) or not np.isfinite(values).all():
        wanted = " × ".join("any" if length is None else str(length) for length in shape)
        raise UserError(f"{path}: expected finite numbers of shape {wanted}, the array is {values.shape}")
    return torch.from_numpy(values.astype(np.float32))


def gathered(paths: Sequence[Path], read: Callable[[Path], Tensor]) -> Tensor:
    """What `read` makes of each file, (N, ...), one at a time: memory holds it once."""
    first = read(paths[0])
    found = torch.empty((len(paths), *first.shape), dtype=first.dtype)
    found[0] = first
    for row, path in enumerate(paths[1:], start=1):
        found[row] = read(path)
    return found


def fitted(values: Tensor, length: int) -> Tensor:
    """Values (..., T) cut, or filled up with zeros, to (..., length)."""
    return torch.nn.functional.pad(values[..., :length], (0, max(0, length - values.shape[-1])))


def names(paths: list[str], *, shown: int = 3) -> str:
    """The first of many names, and how many there are."""
    rest = f" and {len(paths) - shown} more" if len(paths) > shown else ""
    return ", ".join(paths[:shown]) + rest
