"""The package as it was when a call of Snakemake started: its jobs run this copy, and see no later edit."""

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from msd.lineage.digest import PACKAGE
from msd.system.refusals import explained

STORE = Path(".snakemake/code")
DATA = "data/committed"
"""Data that the package brings: jobs check them by their sha256, so that they need no copy."""
KEPT_SECONDS = 7 * 86400.0
"""A job that outlived its call may read a copy that no call names any more."""


def package_digest(package: Path = PACKAGE) -> str:
    """SHA-256 of the names and bytes of a package's files, but for its data; the first 16 digits."""
    digest = hashlib.sha256()
    for name in sorted(path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()):
        if "__pycache__" not in name and not name.startswith(f"{DATA}/"):
            content = (package / name).read_bytes()
            digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def freeze(digest: str, *, used: Iterable[str] = (), package: Path = PACKAGE) -> Path:
    """Copy the package, whose digest this is, to .snakemake/code/<digest>, unless it is there; the copy's folder.

    Copies that are not in `used`, the digests of living calls, are removed after a week. Raises UserError where the
    disk has no room.
    """
    target = STORE / digest / package.name
    if not target.is_dir():
        with explained([STORE]):
            _copy(package, target)
    kept = {digest, *used}
    for other in STORE.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another call's copy, which has its name by now
            if other.name not in kept and time.time() - other.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
    return target.absolute()


def _copy(package: Path, target: Path) -> None:
    """Copy a package, whole or not at all; the data that it brings are a link."""
    STORE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=STORE, prefix=".tmp-") as folder:
        copy = Path(folder) / target.parent.name / package.name
        ignored = shutil.ignore_patterns("__pycache__", "committed")
        shutil.copytree(package, copy, ignore=ignored, copy_function=shutil.copyfile)
        (copy / DATA).symlink_to(package / DATA)
        try:
            os.replace(copy.parent, target.parent)
        except OSError:
            if not target.is_dir():  # which another call has made meanwhile
                raise


def run_from(package: Path) -> None:
    """Let the jobs that this process starts find a copy of the package first.

    `python -m` would take that of the working folder.
    """
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(package.parent), *([others] if others else [])])
    os.environ["PYTHONSAFEPATH"] = "1"
