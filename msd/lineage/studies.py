"""The studies that have results, and the records of one of them."""

import json
from pathlib import Path
from typing import Any

from msd.errors import UserError, decoding, nearest

RESERVED = ("data", "published")
"""Folders of results/ that are no study's."""


def studies_in(results: Path) -> list[str]:
    """Names of the studies that have results."""
    folders = (path.name for path in sorted(results.glob("[!.]*")) if path.is_dir())
    return [name for name in folders if name not in RESERVED]


def check_results(study: str, results: Path) -> None:
    """Raise UserError, with the nearest name, where a study has no results."""
    if study not in (known := studies_in(results)):
        raise UserError(f"there are no results of a study {study!r} in {results}; run it first{nearest(study, known)}")


def study_records(study: str, results: Path) -> dict[str, dict[str, Any]]:
    """Every record of a study and of all that it was made from, by its path in the project; UserError for none."""
    check_results(study, results)
    project = results.absolute().parent
    names = [path.relative_to(project).as_posix() for path in sorted((results.absolute() / study).rglob("record.json"))]
    if not names:
        raise UserError(f"{results / study} holds no record of a job that is done; run the study {study!r} first")
    records: dict[str, dict[str, Any]] = {}
    for name in names:  # grows while it is read
        if name in records:
            continue
        if not (project / name).is_file():
            raise UserError(f"{name} is missing; `msd audit` says what is made from it")
        with decoding(f"{name} is no readable record", "`msd audit` says more"):
            records[name] = json.loads((project / name).read_text(encoding="utf-8"))
            names += [source["record"] for source in records[name]["inputs"] if source["record"]]
    return records
