"""record.json: what a job read, did and wrote, so that a result can be traced and checked later."""

import hashlib
import json
import os
import resource
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msd.errors import UserError, decoding, made_anew
from msd.lineage.digest import code_digest, file_digests, file_sha256, module_digests
from msd.lineage.environment import describe_environment

CLAIMS = "config/claims.yaml"
"""Names the test of each claim: a study is registered where its students were trained with this file as it is."""


def read_record(path: str | Path) -> dict[str, Any]:
    """What a record.json holds; raises UserError where it does not say which files its job read and wrote."""
    with decoding(f"{path} is no readable record", f"`msd audit` says more, and {made_anew(path)}"):
        content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        for item in (*content["inputs"], *content["outputs"]):
            if not {"path", "sha256"} <= item.keys():
                raise KeyError(path)
        return content


def described_job(content: Mapping[str, Any]) -> dict[str, Any]:
    """Params, inputs, outputs, modules and log of a record's job, in the order in which the workflow gave them."""
    if "description" in content:
        return {"params": content["params"], **content["description"]}
    description: dict[str, Any] = json.loads(shlex.split(content["job"])[-1])  # of a record from before job files
    return description


def relative(path: str | Path) -> str:
    """A path relative to the project's folder (the working folder of every job), with forward slashes."""
    return Path(os.path.relpath(path)).as_posix()


def describe_inputs(paths: Iterable[str]) -> list[dict[str, Any]]:
    """Path, sha256, bytes and producing record of each input, in sorted order.

    Raises UserError for a file that is no longer what its record says: nothing is computed from a damaged one.
    """
    made: dict[str, dict[str, str]] = {}
    described = []
    for name in sorted({relative(path) for path in paths}):
        sha256, producer = file_sha256(name), producing_record(name, made)
        if producer is not None and made[producer][name] != sha256:
            raise UserError(
                f"{name} is damaged or was changed by hand: {producer} has another digest of it; {made_anew(name)}"
            )
        described.append({"path": name, "sha256": sha256, "bytes": os.path.getsize(name), "record": producer})
    return described


def describe_outputs(written: Mapping[str, str]) -> list[dict[str, Any]]:
    """Path, sha256 and bytes of each output, by final path -> where it lies now; UserError for a missing one."""
    described = []
    for path, place in sorted(written.items()):
        if not os.path.isfile(place):
            raise UserError(f"the stage did not write its output {path!r}")
        sha256 = file_sha256(place, trust=False)
        described.append({"path": relative(path), "sha256": sha256, "bytes": os.path.getsize(place)})
    return described


def producing_record(path: str, made: dict[str, dict[str, str]]) -> str | None:
    """The nearest record.json, here or above, that lists `path` as output, or None; `made` remembers the lists."""
    for folder in Path(path).parents:
        candidate = (folder / "record.json").as_posix()
        if candidate not in made:
            made[candidate] = _outputs_of(candidate)
        if path in made[candidate]:
            return candidate
    return None


def _outputs_of(record: str) -> dict[str, str]:
    """Path -> sha256."""
    if not os.path.isfile(record):
        return {}
    return {output["path"]: output["sha256"] for output in read_record(record)["outputs"]}


def describe_run(modules: Sequence[str], params: dict[str, Any]) -> dict[str, Any]:
    """Code, git, environment and machine of this process: the parts of a record that no stage decides."""
    return {
        "code": {"digest": code_digest(modules), "modules": module_digests(modules)},
        "git": git_state(),
        "claims_sha256": file_sha256(CLAIMS) if os.path.isfile(CLAIMS) else None,  # recorded; nothing depends on it
        **describe_environment(),
        "seeds": params.get("seeds", [params["seed"]] if "seed" in params else []),
    }


def seal(content: Mapping[str, Any]) -> str:
    """SHA-256 of a record without its own `seal`, so that an audit sees an altered record too."""
    body = {key: value for key, value in content.items() if key != "seal"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def peak_memory_bytes() -> int:
    """Largest resident memory of this process or of one of its children, in bytes."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(usage.ru_maxrss for usage in usages)


def utc_now() -> str:
    """The present time, UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def git_state() -> dict[str, Any]:
    """Commit of the working tree and whether it differs from it; nulls outside a git repository."""
    # without its optional locks, so that jobs that start together do not stop a person's git command
    ask = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch"]
    try:
        reply = subprocess.run(ask, check=True, capture_output=True, text=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    lines = reply.stdout.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid")), None)
    dirty = any(not line.startswith("#") for line in lines)
    return {"commit": None if commit == "(initial)" else commit, "dirty": dirty}


def as_recorded(items: Iterable[Mapping[str, Any]], results: Path) -> dict[str, str]:
    """path -> sha256 of files that records name, {"path", "sha256"}; UserError where one is missing or another file."""
    project = results.absolute().parent
    recorded = {item["path"]: item["sha256"] for item in items}
    for path in recorded:
        if not (project / path).is_file():
            raise UserError(f"{path} is missing; `msd audit` says what is made from it")
    digests = file_digests([project / path for path in recorded], database=results / ".hashes.sqlite")
    for path, sha256 in recorded.items():
        if digests[str(project / path)] != sha256:
            raise UserError(f"{path} is not the file that its record names; `msd audit` says more")
    return recorded


def recorded_sha256(record: Mapping[str, Any], path: str) -> str | None:
    """What a record says about one of its outputs; None for another file."""
    return next((output["sha256"] for output in record.get("outputs", []) if output["path"] == path), None)


def leaves(values: Mapping[str, Any], separator: str = ".", prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(name, value) of everything in nested tables, named by its joined keys; an empty table is a value."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, separator, f"{prefix}{key}{separator}")
        else:
            yield f"{prefix}{key}", value
