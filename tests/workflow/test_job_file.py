"""Jobs are described by files, which Snakemake writes when it starts them and at no other time."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from arithmetic import LONG, MADE, write_project
from calls import success

JOB = f"{MADE}/jobs/add/add.json"
OUTPUTS = {"sum": "sum", "metrics": "metrics.json", "record": "record.json"}


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    write_project(tmp_path)
    return tmp_path


def test_a_description_that_is_too_long_for_an_argument_runs(toy: Path) -> None:
    success("--cores", "2", folder=toy)
    description = (toy / JOB).read_text()
    assert len(description.encode()) > LONG > 131_072
    assert json.loads(description) == {
        "params": {"text": "x" * LONG},
        "inputs": {"numbers": f"{MADE}/count/numbers"},
        "outputs": {name: f"{MADE}/add/{file}" for name, file in OUTPUTS.items()},
        "modules": ["msd.errors"],
        "log": f"{MADE}/logs/add/add.log",
    }
    record = json.loads((toy / MADE / "add/record.json").read_text())
    assert record["job"] == f"python -m msd stage add '{JOB}'"
    assert (toy / MADE / "logs/add/add.log").read_text().startswith(f"# by hand: {record['job']}\n")


def test_neither_dry_run_nor_lint_writes_one(toy: Path) -> None:
    shown = success("--dry-run", "--printshellcmds", folder=toy)
    assert f"stages.py add '{JOB}'" in shown
    subprocess.run([sys.executable, "-m", "snakemake", "--lint"], cwd=toy, capture_output=True, check=False)
    success("--summary", folder=toy)
    assert not (toy / MADE).exists()


def test_a_lost_file_is_written_for_the_next_job_only(toy: Path) -> None:
    success("--cores", "2", folder=toy)
    written = (toy / JOB).read_bytes()
    shutil.rmtree(toy / MADE / "jobs")
    success("--cores", "2", folder=toy)
    assert not (toy / JOB).exists(), "no job started"
    (toy / MADE / "add/sum").unlink()
    success("--cores", "2", folder=toy)
    assert (toy / JOB).read_bytes() == written
    assert not (toy / MADE / "jobs/count").exists()


def test_a_changed_setting_runs_the_job_with_the_new_file(toy: Path) -> None:
    success("--cores", "2", folder=toy)
    write_project(toy, letter="ä")
    success("--cores", "2", folder=toy)
    assert json.loads((toy / JOB).read_text())["params"] == {"text": "ä" * LONG}
    record = json.loads((toy / MADE / "add/record.json").read_text())
    assert record["params"] == {"text": "ä" * LONG}


def test_the_command_of_the_log_repeats_the_job(toy: Path) -> None:
    success("--cores", "2", folder=toy)
    line = (toy / MADE / "logs/add/add.log").read_text().splitlines()[0]
    words = shlex.split(line.removeprefix("# by hand: "))
    (toy / MADE / "add/sum").unlink()
    subprocess.run([sys.executable, "stages.py", *words[4:]], cwd=toy, check=True)
    assert (toy / MADE / "add/sum").read_text() == "10"
