"""What a call of Snakemake shows: a line for each finished job, what to do about a failed one, and a bar on a terminal."""

import logging
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from arithmetic import MADE
from calls import environment, snakemake

from msd.running.progress import Shown

COMMAND = [sys.executable, "-m", "snakemake", "--cores", "2"]


def test_a_failed_job_is_a_sentence_its_log_and_its_command(toy: Path) -> None:
    (toy / "fault").touch()
    shown = snakemake("--cores", "2", folder=toy).stderr
    assert re.search(r"^1/2  count, \d+ s$", shown, flags=re.MULTILINE)
    assert (
        "Failed: add: ValueError: the file fault is there: remove it\n"
        f"    log:     {MADE}/logs/add/add.log\n"
        f"    by hand: python -m msd stage add '{MADE}/jobs/add/add.json'\n"
    ) in shown
    assert shown.count("the file fault is there") == 1, "not by the job too"
    assert not {"Traceback", "input:", "shell:", "rule"} & set(shown.split())


def test_quiet_leaves_failures_alone(toy: Path) -> None:
    shown = snakemake("--cores", "2", "--quiet", "progress", "rules", folder=toy).stderr
    assert not re.search(r"\badd\b", shown), "as a word: Snakemake prints a random number in hexadecimal digits"
    (toy / MADE / "add/sum").unlink()
    (toy / "fault").touch()
    shown = snakemake("--cores", "2", "--quiet", "progress", "rules", folder=toy).stderr
    assert "Failed: add: ValueError" in shown
    assert not re.search(r"^1/1 ", shown, flags=re.MULTILINE)


def test_a_terminal_has_a_bar_below_the_lines(toy: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(COMMAND, cwd=toy, env=environment() | {"TERM": "xterm"}, stderr=theirs, stdout=theirs)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # how Linux says that nobody holds the other end any more
        assert process.wait(60) == 0
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown.decode())
    assert text.count("2/2  add, ") == 1
    assert re.search(r"━+ 1/2 +0:00:\d\d", text)


@pytest.mark.parametrize(
    ("known", "words"), [({"teach": 60, "ask": 10}, "about 2 min left"), ({"teach": 60}, "over 90 s left"), ({}, "")]
)
def test_the_time_left_is_that_of_earlier_jobs_for_all_that_run_at_a_time(known: dict[str, float], words: str) -> None:
    shown = Shown(known.get, workers=2, lines=True, logs=False, handlers=[])
    record = logging.makeLogRecord({"event": "run_info", "stats": {"teach": 3, "ask": 5, "all": 1, "total": 9}})
    assert shown.filter(record)
    assert record.getMessage() == f"Jobs to run: 8{f', {words}' if words else ''}"
