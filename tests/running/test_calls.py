"""A lock that a killed call left is released with a sentence; that of a living one stays."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from msd.errors import UserError
from msd.running import calls


@pytest.fixture
def lock(working_folder: Path) -> Path:
    """A folder that Snakemake locked."""
    path = working_folder / calls.LOCKS / "0.output.lock"
    path.parent.mkdir(parents=True)
    path.write_text("results/demo/report.html\n")
    return path


@pytest.fixture
def living() -> Iterator[psutil.Process]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield psutil.Process(process.pid)
    process.kill()
    process.wait()


@pytest.fixture
def queue(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for squeue and scancel: the file `msd-demo-1` holds the numbers of the queued jobs of that name."""
    for name, script in {"squeue": 'cat "${3#--name=}" 2>&-; true', "scancel": 'rm "${1#--name=}"'}.items():
        (working_folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (working_folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{working_folder}:{os.environ['PATH']}")
    (working_folder / "msd-demo-1").write_text("7\n8\n")
    return working_folder / "msd-demo-1"


def leave_note(process: int, started: float, *, host: str = "", jobs: str = "") -> Path:
    note = calls.NOTES / f"other-{process}.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    call = {"study": "config/demo.yaml", "host": host or platform.node(), "process": process, "started": started}
    call["jobs"] = jobs
    note.write_text(json.dumps(call))
    return note


def test_the_lock_of_a_killed_call_is_released(lock: Path) -> None:
    note = leave_note(2**22 + 1, 1.0)
    [sentence] = calls.announce("config/demo.yaml")
    assert all(words in sentence for words in ("process 4194305", "config/demo.yaml", "was killed"))
    assert not lock.exists()
    assert not note.exists()
    assert (calls.NOTES / f"{platform.node()}-{os.getpid()}.json").is_file()


def test_a_number_that_another_process_has_now_is_not_the_call(lock: Path, living: psutil.Process) -> None:
    leave_note(living.pid, living.create_time() - 100)
    [sentence] = calls.announce("config/demo.yaml")
    assert "was killed" in sentence
    assert not lock.exists()


def test_the_lock_of_a_living_call_stays(lock: Path, living: psutil.Process) -> None:
    leave_note(living.pid, living.create_time())
    leave_note(2**22 + 1, 1.0)
    sentences = calls.announce("config/demo.yaml")
    assert any(f"process {living.pid}" in sentence and "is running" in sentence for sentence in sentences)
    assert lock.exists()


def test_a_call_on_another_machine_may_be_running(lock: Path) -> None:
    leave_note(7, 1.0, host="far-away")
    [sentence] = calls.announce("config/demo.yaml")
    assert "on another machine" in sentence
    assert lock.exists()


def test_a_lock_without_any_note_is_not_touched_and_a_half_written_note_is_nobody_s(lock: Path) -> None:
    leave_note(7, 1.0).write_text('{"study": "conf')
    assert calls.announce("config/demo.yaml") == []
    assert lock.exists()


def test_what_a_killed_call_left_in_slurm_s_queue_is_cancelled_once_the_folder_is_ours(lock: Path, queue: Path) -> None:
    note = leave_note(2**22 + 1, 1.0, jobs="msd-demo-1")
    calls.announce("config/demo.yaml")
    assert note.exists(), "a dry run must not forget the jobs"
    [sentence] = calls.take_over("config/demo.yaml")
    assert sentence.endswith("jobs in SLURM's queue, now cancelled: 7 8")
    assert not queue.exists()
    assert not note.exists()


def test_jobs_of_a_call_on_another_machine_are_not_run_twice(working_folder: Path, queue: Path) -> None:
    leave_note(7, 1.0, host="far-away", jobs="msd-demo-1")
    assert calls.take_over("config/other.yaml") == []
    with pytest.raises(UserError, match=r"far-away.*7 8.*`scancel --name=msd-demo-1`"):
        calls.take_over("config/demo.yaml")
    assert queue.exists()
    queue.unlink()
    assert calls.take_over("config/demo.yaml") == [], "they have ended"


def test_without_an_answer_of_slurm_nothing_starts(
    working_folder: Path, queue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_note(2**22 + 1, 1.0, jobs="msd-demo-1")
    (working_folder / "squeue").write_text("#!/bin/sh\necho 'Unable to contact slurm controller' >&2; exit 1\n")
    with pytest.raises(UserError, match=r"does not answer squeue \(Unable to contact slurm controller\)"):
        calls.take_over("config/demo.yaml")
    (working_folder / "squeue").unlink()
    monkeypatch.setenv("PATH", str(working_folder))
    with pytest.raises(UserError, match="squeue is not here"):
        calls.take_over("config/demo.yaml")
