"""The fuzzer itself runs: a case of each kind of damage to the files that say what a study is, and to texts."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("target", ["texts", "studies"])
def test_a_few_cases_are_read_or_refused(target: str) -> None:
    command = [sys.executable, "tests/fuzz/readers.py", "--only", target, "--cases", "6"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("6 cases, 0 failures\n")
