"""Temporary outputs: a stage writes them beside their final places, and all move there together or not at all."""

import contextlib
import os
import platform
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psutil import pid_exists

STALE_SECONDS = 2 * 86400.0
"""After which a temporary folder of another machine is nobody's: whether its process lives cannot be known here."""


def paths_of(named: dict[str, Any]) -> list[str]:
    """All paths of an inputs or outputs table, in order."""
    return [str(path) for value in named.values() for path in (value if isinstance(value, list) else [value])]


def temporary_path(value: Any) -> Any:
    """The temporary counterpart of a path, a list of paths or a table of them."""
    if isinstance(value, dict):
        return {name: temporary_path(item) for name, item in value.items()}
    if isinstance(value, list):
        return [temporary_path(item) for item in value]
    path = Path(value)
    return str(_folder_in(path.parent) / path.name)


def _folder_in(folder: Path) -> Path:
    return folder / _own_name()


def _own_name() -> str:
    """Of this process, on a disk that machines may share."""
    return f".tmp-{platform.node()}-{os.getpid()}"


def write_whole(path: Path, text: str) -> None:
    """Write a file, whole or not at all, in a folder that is made if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{_own_name()}-{threading.get_ident()}")
    try:
        half.write_text(text, encoding="utf-8")
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)


@contextlib.contextmanager
def temporary_folders(folders: set[Path]) -> Iterator[None]:
    """A temporary folder of this process in each of `folders`, removed at the end, however the job ends.

    Those of killed processes are removed too, and one of an earlier process with our number.
    """
    try:
        for folder in folders:
            for other in filter(_is_stale, folder.glob(".tmp-*")):
                shutil.rmtree(other, ignore_errors=True)
            _folder_in(folder).mkdir(parents=True)
        yield
    finally:
        for folder in folders:
            shutil.rmtree(_folder_in(folder), ignore_errors=True)


def _is_stale(folder: Path) -> bool:
    """Whether no process writes in a temporary folder any more, as far as that can be known."""
    host, _, number = folder.name.removeprefix(".tmp-").rpartition("-")
    if not number.isdigit():
        return False
    if host == platform.node():
        return int(number) == os.getpid() or not pid_exists(int(number))
    try:
        return time.time() - folder.stat().st_mtime > STALE_SECONDS
    except FileNotFoundError:  # its process has ended meanwhile
        return False


def place(final: list[str], *, last: str) -> None:
    """Move finished files to their final names, the record last; a fault takes back those already moved."""
    for path in final:
        with open(temporary_path(path), "rb") as file:
            os.fsync(file.fileno())
    Path(last).unlink(missing_ok=True)  # an old record must not vouch for new files
    placed: list[str] = []
    try:
        for path in [path for path in final if path != last] + [last]:
            os.replace(temporary_path(path), path)
            placed.append(path)
    except BaseException:
        for path in placed:
            Path(path).unlink()
        raise
    for folder in {Path(path).parent for path in final}:
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
