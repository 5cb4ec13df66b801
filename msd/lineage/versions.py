"""Where compared results come from: a folder as it lies there, or a git commit with what DVC or git keeps of it."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msd.errors import UserError, decoding, made_anew, nearest
from msd.lineage.studies import studies_in

RESULTS = "results"
PUBLISHED = "results/published"
NEEDED = {"inputs", "outputs", "params", "code", "versions", "cpu", "gpu"}
"""Keys of a record that comparing reads."""

Read = Callable[[str], bytes | None]


@dataclass
class Version:
    """Results of one study at one time: `read` gives a file by its path in the project, None when it is not there.

    `home` is the study's folder in the project, `folder` the one with its tables' JSON.
    """

    label: str
    home: str
    folder: str
    read: Read
    names: list[str]
    known: dict[str, dict[str, Any] | None] = field(default_factory=dict)

    @property
    def table_record(self) -> str:
        """The record of the tables."""
        return f"{self.folder}/record.json"

    def beside_tables(self, name: str) -> str:
        """The record in another folder of the same study."""
        return f"{self.home}/{name}/record.json"

    def tables(self) -> dict[str, Any]:
        """name -> content of each table with cells."""
        contents = {name: self._json(f"{self.folder}/{name}") for name in self.names if name != "record.json"}
        return {name.removesuffix(".json"): table for name, table in contents.items() if table and "cells" in table}

    def predictions(self) -> dict[str, Any]:
        """Model -> digest of its predictions, as published with the tables; empty in results of an earlier form."""
        return (self._json(f"{self.folder}/predictions.json") or {}).get("models", {})

    def record(self, path: str) -> dict[str, Any] | None:
        """A record by its path, None when this version does not hold it."""
        if path not in self.known:
            content = self.known[path] = self._json(path)
            if content is not None and not content.keys() >= NEEDED:
                raise UserError(f"{path} of {self.label} is no readable record; {made_anew(path)}")
        return self.known[path]

    def _json(self, path: str) -> dict[str, Any] | None:
        text = self.read(path)
        with decoding(f"{path} of {self.label} is no readable JSON", made_anew(path)):
            return None if text is None else dict(json.loads(text))


def open_version(name: str, study: str) -> Version:
    """The results that `name` stands for: a folder, a study below results/, or a commit (of `study`).

    Raises UserError when it is none of them or holds no tables.
    """
    folder = _folder(name)
    return _of_commit(name, study) if folder is None else _of_folder(folder, name)


def study_of(name: str) -> str | None:
    """The study whose results a folder's or study's name stands for; None for a commit."""
    folder = _folder(name)
    if folder is None:
        return None
    return folder.absolute().parent.name if folder.name == "tables" else folder.absolute().name


def _folder(name: str) -> Path | None:
    """The folder that `name` stands for: itself, a study's results, or the published ones of a study not run here."""
    paths = (Path(name), Path(RESULTS) / name, Path(PUBLISHED) / name)
    return next((path for path in paths if path.is_dir()), None)


def _of_folder(path: Path, label: str) -> Version:
    folder = path / "tables" if (path / "tables").is_dir() else path
    names = sorted(file.name for file in folder.glob("*.json"))
    if not names:
        raise UserError(f"there are no tables in {folder}; give the folder of a study that has run, or of its tables")
    # the records speak of results/<study>, so the project begins above the folder called results
    parts = path.absolute().parts
    depth = len(parts) - 1 - parts[::-1].index(RESULTS) if RESULTS in parts else len(parts) - 2
    project = Path(*parts[:depth])
    # published tables came without the files that they were made from: those that lie here now are others
    known = project if folder != path else folder.absolute()

    def read(name: str) -> bytes | None:
        file = project / name
        return file.read_bytes() if file.is_relative_to(known) and file.is_file() else None

    home, tables = (place.absolute().relative_to(project).as_posix() for place in (path, folder))
    return Version(label, home, tables, read, names)


def _of_commit(commit: str, study: str) -> Version:
    """A commit's results: as DVC tracked them, or else the tables published in git."""
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.scm import RevError
    from pygit2 import GitError

    os.environ.setdefault("USERNAME", str(os.getuid()))  # DVC asks for one, which an account in a container may lack
    try:
        files = DVCFileSystem(url=None, rev=commit)
        tables = {
            folder: sorted(Path(name).name for name in files.ls(folder, detail=False) if name.endswith(".json"))
            for folder in (f"{RESULTS}/{study}/tables", f"{PUBLISHED}/{study}")
            if files.isdir(folder)
        }
    except RevError as error:
        known = nearest(commit, studies_in(Path(RESULTS)))
        raise UserError(f"{commit!r} is no folder, no study in {RESULTS}/ and no git commit{known}") from error
    except (DvcException, GitError) as error:  # no repository, or one of another account that git does not trust
        raise UserError(f"{commit!r} cannot be read: {error}; `git status` says what to do") from error

    def read(name: str) -> bytes | None:
        try:
            return bytes(files.read_bytes(name))
        except FileNotFoundError:  # not of this commit, or its content is not in DVC's cache
            return None

    for folder, names in tables.items():
        if any(read(f"{folder}/{name}") is not None for name in names):
            return Version(f"{study} at {commit}", f"{RESULTS}/{study}", folder, read, names)
    where = f"neither in DVC's cache (`dvc fetch` brings them) nor in {PUBLISHED}/{study}"
    raise UserError(f"commit {commit} has no tables of {study} here, {where}")
