"""Reader of NYU Depth V2: which class does each pixel of a room belong to? Colour and depth.

Silberman, Hoiem, Kohli, Fergus, ECCV 2012; no licence is stated, academic use. Read are nyu_depth_v2_labeled.mat
(MATLAB 7.3, that is HDF5 with axes reversed), splits.mat (trainNdxs, testNdxs, from 1), and the mappings of its 894
names to 40 classes (Gupta, Arbeláez, Malik, CVPR 2013: classMapping40.mat) and of those to 13 (Couprie et al., ICLR
2013: class13Mapping.mat). Label 0 is no label.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.io import loadmat
from torch import Tensor
from torch.nn.functional import interpolate

from msd.config.strict import Count
from msd.data.randomness import hashed_order
from msd.errors import UserError
from msd.mfh.crossmodal.files import normalised
from msd.mfh.crossmodal.reader import DataReader, Share
from msd.mfh.crossmodal.samples import IGNORED, Samples, standardised

LABELED, SPLITS, TO_40, TO_13 = "nyu_depth_v2_labeled.mat", "splits.mat", "classMapping40.mat", "class13Mapping.mat"


class NyuDepth(DataReader):
    """NYU Depth V2."""

    modalities = ("rgb", "depth")
    metric = "miou"
    has_maps = True
    reader: Literal["nyu-depth"] = "nyu-depth"
    count: Literal[13, 40] = Field(40, description="number of classes")
    size: tuple[Count, Count] = Field((240, 320), description="height and width of a picture in pixels")
    validation: Share = Field(0.1, description="share of the training pictures that validates, in whole scenes")

    def read(self, folder: Path) -> dict[str, Samples]:
        """The splits train, val (whole scenes, about that share of the training pictures) and test.

        rgb (N, 3, *size), depth (N, 1, *size), filled-in metres less the training pictures' mean, over their deviation.
        label (N, *size): classes from 0 to count − 1, 255 where no label is known.

        Raises:
            UserError: a file is missing, broken or lacks a field, numbers do not fit together, a split is empty.
        """
        return standardised(_read(folder, self.count, self.size, self.validation), "depth")

    def classes(self, folder: Path) -> int:
        """The named classes."""
        return len(labels(folder, count=self.count))


def _read(folder: Path, count: int, size: tuple[int, int], validation: float) -> dict[str, Samples]:
    mapping, _ = _mapping(folder, count)
    with _opened(folder / LABELED) as file:
        images, depths, targets = (
            _field(file, name, rank) for name, rank in (("images", 4), ("depths", 3), ("labels", 3))
        )
        if not len(images) == len(depths) == len(targets):
            sizes = f"{len(images)} pictures, {len(depths)} depths and {len(targets)} labels"
            raise UserError(f"{folder / LABELED} holds {sizes}, which should be equally many; fetch it again")
        parts = _split(folder, file, len(images), validation)
        splits = {}
        for split, rows in parts.items():
            rgb, depth, label = (
                torch.stack([_scaled(source[row], size, exact=source is targets) for row in rows])
                for source in (images, depths, targets)
            )
            if int(label.max()) >= len(mapping):
                raise UserError(f"{folder / LABELED}: the label {int(label.max())} has no class in {TO_40}")
            inputs = {"rgb": normalised(rgb), "depth": depth.unsqueeze(1)}
            splits[split] = Samples(inputs, mapping[label.long()])
    return splits


def labels(folder: Path, *, count: int = 40) -> list[str]:
    """The names of the classes, in the order of their numbers."""
    return _mapping(folder, count)[1]


def _mapping(folder: Path, count: int) -> tuple[Tensor, list[str]]:
    """Label of the file (0 for none) -> class from 0, or 255; and the names of the classes."""
    content = _loaded(folder / TO_40, ("mapClass", "className"))
    mapping, names = _numbers(folder / TO_40, content["mapClass"], 40), content["className"]
    if count == 13:
        fewer = _loaded(folder / TO_13, ("classMapping13",))["classMapping13"]
        to_13, names = list(fewer.values())[:2]  # one structure: numbers and names
        mapping = _numbers(folder / TO_13, to_13, 13)[mapping]
    return torch.from_numpy(np.where(mapping == 0, IGNORED, mapping - 1)), [str(name) for name in names]


def _numbers(path: Path, numbers: Any, count: int) -> NDArray[np.int64]:
    """Class 1 to `count`, or 0 for none, of each label from 0, which has none."""
    found: NDArray[np.int64] = np.concatenate([[0], np.ravel(numbers).astype(np.int64)])
    if not 0 <= found.min() < found.max() <= count:
        raise UserError(f"{path}: expected classes from 1 to {count}")
    return found


def _split(folder: Path, file: h5py.File, total: int, validation: float) -> dict[str, list[int]]:
    """Split -> rows; validation takes whole scenes, since a scene's pictures are alike."""
    content = _loaded(folder / SPLITS, ("trainNdxs", "testNdxs"))
    train, test = ([int(row) - 1 for row in np.ravel(content[name])] for name in ("trainNdxs", "testNdxs"))
    if set(train) & set(test) or not set(train + test) <= set(range(total)):
        raise UserError(f"{folder / SPLITS}: expected numbers from 1 to {total}, each in one split")
    scenes = ["".join(map(chr, np.ravel(file[reference][()]))) for reference in np.ravel(file["scenes"][()])]
    held: list[int] = []
    for scene in hashed_order({scenes[row] for row in train}, "nyu-depth-v2", "validation"):
        if len(held) >= validation * len(train):
            break
        held += [row for row in train if scenes[row] == scene]
    parts = {"train": sorted(set(train) - set(held)), "val": sorted(held), "test": sorted(test)}
    for split, rows in parts.items():
        if not rows:
            raise UserError(f"{folder / SPLITS}: no picture is left for {split}; validation takes whole scenes")
    return parts


def _scaled(values: NDArray[Any], size: tuple[int, int], *, exact: bool) -> Tensor:
    """A stored array (..., width, height) as float32 (..., *size); `exact` picks values, else they are averaged."""
    upright = torch.from_numpy(values.astype(np.float32)).transpose(-1, -2)
    batch = upright.reshape(1, -1, *upright.shape[-2:])
    scaled = (
        interpolate(batch, size, mode="nearest-exact")
        if exact
        else interpolate(batch, size, mode="bilinear", antialias=True)
    )
    return scaled.reshape(*upright.shape[:-2], *size)


def _opened(path: Path) -> h5py.File:
    if not path.is_file():
        raise UserError(f"there is no file {path}; fetch the labelled data set of NYU Depth V2")
    try:
        file = h5py.File(path)
    except OSError as error:
        raise UserError(f"{path} is no MATLAB 7.3 file ({error}); fetch it again") from error
    if "scenes" not in file:
        raise UserError(f"{path} has no field 'scenes'; fetch it again")
    return file


def _field(file: h5py.File, name: str, rank: int) -> h5py.Dataset:
    if name not in file or len(file[name].shape) != rank:
        raise UserError(f"{file.filename} has no field {name!r} of {rank} dimensions; fetch it again")
    return file[name]


def _loaded(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a MATLAB file of version 5."""
    if not path.is_file():
        raise UserError(f"there is no file {path}; NYU Depth V2 needs it beside {LABELED}")
    try:
        content: dict[str, Any] = loadmat(path, simplify_cells=True)
    except (ValueError, TypeError, OSError, NotImplementedError) as error:
        raise UserError(f"{path} is no MATLAB 5 file ({error}); fetch it again") from error
    for name in names:
        if name not in content:
            raise UserError(f"{path} has no field {name!r}; fetch it again")
    return content
