"""Sync: make Snakemake believe exactly what the records prove, after a clone, `dvc pull` or a branch switch.

Snakemake decides by the times of files and by its own notes below .snakemake/, and neither travels with the files.
Sync writes both anew from the records: outputs that are what their record says, of inputs that are what it read, count
as made with the recorded code and parameters; all other recorded files count as half-made, so that they are made again.
"""

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from msd.errors import UserError
from msd.lineage.digest import file_sha256, remember
from msd.lineage.record import described_job, recorded_sha256, seal
from msd.lineage.studies import check_results
from msd.system.temporary import paths_of

NOTES = Path(".snakemake")
FORMAT = 6  # of Snakemake's notes since 9.0; an older one it would read as "nothing known"
NAME_LENGTH = 254  # a longer encoded name is split into folders that start with @


@dataclass
class SyncResult:
    """How many jobs the records prove, why others have to run again, and how many recorded files are not here."""

    proven: int
    missing: int
    doubts: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{record}: {doubt}; Snakemake will run its job again" for record, doubt in self.doubts.items()]
        absent = f"; {self.missing} recorded files are not here" if self.missing else ""
        return "\n".join([*lines, f"{self.proven} jobs are as recorded, {len(self.doubts)} are not{absent}"])


def sync(results: Path = Path("results"), study: str | None = None) -> SyncResult:
    """Write Snakemake's notes and the times of files anew from all records of a study and its data, or of all studies.

    Files are hashed once and remembered. A file without a record keeps its time and its notes. Run it from the
    project's folder. Raises UserError while Snakemake runs there, and for a study without results.
    """
    if any((NOTES / "locks").glob("*.lock")):
        raise UserError(
            "Snakemake is running here; sync when it has ended (after a kill, `snakemake -n` releases its lock)"
        )
    for folder in ("metadata", "incomplete"):
        (NOTES / folder).mkdir(parents=True, exist_ok=True)
    files = _Files(results / ".hashes.sqlite")
    records = dict(_records(results, study))
    doubts: dict[str, str] = {}
    for name, content in records.items():
        doubt = _doubt(content, records, files)
        if doubt:
            doubts[name] = doubt
        note = None if doubt else _snakemake_note(content)
        for path in [name, *(output["path"] for output in content.get("outputs", []))]:
            _replace_note(_place("metadata", path), note)
            _replace_note(_place("incomplete", path), {"external_jobid": None} if doubt else None)
    proven = {name: content for name, content in records.items() if name not in doubts}
    _order_times(proven, files)
    return SyncResult(len(proven), sum(sha256 is None for sha256 in files.known.values()), doubts)


class _Files:
    """Digests of files, each computed once."""

    def __init__(self, database: Path) -> None:
        self.database = database
        self.known: dict[str, str | None] = {}

    def sha256(self, path: str) -> str | None:
        """Digest of a file, None when it is missing."""
        if path not in self.known:
            self.known[path] = file_sha256(path, database=self.database) if os.path.isfile(path) else None
        return self.known[path]


def _records(results: Path, study: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every record by its path, of all studies or of one and what others made for it; an unreadable one is empty."""
    if study is not None:
        check_results(study, results)
    for path in sorted(results.rglob("record.json")):
        owner = path.relative_to(results).parts[0]
        if owner == "published" or owner not in (study or owner, "data"):  # copies that git keeps; another study
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            content = {}
        yield path.as_posix(), content if isinstance(content, dict) else {}


def _doubt(content: dict[str, Any], records: dict[str, dict[str, Any]], files: _Files) -> str | None:
    """Why a record does not vouch for its files as they lie here, or None; Snakemake makes what is missing."""
    if "seal" not in content or seal(content) != content["seal"]:
        return "it was altered or is no record"
    for output in content["outputs"]:
        if files.sha256(output["path"]) not in (None, output["sha256"]):
            return f"{output['path']} is not the file that it recorded"
    for source in content["inputs"]:
        # of an output that is another file, its own record's job runs again
        made = recorded_sha256(records.get(source["record"], {}), source["path"]) or files.sha256(source["path"])
        if made not in (None, source["sha256"]):
            return f"it was made from another {source['path']}"
    return None


def _snakemake_note(content: dict[str, Any]) -> dict[str, Any]:
    """Snakemake's note on an output as far as a record proves it; what it leaves out, Snakemake does not compare."""
    job = described_job(content)
    start, end = (datetime.fromisoformat(content[key]).timestamp() for key in ("started", "ended"))
    return {
        "rule": content["rule"],
        "input": sorted(paths_of(job["inputs"])),
        "log": [job["log"]] if job.get("log") else [],
        "params": sorted([repr(content["code"]["digest"]), repr(json.dumps(job["params"]))]),
        "record_format_version": FORMAT,
        "job_hash": int(content["seal"][:12], 16),
        "starttime": start,
        "endtime": end,
        "incomplete": False,
        "input_checksums": {source["path"]: f"sha256:{source['sha256']}" for source in content["inputs"]},
    }


def _place(kind: str, path: str) -> Path:
    """Where Snakemake keeps a note on a file."""
    name = urlsafe_b64encode(path.encode()).decode()
    parts = [name[start : start + NAME_LENGTH] for start in range(0, len(name), NAME_LENGTH)]
    return (NOTES / kind).joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])


def _replace_note(place: Path, note: dict[str, Any] | None) -> None:
    """Write a note, unless Snakemake's own says the same and more; remove it when there is nothing to say."""
    if note is None:
        place.unlink(missing_ok=True)
        return
    if place.is_file():
        try:
            present = json.loads(place.read_text(encoding="utf-8"))
        except ValueError:  # half-written by a killed Snakemake
            present = {}
        if all(present.get(key) == note.get(key) for key in ("input", "params", "input_checksums")):
            return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(note), encoding="utf-8")


def _order_times(records: dict[str, dict[str, Any]], files: _Files) -> None:
    """Give outputs that are older than an input the time of that input, from the sources on."""
    makers = {name: {source["record"] for source in content["inputs"]} for name, content in records.items()}
    moved: set[str] = set()
    for name in TopologicalSorter(makers).static_order():
        if name in records:
            moved |= set(_follow_inputs(name, records[name]))
    known = {path: files.known.get(path) for path in moved}
    remember({path: sha256 for path, sha256 in known.items() if sha256 is not None}, database=files.database)


def _follow_inputs(name: str, content: dict[str, Any]) -> Iterator[str]:
    """Set the times of one record's files; yields those that it set."""
    times = [os.stat(source["path"]).st_mtime_ns for source in content["inputs"] if os.path.exists(source["path"])]
    newest = max(times, default=0)
    for path in [name, *(output["path"] for output in content["outputs"])]:
        if os.path.exists(path) and os.stat(path).st_mtime_ns < newest:
            os.utime(path, ns=(newest, newest))
            yield path
