"""A job that fails or is killed leaves nothing half-written under a final name, and the next call finishes the work.

The project is that of arithmetic.py.
"""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

from arithmetic import MADE
from calls import environment, snakemake


def made(toy: Path) -> list[str]:
    files = (path.relative_to(toy / MADE) for path in (toy / MADE).rglob("*") if path.is_file())
    return sorted(str(path) for path in files if path.parts[0] not in ("logs", "jobs"))


def start_and_wait_for_half(toy: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Snakemake, running, and the process of the job `add`, which has written half of its output and waits."""
    (toy / "hold").touch()
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    with (toy / "output").open("wb") as output:
        caller = subprocess.Popen(command, cwd=toy, env=environment(), stdout=output, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while not (half := list(toy.glob(f"{MADE}/add/.tmp-*/sum"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert half, (toy / "output").read_text()
    return caller, int(half[0].parent.name.rpartition("-")[2])


FINISHED = ["add/metrics.json", "add/record.json", "add/sum", "count/numbers", "count/record.json"]


def assert_the_next_call_finishes(toy: Path) -> subprocess.CompletedProcess[str]:
    (toy / "hold").unlink()
    counted = (toy / f"{MADE}/count/record.json").read_bytes()
    done = snakemake("--cores", "2", "--rerun-incomplete", folder=toy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert made(toy) == FINISHED
    assert (toy / f"{MADE}/add/sum").read_text() == "10"
    assert json.loads((toy / f"{MADE}/add/metrics.json").read_text()) == {"sum": 10.0}
    assert (toy / f"{MADE}/count/record.json").read_bytes() == counted, "a finished job ran again"
    return done


def test_a_job_that_fails_and_then_is_killed(toy: Path) -> None:
    (toy / "fault").touch()
    done = snakemake("--cores", "2", "--show-failed-logs", folder=toy)
    assert done.returncode == 1
    assert made(toy) == ["count/numbers", "count/record.json"]
    assert "ValueError: the file fault is there: remove it" in (toy / f"{MADE}/logs/add/add.log").read_text()
    failure = done.stderr[done.stderr.index("Failed: add: ValueError: the file fault is there: remove it\n") :]
    assert not {"input:", "output:", "shell:", "RuleException:"} & set(failure.split())
    assert "Traceback" in failure, "of an error that is no sentence, from its log"
    caller, job = start_and_wait_for_half(toy)
    os.kill(job, signal.SIGKILL)
    assert caller.wait(60) == 1
    assert made(toy) == [f"add/.tmp-{platform.node()}-{job}/sum", "count/numbers", "count/record.json"]
    (toy / "fault").unlink()
    assert_the_next_call_finishes(toy)


def test_snakemake_and_its_job_are_killed(toy: Path) -> None:
    """As by a power cut: the next call says whose lock it found, and goes on."""
    caller, job = start_and_wait_for_half(toy)
    caller.kill()
    caller.wait(60)
    os.kill(job, signal.SIGKILL)
    # A later job removes it once the system has collected the dead process; the test does not wait for that.
    (toy / f"{MADE}/add/.tmp-{platform.node()}-{job}/sum").unlink()
    assert made(toy) == ["count/numbers", "count/record.json"]
    done = assert_the_next_call_finishes(toy)
    assert f"process {caller.pid} on" in done.stderr
    assert "was killed and left the folder locked; the lock is released" in done.stderr


def test_the_lock_of_a_call_that_runs_is_respected(toy: Path) -> None:
    caller, _ = start_and_wait_for_half(toy)
    refused = snakemake("--cores", "2", folder=toy)
    assert refused.returncode == 1
    assert f"process {caller.pid} on" in refused.stderr
    assert "is running in this folder" in refused.stderr
    (toy / "hold").unlink()
    assert caller.wait(60) == 0
    assert made(toy) == FINISHED
