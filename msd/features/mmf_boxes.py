"""Regions that MMF published of a dataset's pictures: boxes of a detector, with features that it computed.

The file is an LMDB (data.mdb, or an archive that holds one), whose values are pickles of {features, bbox, num_boxes, …}
by the picture's name, or an archive of .npy files, each of an array (n, D) or of a pickled record. Nothing that a
pickle names is run. As in MMF, all rows of `features` count as boxes, `num_boxes` is not asked, and the first R stand
for a picture that has more; one that has fewer has zeros behind them, and its number of boxes is on record.
Source: MMF's public feature readers and its conversion to LMDB.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from msd.data.pickles import read_npy, read_pickle
from msd.data.pictures import member, open_archive
from msd.data.raw_files import check_room
from msd.errors import UserError, decoding
from msd.features.store import Features

if TYPE_CHECKING:
    from msd.config.contracts.data import FeaturesParams

BASE = "data.mdb"
FEATURES = ("features", "image_feat", "image_feature", "feature")
"""Where a record has them; the first is MMF's, the others are of the extractors before it."""
Find = Callable[[str], "Callable[[str], Any] | None"]
"""Name of a picture -> what reads its record, given what to call that in an error; None where there is none."""


def keys_of(name: str) -> list[str]:
    """What a picture may be called there: by its file's name, by the number that ends it, or by its path.

    MMF tries the number first, and so takes the boxes of 1235 for 01235 where it has both.
    """
    path = PurePosixPath(name).with_suffix("")
    end = path.name.rpartition("_")[2]
    number = [str(int(end))] if end.isascii() and end.isdigit() else []
    return list(dict.fromkeys([path.name, *number, str(path)]))


def unpacked(file: Path, scratch: Path, names: Sequence[str]) -> Path:
    """The LMDB of a file, or a zip with the .npy files of the pictures `names`: itself, or made in `scratch` of it.

    Raises UserError where it holds neither, or has nothing of one of the pictures.
    """
    source = _unpacked(file, scratch, names)
    held = _keys(source) if source.suffix == ".mdb" else set(_members(source)[1])
    missing = [name for name in names if held.isdisjoint(keys_of(name))]
    if missing:
        raise UserError(
            f"{file} has no boxes of the picture {missing[0]!r}, looked for as {' and '.join(keys_of(missing[0]))} "
            f"({len(missing)} of {len(names)} missing); it may be of another data set or version"
        )
    return source


def boxes_of(names: list[str], *, file: Path, params: FeaturesParams) -> Features:
    """Features (B, R, D) float16 of the pictures `names`, and how many boxes each has; `file` as `unpacked` gives it.

    It is opened anew for every batch, so that memory does not hold what was read of it. Raises UserError naming a
    picture whose record is faulty.
    """
    assert params.boxes is not None, "checked by check_encoders"
    values, boxes = np.zeros((len(names), params.boxes, params.dims), np.float16), []
    with _opened(file) as find:
        for row, name in enumerate(names):
            read, what = find(name), f"the record of the picture {name} in {file.name}"
            if read is None:
                raise UserError(f"{what} is missing, though its list of keys has it; fetch the file again")
            own = _rows(read(what), what, width=params.dims)[: params.boxes]
            values[row, : len(own)] = own
            boxes.append(len(own))
    return Features(values, None, boxes)


def _rows(record: Any, what: str, *, width: int) -> np.ndarray:
    """(n, D) float16 of a record."""
    if isinstance(record, dict):
        record = next((record[key] for key in FEATURES if key in record), None)
    if not isinstance(record, np.ndarray) or record.dtype.kind != "f" or record.ndim < 2:
        raise UserError(f"{what} holds no features, an array of n boxes by {width} numbers; fetch the file again")
    if record.shape[-1] != width or not record.size:
        raise UserError(
            f"{what} has features of the shape {record.shape}, expected boxes of {width} numbers; correct `dims`"
        )
    with np.errstate(over="ignore"):  # the next line names it
        rows = record.reshape(-1, width).astype(np.float16)
    if not np.isfinite(rows).all():
        raise UserError(f"{what} has features that are not finite in float16; fetch the file again")
    return rows


@contextmanager
def _opened(file: Path) -> Iterator[Find]:
    """The records of a file."""
    if file.suffix != ".mdb":
        archive, members = _members(file)

        def find(name: str) -> Callable[[str], Any] | None:
            entry = next((members[key] for key in keys_of(name) if key in members), None)
            return None if entry is None else lambda what: read_npy(member(archive, entry), what)

        yield find
        return
    with _lmdb(file) as transaction:

        def get(name: str) -> Callable[[str], Any] | None:
            values = (transaction.get(key.encode()) for key in keys_of(name))
            content = next((value for value in values if value is not None), None)
            return None if content is None else lambda what: read_pickle(content, what)

        yield get


@contextmanager
def _lmdb(file: Path) -> Iterator[Any]:
    """A transaction that reads a data.mdb, whose lock file stays with whoever made it."""
    import lmdb

    with decoding(f"{file} is no LMDB file"):
        base = lmdb.open(str(file), subdir=False, readonly=True, lock=False, readahead=False)
        if file.stat().st_size < (base.info()["last_pgno"] + 1) * base.stat()["psize"]:
            base.close()
            raise ValueError("it is cut short")
    with base, base.begin() as transaction:
        yield transaction


def _keys(file: Path) -> set[str]:
    """The keys of a data.mdb, by the list that MMF's own reader needs too: to ask for each would read all values."""
    with _lmdb(file) as transaction:
        content = transaction.get(b"keys")
    what = f"the list of the keys of {file}"
    keys = [] if content is None else read_pickle(content, what)
    if not isinstance(keys, list) or not keys or not all(isinstance(key, bytes) for key in keys):
        raise UserError(f"{what}, its entry `keys`, is missing or no list of names; fetch the file again")
    return {key.decode(errors="replace") for key in keys}


@lru_cache(1)
def _members(file: Path) -> tuple[zipfile.ZipFile, dict[str, str]]:
    """A zip, and key -> its .npy file of features."""
    archive = open_archive(file)
    return archive, {stem: name for name in archive.namelist() if (stem := _stem(name))}


def _stem(path: str) -> str:
    """What a .npy file of features is of; "" for any other file, such as <name>_info.npy beside it."""
    name = PurePosixPath(path)
    return name.stem if name.suffix == ".npy" and not name.stem.endswith("_info") else ""


def _unpacked(file: Path, scratch: Path, names: Sequence[str]) -> Path:
    if file.suffix == ".mdb":
        return file
    base, npys = scratch / BASE, scratch / "boxes.zip"
    if zipfile.is_zipfile(file):
        return _of_zip(file, base)
    for done in (base, npys):
        if done.is_file():
            return done
    scratch.mkdir(parents=True, exist_ok=True)
    half, wanted = npys.with_suffix(".half"), {key for name in names for key in keys_of(name)}
    with (
        decoding(f"{file} is no tar archive, no zip and no {BASE}"),
        tarfile.open(file, "r|*") as tar,
        zipfile.ZipFile(half, "w", zipfile.ZIP_STORED) as archive,
    ):
        for entry in tar:
            content = tar.extractfile(entry) if entry.isfile() else None
            if content is not None and PurePosixPath(entry.name).name == BASE:
                return _copied(content, base, size=entry.size)
            if content is not None and _stem(entry.name) in wanted:
                archive.writestr(f"{_stem(entry.name)}.npy", content.read())
    os.replace(half, npys)
    return npys


def _of_zip(file: Path, base: Path) -> Path:
    """A zip of .npy files itself, or the LMDB that it holds."""
    with open_archive(file) as archive:
        databases = [one for one in archive.infolist() if PurePosixPath(one.filename).name == BASE]
        if not databases or base.is_file():
            return base if databases else file
        base.parent.mkdir(parents=True, exist_ok=True)
        with decoding(f"{databases[0].filename} of {file} cannot be unpacked"), archive.open(databases[0]) as content:
            return _copied(content, base, size=databases[0].file_size)


def _copied(content: Any, target: Path, *, size: int) -> Path:
    """`target` with the content, once all of it is there; UserError where the disk has no room."""
    check_room(target.parent, size, name=target.name)
    half = target.with_suffix(".half")
    with open(half, "wb") as file:
        shutil.copyfileobj(content, file, 2**20)
    os.replace(half, target)
    return target
