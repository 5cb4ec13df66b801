"""Jobs are described by files, which Snakemake writes when it starts them and at no other time."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from arithmetic import LONG, MADE, write_project
from calls import success

JOB = f"{MADE}/jobs/add/add.json"
OUTPUTS = {"sum": "sum", "metrics": "metrics.json", "record": "record.json"}


def test_a_description_that_is_too_long_for_an_argument_runs_and_runs_again_by_hand(toy: Path) -> None:
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
    command = json.loads((toy / MADE / "add/record.json").read_text())["job"]
    assert command == f"python -m msd stage add '{JOB}'"
    assert (toy / MADE / "logs/add/add.log").read_text().startswith(f"# by hand: {command}\n")
    (toy / MADE / "add/sum").unlink()
    subprocess.run([sys.executable, "stages.py", *shlex.split(command)[4:]], cwd=toy, check=True)
    assert (toy / MADE / "add/sum").read_text() == "10"


def test_neither_dry_run_nor_lint_writes_one(toy: Path) -> None:
    shown = success("--dry-run", "--printshellcmds", folder=toy)
    assert f"stages.py add '{JOB}'" in shown
    subprocess.run([sys.executable, "-m", "snakemake", "--lint"], cwd=toy, capture_output=True, check=False)
    success("--summary", folder=toy)
    assert not (toy / MADE).exists()


def test_a_lost_file_is_written_for_the_next_job_only_and_follows_its_settings(toy: Path) -> None:
    success("--cores", "2", folder=toy)
    written = (toy / JOB).read_bytes()
    shutil.rmtree(toy / MADE / "jobs")
    success("--cores", "2", folder=toy)
    assert not (toy / JOB).exists(), "no job started"
    (toy / MADE / "add/sum").unlink()
    success("--cores", "2", folder=toy)
    assert (toy / JOB).read_bytes() == written
    assert not (toy / MADE / "jobs/count").exists()
    write_project(toy, letter="ä")
    success("--cores", "2", folder=toy)
    for file in (JOB, f"{MADE}/add/record.json"):
        assert json.loads((toy / file).read_text())["params"] == {"text": "ä" * LONG}
