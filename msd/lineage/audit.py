"""Audit: re-hash everything that records name, and say in plain sentences where a result loses its history."""

import json
import re
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from msd.errors import UserError
from msd.lineage.digest import file_digests
from msd.lineage.environment import describe_environment, environment_notes
from msd.lineage.record import recorded_sha256, seal
from msd.lineage.studies import check_results, studies_in

# Snakemake writes the first three and jobs keep checkpoints in the fourth: none of them is a result.
UNRECORDED = {"logs", "benchmarks", "jobs", "scratch"}
SHOWN = 5
RESULT = re.compile(r".*/tables/[^/]+\.json|.*/figures/[^/]+\.svg")  # what people read, each in one of its forms


@dataclass(frozen=True)
class Finding:
    """One broken link: the file it is about, the record that says otherwise, and the sentence."""

    path: str
    record: str | None
    sentence: str


@dataclass
class AuditResult:
    """What an audit looked at and found; `status` is the command's exit status.

    `notes` say where this machine differs from those that the records were made on; they are no findings.
    """

    records: int = 0
    files: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """0 when every link holds, else 1."""
        return 1 if self.findings else 0

    def __str__(self) -> str:
        lines = [finding.sentence for finding in self.findings]
        verdict = (
            f"{len(lines)} finding{'s' if len(lines) > 1 else ''}" if lines else "every file is what its record says"
        )
        amount = f"{self.files} files ({self.bytes / 1e6:.1f} MB) of {self.records} records"
        return "\n".join([*self.notes, *lines, f"{amount} checked: {verdict}"])


def audit(results: Path, study: str | None = None, full: bool = False) -> AuditResult:
    """Check every record of a study, or of all studies, and of the data they share.

    Re-hashes each recorded output and input (`full`: without trusting remembered digests), compares what a job
    read with what the producing record declares, and looks for files that no record lists. Needs neither
    Snakemake's nor DVC's own notes. Raises UserError when there is no such study.
    """
    return _Audit(results, _roots(results, study), full).run()


def _roots(results: Path, study: str | None) -> list[Path]:
    if study is not None:
        check_results(study, results)
    names = sorted(["data", *(studies_in(results) if study is None else [study])])
    roots = [results / name for name in names if (results / name).is_dir()]
    if not roots:
        raise UserError(f"there is nothing to audit in {results}; run a study first, e.g. `make reproduce`")
    return roots


class _Audit:
    """The state of one audit: records by path, the digest of every file seen, and the findings."""

    def __init__(self, results: Path, roots: list[Path], full: bool) -> None:
        self.project = results.absolute().parent
        self.database = results / ".hashes.sqlite"
        self.roots = roots
        self.full = full
        self.records: dict[str, dict[str, Any]] = {}
        self.intact: list[dict[str, Any]] = []
        self.digests: dict[str, str | None] = {}
        self.result = AuditResult()

    def run(self) -> AuditResult:
        files = [self._name(path) for root in self.roots for path in sorted(root.rglob("*")) if path.is_file()]
        names = [name for name in files if name.endswith("/record.json")]
        seen: set[str] = set()
        for name in names:  # grows while it is read: a study may use what another study's jobs made
            if name not in seen and (self.project / name).is_file():
                seen.add(name)
                self._read(name)
                sources = self.records.get(name, {"inputs": []})["inputs"]
                names += [source["record"] for source in sources if source["record"]]
        self._hash_all()
        for name, content in self.records.items():
            for output in content["outputs"]:
                self._check_output(name, content, output)
        for name, content in self.records.items():
            for source in content["inputs"]:
                self._check_input(name, content, source)
        self._check_unrecorded(files)
        self._name_broken_results()
        self.result.records = len(self.records)
        self.result.notes = self._environment_notes()
        return self.result

    def _name(self, path: Path) -> str:
        return path.absolute().relative_to(self.project).as_posix()

    def _add(self, path: str, record: str | None, sentence: str) -> None:
        self.result.findings.append(Finding(path, record, sentence))

    def _read(self, name: str) -> None:
        """Take in a record, or report that it cannot be read or was altered."""
        try:
            content = json.loads((self.project / name).read_text(encoding="utf-8"))
            sealed = seal(content) == content["seal"]
            when = _when(content)
            if not all({"path", "sha256"} <= item.keys() for item in content["outputs"]):
                raise KeyError("outputs")
            if not all({"path", "sha256", "record"} <= item.keys() for item in content["inputs"]):
                raise KeyError("inputs")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._add(name, None, f"{name} is no readable record ({type(error).__name__}: {error})")
            return
        if sealed:
            self.intact.append(content)
        else:
            self._add(name, name, f"{name} was altered after its job wrote it {when}: its seal does not match")
        self.records[name] = content

    def _hash_all(self) -> None:
        """Digest of every file that a record names, None for a missing one; each is read and counted once."""
        items = [item for content in self.records.values() for item in content["outputs"] + content["inputs"]]
        self.digests = dict.fromkeys(item["path"] for item in items)
        present = {path: self.project / path for path in self.digests if (self.project / path).is_file()}
        digests = file_digests(present.values(), trust=not self.full, database=self.database)
        self.digests |= {path: digests[str(place)] for path, place in present.items()}
        self.result.files = len(present)
        self.result.bytes = sum(place.stat().st_size for place in present.values())

    def _check_output(self, name: str, content: dict[str, Any], output: dict[str, Any]) -> None:
        path, expected, digest = output["path"], output["sha256"], self.digests[output["path"]]
        when = _when(content)
        if len(self.producers[path]) > 1 and self.producers[path][0] != name:
            self._add(path, name, f"{path} is claimed by {self.producers[path][0]} and by {name}")
        elif digest is None:
            self._add(path, name, f"{path} is missing; {name} recorded it {when}")
        elif digest != expected:
            self._add(path, name, f"{path} differs from what {name} recorded {when}:"
                                  f" expected {expected[:12]}…, found {digest[:12]}…")  # fmt: skip

    def _check_input(self, name: str, content: dict[str, Any], source: dict[str, Any]) -> None:
        """Compare an input with its producer's record; with the file only where no record answers for it."""
        path, read, producer = source["path"], source["sha256"], source["record"]
        when = _when(content)
        made = recorded_sha256(self.records.get(producer, {}), path) if producer else None
        if producer and producer not in self.records:
            self._add(path, name, f"{producer} is missing or unreadable; {name} {when} read {path}, which it recorded")
        elif producer and made is None:
            self._add(path, name, f"{producer} does not list {path}, which {name} {when} says it made")
        elif made is not None and made != read:
            self._add(path, name, f"{name} {when} was made from another {path} than {producer} recorded:"
                                  f" read {read[:12]}…, recorded {made[:12]}…")  # fmt: skip
        elif made is None and self.digests[path] is None:
            self._add(path, name, f"{path} is missing; {name} was made from it {when}")
        elif made is None and self.digests[path] != read:
            self._add(path, name, f"{path} differs from what {name} was made from {when}:"
                                  f" expected {read[:12]}…, found {str(self.digests[path])[:12]}…")  # fmt: skip

    @cached_property
    def producers(self) -> dict[str, list[str]]:
        """The records that list a path as output, by path."""
        table: dict[str, list[str]] = defaultdict(list)
        for name, content in self.records.items():
            for output in content["outputs"]:
                table[output["path"]].append(name)
        return table

    def _check_unrecorded(self, files: list[str]) -> None:
        """Report files of the audited folders that no record lists, one finding a folder."""
        strangers: dict[str, list[str]] = defaultdict(list)
        for name in files:
            parts = Path(name).parts
            if parts[2] in UNRECORDED or any(part.startswith(".") for part in parts):
                continue
            if parts[-1] != "record.json" and name not in self.producers:
                strangers[str(Path(name).parent)].append(name)
        for folder, names in sorted(strangers.items()):
            listed = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
            record = "" if f"{folder}/record.json" in self.records else f" ({folder}/record.json is not there)"
            self._add(names[0], None, f"no record lists {listed}{record}")

    def _environment_notes(self) -> list[str]:
        made_on_gpu = any(content["gpu"] for content in self.intact)
        return environment_notes(self.intact, describe_environment(load_torch=made_on_gpu))

    def _name_broken_results(self) -> None:
        """Tell with each finding which table or figure it is the first broken link of, walking back from there."""
        broken: dict[str, int] = {}
        for index, finding in enumerate(self.result.findings):
            for record in [finding.record, *self.producers.get(finding.path, [])]:
                if record is not None:
                    broken.setdefault(record, index)
        first: dict[int, list[str]] = defaultdict(list)
        for name, content in self.records.items():
            shown = [output["path"] for output in content["outputs"] if RESULT.fullmatch(output["path"])]
            nearest = next((record for record in self._back(name) if record in broken), None)
            if nearest is not None:
                first[broken[nearest]] += shown
        for index, paths in first.items():
            paths.sort(key=lambda path: ("/tables/" not in path, path))
            if paths:
                old = self.result.findings[index]
                more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
                sentence = f"{old.sentence}; first broken link of {paths[0]}{more}"
                self.result.findings[index] = Finding(old.path, old.record, sentence)

    def _back(self, start: str) -> Iterator[str]:
        """A record and all that it was made from, nearest first."""
        seen, waiting = {start}, deque([start])
        while waiting:
            name = waiting.popleft()
            yield name
            for source in self.records.get(name, {"inputs": []})["inputs"]:
                if source["record"] and source["record"] not in seen:
                    seen.add(source["record"])
                    waiting.append(source["record"])


def _when(content: dict[str, Any]) -> str:
    return f"({content['rule']}, {content['ended']})"
