"""The exported RO-Crate: every file behind a number is in it, each job is an action, and what is broken is refused."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from toy_jobs import run_job

from msd.errors import UserError
from msd.job import STAGES, Job
from msd.lineage.crate import PROFILES, export_crate

RESULTS = Path("results")
RAW, TABLE = "results/data/numbers/raw/numbers.txt", "results/tiny/tables/main.json"
STUDENT = "results/tiny/students/numbers/kd/base/seeds-0-0"
VALIDATOR = shutil.which("rocrate-validator")


def copy(job: Job) -> dict[str, float]:
    """Stage: each output holds the first input, or a number."""
    for name, path in job.outputs.items():
        if name not in ("record", "metrics"):
            Path(path).write_bytes(Path(job.inputs["all"][0]).read_bytes() if job.inputs["all"] else b"1")
    return {"number": 1.0}


@pytest.fixture
def study(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("Snakefile").write_text('rule all:\n    input: "results"\n')
    Path("caption.rst").write_text("A caption.")
    for rule in ("fetch", "student", "tables"):
        monkeypatch.setitem(STAGES, rule, (f"{__name__}:copy", None))
    more = {"metrics": "metrics.json", "params": {"seeds": [0]}}
    run_job("fetch", "data/numbers", [], file="raw/numbers.txt", **more)
    run_job("student", STUDENT.removeprefix("results/"), [RAW], file="predictions.safetensors", **more)
    run_job("tables", "tiny/tables", [f"{STUDENT}/predictions.safetensors", "caption.rst"], file="main.json", **more)


@pytest.fixture
def crate(study: None) -> Path:
    assert "actions of 3 jobs" in export_crate("tiny", RESULTS, Path("crates/tiny"))
    return Path("crates/tiny")


def entities(crate: Path) -> dict[str, dict[str, Any]]:
    content = json.loads((crate / "ro-crate-metadata.json").read_text())
    return {item["@id"]: item for item in content["@graph"]}


def targets(entity: dict[str, Any], key: str) -> set[str]:
    value = entity[key]
    return {item["@id"] for item in (value if isinstance(value, list) else [value])}


def test_an_input_outside_of_the_project_lies_in_the_crate(study: None, working_folder: Path) -> None:
    outside = working_folder.parent / "own data.txt"
    outside.write_text("7")
    run_job("tables", "tiny/more", ["../own data.txt"], file="more.json", metrics="metrics.json", params={"seeds": [0]})
    export_crate("tiny", RESULTS, Path("crates/tiny"))
    [copied] = Path("crates/tiny/external").glob("*/own data.txt")
    assert copied.read_text() == "7"
    [entity] = [one for one in entities(Path("crates/tiny")).values() if one.get("name") == "../own data.txt"]
    assert entity["sha256"] == hashlib.sha256(b"7").hexdigest()


def test_a_full_disk_leaves_no_half_of_a_crate(
    study: None, small_files: Callable[[], AbstractContextManager[None]]
) -> None:
    with pytest.raises(UserError, match=r"ro-crate-metadata\.json: File"), small_files():
        export_crate("tiny", RESULTS, Path("crates/tiny"))
    assert not list(Path("crates").iterdir())
    export_crate("tiny", RESULTS, Path("crates/tiny"))


def test_every_file_from_the_table_to_the_raw_data_is_in_it(crate: Path) -> None:
    by_id = entities(crate)
    of_student = [f"{STUDENT}/{file}" for file in ("predictions.safetensors", "record.json")]
    for path in (RAW, TABLE, *of_student, "caption.rst", "Snakefile"):
        assert (crate / path).read_bytes() == Path(path).read_bytes()
        assert path in targets(by_id["./"], "hasPart")
    assert by_id[TABLE]["sha256"] == hashlib.sha256(Path(TABLE).read_bytes()).hexdigest()
    listed = {identifier for identifier in by_id if identifier.startswith("results/")}
    recorded = {path.as_posix() for path in RESULTS.rglob("*") if path.is_file() and ".hashes" not in path.name}
    assert listed == recorded


def test_actions_lead_from_a_table_back_to_its_sources(crate: Path) -> None:
    by_id = entities(crate)
    made_by = {
        path: action
        for action in by_id.values()
        if action["@type"] == "CreateAction" and action["@id"] != "#run"
        for path in targets(action, "result")
    }
    action = made_by[TABLE]
    assert targets(action, "object") == {f"{STUDENT}/predictions.safetensors", "caption.rst"}
    student = made_by[f"{STUDENT}/predictions.safetensors"]
    assert by_id[student["instrument"]["@id"]]["name"] == "student"
    assert targets(student, "object") == {RAW}
    assert "seeds [0]" in student["description"]
    assert targets(by_id["#run"], "instrument") == targets(by_id["./"], "mainEntity") == {"Snakefile"}
    assert targets(by_id["#run"], "object") == {"caption.rst"}
    assert TABLE in targets(by_id["#run"], "result")
    assert targets(by_id["#organise"], "object") == {name for name in by_id if name.startswith("#control-")}
    assert targets(by_id["./"], "conformsTo") == set(PROFILES)


@pytest.mark.network  # the validator reads the profiles' vocabularies
@pytest.mark.skipif(VALIDATOR is None, reason="roc-validator is not installed: it has an environment of its own")
def test_the_validator_finds_no_fault(crate: Path) -> None:
    command = [str(VALIDATOR), "--no-interactive", "validate", "-p", "provenance-run-crate", str(crate)]
    reply = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert reply.returncode == 0, reply.stdout + reply.stderr


def test_what_is_broken_or_in_the_way_is_refused(study: None) -> None:
    Path("there").mkdir()
    Path("there/file").touch()
    with pytest.raises(UserError, match="there is there already"):
        export_crate("tiny", RESULTS, Path("there"))
    with pytest.raises(UserError, match=r"no results of a study 'tinny'.*did you mean 'tiny'"):
        export_crate("tinny", RESULTS, Path("new"))
    Path(TABLE).write_text("2")
    with pytest.raises(UserError, match=f"{TABLE} is not the file that its record names"):
        export_crate("tiny", RESULTS, Path("new"))
    Path(TABLE).unlink()
    with pytest.raises(UserError, match=f"{TABLE} is missing"):
        export_crate("tiny", RESULTS, Path("new"))
    Path(f"{STUDENT}/record.json").write_text("{")
    with pytest.raises(UserError, match=f"{STUDENT}/record.json is no readable record"):
        export_crate("tiny", RESULTS, Path("new"))
    assert not Path("new").exists()
