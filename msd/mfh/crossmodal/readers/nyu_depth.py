"""Reader of NYU Depth V2: which class does each pixel of a room belong to? Colour and depth.

Silberman, Hoiem, Kohli, Fergus, ECCV 2012; no licence is stated, academic use. Read are nyu_depth_v2_labeled.mat
(MATLAB 7.3, that is HDF5 with axes reversed), splits.mat (trainNdxs, testNdxs, from 1), and the mappings of its 894
names to 40 classes (Gupta, Arbeláez, Malik, CVPR 2013: classMapping40.mat) and of those to 13 (Couprie et al., ICLR
2013: class13Mapping.mat). Label 0 is no label.
"""

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
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

from msd.config.strict import Part, Sides
from msd.data.findings import Findings, Row
from msd.data.randomness import hashed_order
from msd.errors import UserError, decoding
from msd.mfh.crossmodal.files import normalised
from msd.mfh.crossmodal.reader import DataReader, ReaderName
from msd.mfh.crossmodal.samples import IGNORED, Samples, gathered, standardised

LABELED, SPLITS, TO_40, TO_13 = "nyu_depth_v2_labeled.mat", "splits.mat", "classMapping40.mat", "class13Mapping.mat"
FARTHEST = 1000  # metres; the sensor sees ten


class NyuDepth(DataReader):
    """NYU Depth V2."""

    modalities = ("rgb", "depth")
    metric = "miou"
    has_maps = True
    reader: ReaderName[Literal["nyu-depth"]] = "nyu-depth"
    count: Literal[13, 40] = Field(40, description="number of classes")
    size: Sides = Field((240, 320), description="height and width of a picture in pixels")
    validation: Part = Field(0.1, description="share of the training pictures that validates, in whole scenes")

    def read(self, folder: Path) -> dict[str, Samples]:
        """The splits train, val (whole scenes, about that share of the training pictures) and test.

        rgb (N, 3, *size), depth (N, 1, *size), filled-in metres less the training pictures' mean, over their deviation.
        label (N, *size): classes from 0 to count − 1, 255 where no label is known.

        Raises:
            UserError: a file is missing, broken or lacks a field, a split is empty, or most of its pictures are bad.
        """
        return standardised(_read(folder, self.count, self.size, self.validation, self.findings), "depth")

    def classes(self, folder: Path) -> int:
        """The named classes."""
        return len(labels(folder, count=self.count))


def _read(folder: Path, count: int, size: tuple[int, int], validation: float, findings: Findings) -> dict[str, Samples]:
    mapping, _ = _mapping(folder, count)
    path = folder / LABELED
    if not path.is_file():
        raise UserError(f"there is no file {path}; fetch the labelled data set of NYU Depth V2")
    with decoding(f"{path} is no MATLAB 7.3 file"):
        opened = h5py.File(path)
    with opened as file:
        images, depths, targets = (
            _field(file, name, rank) for name, rank in (("images", 4), ("depths", 3), ("labels", 3))
        )
        if not len(images) == len(depths) == len(targets):
            sizes = f"{len(images)} pictures, {len(depths)} depths and {len(targets)} labels"
            raise UserError(f"{path} holds {sizes}, which should be equally many; fetch it again")
        if images.shape[1] != 3:
            raise UserError(f"{path}: pictures have {images.shape[1]} channels, not 3; fetch it again")

        def read(row: int) -> dict[str, Tensor] | str:
            with decoding(f"picture {row + 1} of {path} is broken"):
                rgb, depth, target = (
                    _scaled(source[row], size, exact=source is targets) for source in (images, depths, targets)
                )
            if not bool(torch.isfinite(depth).all()) or not bool(torch.isfinite(rgb).all()):
                return "depth that is not finite"
            if float(depth.abs().max()) > FARTHEST:
                return f"depth beyond {FARTHEST} m"
            if not 0 <= int(target.min()) <= int(target.max()) < len(mapping):
                return f"label without a class in {TO_40}: {int(target.max())}"
            label = mapping[target.long()]
            if bool((label == IGNORED).all()):
                return "no labelled pixel"
            return {"rgb": normalised(rgb), "depth": depth.unsqueeze(0), "label": label}

        parts = _split(folder, file, len(images), validation, findings)
        return {split: gathered(rows, read, findings, split=split)[0] for split, rows in parts.items()}


def labels(folder: Path, *, count: int = 40) -> list[str]:
    """The names of the classes, in the order of their numbers."""
    return _mapping(folder, count)[1]


def _mapping(folder: Path, count: int) -> tuple[Tensor, list[str]]:
    """Label of the file (0 for none) -> class from 0, or 255; and the names of the classes."""
    content = _loaded(folder / TO_40, ("mapClass", "className"))
    mapping, names = _numbers(folder / TO_40, content["mapClass"], 40), content["className"]
    if count == 13:
        fewer = _loaded(folder / TO_13, ("classMapping13",))["classMapping13"]
        with decoding(f"{folder / TO_13} has no numbers and names of classes"):
            to_13, names = list(fewer.values())[:2]  # one structure
            mapping = _numbers(folder / TO_13, to_13, 13)[mapping]
    if len(np.atleast_1d(names)) != count:
        raise UserError(f"{folder}: expected the names of {count} classes, not {len(np.atleast_1d(names))}")
    return torch.from_numpy(np.where(mapping == 0, IGNORED, mapping - 1)), [str(name) for name in names]


def _numbers(path: Path, numbers: Any, count: int) -> NDArray[np.int64]:
    """Class 1 to `count`, or 0 for none, of each label from 0, which has none."""
    classes: NDArray[np.int64] = np.array([0, *_whole(path, numbers)])
    if not 0 <= classes.min() < classes.max() <= count:
        raise UserError(f"{path}: expected classes from 1 to {count}")
    return classes


def _whole(path: Path, numbers: Any) -> list[int]:
    with decoding(f"{path} holds no whole numbers"):
        values = np.ravel(numbers).astype(np.float64)
    if not np.array_equal(values, np.rint(values)):
        raise UserError(f"{path} holds {values}, which are no whole numbers; fetch it again")
    return [int(value) for value in values]


def _split(folder: Path, file: h5py.File, total: int, validation: float, findings: Findings) -> dict[str, list[Row]]:
    """Split -> rows; validation takes whole scenes, since a scene's pictures are alike."""
    content = _loaded(folder / SPLITS, ("trainNdxs", "testNdxs"))
    listed: dict[str, list[Row]] = {"train": [], "test": []}
    for split, rows in listed.items():
        for number in _whole(folder / SPLITS, content[f"{split}Ndxs"]):
            if 1 <= number <= total:
                rows.append(Row((str(number),), f"{SPLITS}: {split}Ndxs", number - 1))
            else:
                findings.drop(str(number), f"{SPLITS}: {split}Ndxs", f"no number from 1 to {total}", split=split)
        findings.check_share(split, len(rows))
    listed = findings.once(listed)
    for split, rows in listed.items():
        findings.check_share(split, len(rows))
    with decoding(f"{file.filename} has no names of scenes"):
        scenes = ["".join(map(chr, np.ravel(file[reference][()]))) for reference in np.ravel(file["scenes"][()])]
        own = {row.content: scenes[row.content] for row in listed["train"]}
    held: set[int] = set()
    for scene in hashed_order(set(own.values()), "nyu-depth-v2", "validation"):
        if len(held) >= validation * len(own):
            break
        held |= {row for row in own if own[row] == scene}
    parts = {
        "train": [row for row in listed["train"] if row.content not in held],
        "val": [row for row in listed["train"] if row.content in held],
        "test": listed["test"],
    }
    for split, rows in parts.items():
        if not rows:
            raise UserError(f"{folder / SPLITS}: no picture is left for {split}; validation takes whole scenes")
    return {split: sorted(rows, key=lambda row: row.content) for split, rows in parts.items()}


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


def _field(file: h5py.File, name: str, rank: int) -> h5py.Dataset:
    with decoding(f"the field {name!r} of {file.filename} is broken"):
        field = file.get(name)
        if not isinstance(field, h5py.Dataset) or field.ndim != rank:
            raise UserError(f"{file.filename} has no field {name!r} of {rank} dimensions; fetch it again")
        return field


def _loaded(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a MATLAB file of version 5, read in a process of its own: a damaged one may kill it."""
    if not path.is_file():
        raise UserError(f"there is no file {path}; NYU Depth V2 needs it beside {LABELED}")
    with decoding(f"{path} is no MATLAB 5 file"), ProcessPoolExecutor(1, get_context("fork")) as apart:
        try:
            content: dict[str, Any] = apart.submit(loadmat, path, simplify_cells=True).result()
        except BrokenProcessPool as error:
            raise ValueError("damaged content") from error
    for name in names:
        if name not in content:
            raise UserError(f"{path} has no field {name!r}; fetch it again")
    return content
