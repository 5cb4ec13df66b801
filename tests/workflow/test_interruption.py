"""A job that fails or is killed leaves nothing half-written under a final name, and the next call finishes the work.

Two arithmetic stages run through msd.job as the real ones do: `count` writes numbers, `add` their sum. While a file
`hold` exists, `add` waits with half of its output written; while `fault` exists, it fails there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from calls import PROJECT, environment, snakemake, success

STAGES = """
import sys, time
from pathlib import Path

sys.path.insert(0, {project!r})
from msd import job


def count(job):
    Path(job.outputs["numbers"]).write_text("1 2 3 4")
    return {{}}


def add(job):
    numbers = Path(job.inputs["numbers"]).read_text().split()
    Path(job.outputs["sum"]).write_text("half of the s")
    while Path("hold").exists():
        time.sleep(0.02)
    if Path("fault").exists():
        raise ValueError("the file fault is there: remove it")
    Path(job.outputs["sum"]).write_text(str(sum(map(int, numbers))))
    return {{"sum": sum(map(int, numbers))}}


sys.modules["toy"] = sys.modules["__main__"]
job.STAGES.update(count="toy:count", add="toy:add")
sys.exit(job.main(*sys.argv[1:]))
"""

SNAKEFILE = """
import json
import sys


def job(wildcards, input, output):
    log = "made/logs/add.log" if "numbers" in input.keys() else "made/logs/count.log"
    modules = ["msd.errors"]
    return json.dumps(dict(inputs=dict(input.items()), outputs=dict(output.items()), modules=modules, log=log))


rule add:
    input: numbers="made/count/numbers"
    output: sum="made/add/sum", metrics="made/add/metrics.json", record="made/add/record.json"
    log: "made/logs/add.log"
    params: job=job
    shell: "{sys.executable} stages.py add {params.job:q}"

rule count:
    output: numbers="made/count/numbers", record="made/count/record.json"
    log: "made/logs/count.log"
    params: job=job
    shell: "{sys.executable} stages.py count {params.job:q}"
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    (tmp_path / "stages.py").write_text(STAGES.format(project=str(PROJECT)))
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def made(toy: Path) -> list[str]:
    files = (path.relative_to(toy / "made") for path in (toy / "made").rglob("*") if path.is_file())
    return sorted(str(path) for path in files if path.parts[0] != "logs")


def start_and_wait_for_half(toy: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Snakemake, running, and the process of the job `add`, which has written half of its output and waits."""
    (toy / "hold").touch()
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    with (toy / "output").open("wb") as output:
        caller = subprocess.Popen(command, cwd=toy, env=environment(), stdout=output, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while not (half := list(toy.glob("made/add/.tmp-*/sum"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert half, (toy / "output").read_text()
    return caller, int(half[0].parent.name.removeprefix(".tmp-"))


FINISHED = ["add/metrics.json", "add/record.json", "add/sum", "count/numbers", "count/record.json"]


def assert_the_next_call_finishes(toy: Path) -> None:
    (toy / "hold").unlink()
    counted = (toy / "made/count/record.json").read_bytes()
    success("--cores", "2", "--rerun-incomplete", folder=toy)
    assert made(toy) == FINISHED
    assert (toy / "made/add/sum").read_text() == "10"
    assert json.loads((toy / "made/add/metrics.json").read_text()) == {"sum": 10.0}
    assert (toy / "made/count/record.json").read_bytes() == counted, "a finished job ran again"


def test_a_job_that_fails_and_then_is_killed(toy: Path) -> None:
    (toy / "fault").touch()
    done = snakemake("--cores", "2", "--show-failed-logs", folder=toy)
    assert done.returncode == 1
    assert made(toy) == ["count/numbers", "count/record.json"]
    assert "ValueError: the file fault is there: remove it" in (toy / "made/logs/add.log").read_text()
    assert "msd stage add: the file fault is there: remove it" in done.stderr
    caller, job = start_and_wait_for_half(toy)
    os.kill(job, signal.SIGKILL)
    assert caller.wait(60) == 1
    assert made(toy) == [f"add/.tmp-{job}/sum", "count/numbers", "count/record.json"]
    (toy / "fault").unlink()
    assert_the_next_call_finishes(toy)


def test_snakemake_and_its_job_are_killed(toy: Path) -> None:
    """As by a power cut: Snakemake then asks for `--unlock`."""
    caller, job = start_and_wait_for_half(toy)
    caller.kill()
    caller.wait(60)
    os.kill(job, signal.SIGKILL)
    # A later job removes it once the system has collected the dead process; the test does not wait for that.
    (toy / f"made/add/.tmp-{job}/sum").unlink()
    assert made(toy) == ["count/numbers", "count/record.json"]
    refused = snakemake("--cores", "2", folder=toy)
    assert refused.returncode == 1
    assert "--unlock" in refused.stdout + refused.stderr
    success("--unlock", folder=toy)
    assert_the_next_call_finishes(toy)
