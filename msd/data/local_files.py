"""Files that lie on this machine already: a person brought them, or a cache keeps them."""

import os
import shutil
from pathlib import Path

from msd.data.raw_files import check_room

DATA_ROOT = "MSD_DATA_ROOT"
"""The variable that tells jobs the study's `data_root`, so that no record, job file or command holds that path."""


def place_of(root: str | None, owner: str, file: str) -> Path | None:
    """Where a person puts a file of a dataset or encoder; None where no folder is given for such files."""
    return Path(os.path.abspath(root)) / owner / file if root else None


def must_bring(place: Path | None, owner: str, file: str, *, terms: str) -> str:
    """What to do about a file that a person has not brought."""
    there = f"{place}, where no such file is" if place else f"<data_root>/{owner}/{file}"
    if place and place.parents[1].is_file():
        there = f"{place}; but {place.parents[1]} is a file, and `data_root` must name a folder"
    how = "" if place else ", with `data_root: <folder>` in the study"
    return f"{owner}: {file} is brought by hand: read its terms ({terms}), get the file, and put it at {there}{how}"


def link_or_copy(place: Path, target: Path) -> None:
    """`target` becomes a second name of a file, or a copy where the system refuses that; never a symbolic link."""
    file = os.path.realpath(place)
    try:
        os.link(file, target)
    except OSError:  # another disk, one without hard links, or a file of another account
        check_room(target.parent, os.path.getsize(file), name=target.name)
        shutil.copyfile(file, target)
