"""Pictures and recordings of the crossmodal data sets as tensors, with one sentence for each that cannot be read."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from msd.data.findings import Findings
from msd.data.pictures import rgb
from msd.data.sound import recording, resampled
from msd.errors import UserError, cause, decoding

Name = TypeVar("Name")
COPY = re.compile(r" ?\(\d+\)$")
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
    values = numbers(path)
    fits = values.ndim == len(shape) and all(want in (None, has) for want, has in zip(shape, values.shape, strict=True))
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    if not fits or not np.isfinite(single).all():
        wanted = " × ".join("any" if length is None else str(length) for length in shape)
        raise UserError(f"{path}: expected finite numbers of shape {wanted}, the array is {values.shape}")
    return torch.from_numpy(single)


def numbers(path: Path) -> NDArray[Any]:
    """The real numbers of a NumPy file, on disk till they are read; UserError for a missing, broken or other file."""
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    with decoding(f"{path} is no NumPy array of numbers"):
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuf":
        raise UserError(f"{path} is no NumPy array of numbers; fetch it again")
    return values


def files_below(folder: Path, endings: tuple[str, ...], findings: Findings) -> list[Path]:
    """The files below a folder whose names end so, in small letters or capitals, sorted by name; links are followed.

    Dropped are copies "x (1)", what systems leave behind ("._x", __MACOSX), links to nothing, what a link leads to a
    second time, and others of a name. Raises UserError for a folder that cannot be read.
    """
    return list(_kept(folder, endings, findings, lambda place, _: place.stem).values())


def partners_below(folder: Path, endings: tuple[str, ...], findings: Findings) -> dict[Path, dict[str, Path]]:
    """Path without ending -> ending -> the file, for files that belong together; as `files_below` in all else.

    A name may stand in several folders.
    """
    partners: dict[Path, dict[str, Path]] = defaultdict(dict)
    for (place, ending), path in _kept(folder, endings, findings, lambda place, ending: (place, ending)).items():
        partners[folder / place][ending] = path
    return dict(partners)


def _kept(
    folder: Path, endings: tuple[str, ...], findings: Findings, name: Callable[[Path, str], Name]
) -> dict[Name, Path]:
    """Name -> the first file of it; `name` is given a file's place in the folder without its ending, and that."""
    kept: dict[Name, Path] = {}
    for path in sorted(_walked(folder, findings), key=lambda path: (path.stem, path)):
        ending = next((ending for ending in endings if path.name.lower().endswith(ending)), None)
        if ending is None or path.is_dir():
            continue
        place = path.relative_to(folder)
        bare = place.with_name(path.name[: -len(ending)] or path.name)
        own = name(bare, ending)
        if path.name.startswith("._") or "__MACOSX" in place.parts:
            findings.drop(path.name, str(place), "left behind by a system")
        elif COPY.search(bare.name):
            findings.drop(path.name, str(place), "a copy, by its name")
        elif not path.is_file():
            findings.drop(path.name, str(place), "a link to nothing, or no file")
        elif own in kept:
            findings.drop(path.name, str(place), f"name given twice: {kept[own].relative_to(folder)}")
        else:
            kept[own] = path
    return kept


def _walked(folder: Path, findings: Findings) -> Iterator[Path]:
    """Every file below a folder and the folders that links lead to, each folder once."""

    def refuse(error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            return  # a folder that is not there has no files, of which the readers speak
        raise UserError(f"the folder {error.filename} cannot be read ({cause(error)}); correct its rights") from error

    known: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        if os.path.realpath(place) in known:
            folders.clear()
            findings.drop(Path(place).name, str(Path(place).relative_to(folder)), "a link to a folder that is read")
            continue
        known.add(os.path.realpath(place))
        folders.sort(key=lambda name: (os.path.islink(os.path.join(place, name)), name))
        yield from (Path(place, name) for name in files)


def fitted(values: Tensor, length: int) -> Tensor:
    """Values (..., T) cut, or filled up with zeros, to (..., length)."""
    return torch.nn.functional.pad(values[..., :length], (0, max(0, length - values.shape[-1])))


def names(paths: list[str], *, shown: int = 3) -> str:
    """The first of many names, and how many there are."""
    rest = f" and {len(paths) - shown} more" if len(paths) > shown else ""
    return ", ".join(paths[:shown]) + rest
