"""A user's folder as one archive: its tables as they are, and the pictures that they name.

Equal content gives equal bytes.
"""

import re
import tarfile
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from msd.data.findings import Findings
from msd.data.pictures import Lazy, member, open_archive, write_archive
from msd.data.readers.table import ALL, NAMES, picture_member
from msd.data.table_file import read_table
from msd.errors import UserError, decoding

SUFFIXES = (".csv", ".jsonl", ".parquet")
PART = re.compile(r"(\w+?)(-\d+-of-\d+(-\w+)?)?")
"""The name of a table, and of one of several that `datasets` wrote for a split."""


def find_tables(place: Path) -> dict[str, list[str]]:
    """Split, or `all` -> the tables with its samples, relative to the folder; of a file, that table alone.

    A table is named after its split, or is `metadata` or a number in a folder that is; a single one is of all.

    Raises:
        UserError: there is no table, or it is not clear which one is meant.
    """
    if place.is_file():
        if place.suffix.lower() not in SUFFIXES:
            raise UserError(f"{place} is no table; one ends in {', '.join(SUFFIXES)}")
        return {ALL: [place.name]}
    if not place.is_dir():
        raise UserError(f"there is no folder {place}")
    folders = [place, *(path for pattern in ("*", "*/*") for path in place.glob(pattern) if path.is_dir())]
    paths = sorted(path for folder in folders for path in folder.iterdir() if path.is_file())
    tables = [path.relative_to(place) for path in paths if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    by_split: dict[str, list[str]] = defaultdict(list)
    for path in tables:
        if split := _split_of(path):
            by_split[split].append(path.as_posix())
    if by_split:
        for split, own in by_split.items():
            if len(own) > 1 and not all(name.lower().endswith(".parquet") for name in own):
                raise UserError(f"{place} has several tables of {split}: {', '.join(own)}; leave one there")
        return dict(by_split)
    if len(tables) == 1:
        return {ALL: [tables[0].as_posix()]}
    if not tables:
        arrow = " `Dataset.to_parquet` writes one of what `save_to_disk` wrote" if any(place.rglob("*.arrow")) else ""
        raise UserError(f"{place} has no table that ends in {', '.join(SUFFIXES)};{arrow or ' bring one'}")
    some = ", ".join(map(str, tables[:3]))
    raise UserError(f"{place} has {len(tables)} tables, such as {some}; name one of them instead of the folder")


def _split_of(path: Path) -> str | None:
    """The split that a table is named after, or its folder."""
    stem = path.stem.lower()
    name = path.parent.name.lower() if stem == "metadata" or stem.isdecimal() else stem
    part = PART.fullmatch(name)
    return NAMES.get(part[1]) if part else None


def pack(folder: Path, tables: Iterable[str], pictures: Path | None, target: Path, **columns: str) -> int:
    """Write the archive that `msd.data.readers.table` reads; the number of its pictures. Those missing are left out.

    pictures: a folder, or a zip or tar archive; none: each table has them beside it.
    columns: `image`, the column of the pictures, and the `delimiter` of a CSV file.

    Raises:
        UserError: a table cannot be read, or no picture that it names is there.
    """
    if pictures is not None and not pictures.exists():
        raise UserError(f"there is no folder or archive {pictures}, which --pictures names")
    names = list(tables)
    wanted: dict[str, str] = {}
    for table in names:
        content = (folder / table).read_bytes()
        findings = Findings()
        for record in read_table(content, table, [columns["image"]], findings, delimiter=columns["delimiter"]):
            if place := _place(record.values[columns["image"]]):
                try:
                    name = picture_member(table, place)
                except UserError:  # whose row the reader drops, and says why
                    continue
                beside = PurePosixPath(table).parent if pictures is None else PurePosixPath()
                wanted[name] = str(PurePosixPath(beside, place.replace("\\", "/")))
    with tempfile.TemporaryDirectory(dir=target.parent) as unpacked:
        source = folder if pictures is None else pictures
        if source.is_file():
            source = _unpacked(source, Path(unpacked), set(wanted.values()))
        there = {name: path for name, place in wanted.items() if (path := _inside(source, place))}
        if wanted and not there:
            _name_what_is_there(pictures or folder, next(iter(wanted.values())), columns["image"])
        members = {name: folder / name for name in names} | there
        write_archive(target, Lazy(members, lambda name: members[name].read_bytes()))
    return len(there)


def _place(value: object) -> str | None:
    """Where a picture lies that a row names; None for one that is in the row."""
    if isinstance(value, dict):
        value = value.get("path") if value.get("bytes") is None else None
    return value if isinstance(value, str) else None


def _inside(folder: Path, place: str) -> Path | None:
    """A file below a folder, of which no link leads out; None for none."""
    path = folder / place
    return path if path.is_file() and path.resolve().is_relative_to(folder.resolve()) else None


def _unpacked(archive: Path, folder: Path, wanted: set[str]) -> Path:
    """A folder with those members of a zip or tar archive."""

    def write(name: str, content: bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    if zipfile.is_zipfile(archive):
        with open_archive(archive) as packed:
            for name in packed.namelist():
                if str(PurePosixPath(name)) in wanted and not name.endswith("/"):
                    write(name, member(packed, name))
        return folder
    what = f"{archive} is neither a folder nor a readable zip or tar archive"
    with decoding(what, "give another one"), tarfile.open(archive) as tape:
        for entry in tape:
            stream = tape.extractfile(entry) if entry.isfile() else None
            if stream is not None and str(PurePosixPath(entry.name)) in wanted:
                write(entry.name, stream.read())
    return folder


def _name_what_is_there(source: Path, place: str, column: str) -> None:
    """Raise UserError: no picture is where the tables say; it names one that has the same name elsewhere."""
    known: list[str] = []
    if source.is_dir():
        known = [path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()]
    elif zipfile.is_zipfile(source):
        with open_archive(source) as packed:
            known = packed.namelist()
    elif source.is_file():
        with tarfile.open(source) as tape:
            known = tape.getnames()
    same = [name for name in sorted(known) if PurePosixPath(name).name == PurePosixPath(place).name]
    other = f"; {same[0]!r} is there, so give --pictures what the names stand below" if same else ""
    raise UserError(f"no picture that the column {column!r} names is in {source}, such as {place!r}{other}")
