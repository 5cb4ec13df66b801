"""A few of the studies of `make soak`: they run, change, lose files and are called twice, and end in the right tables."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def test_random_studies_run_on_arithmetic_and_end_in_the_tables_that_their_yaml_says() -> None:
    command = [sys.executable, "tests/soak/soak.py", "--cases", "2", "--seed", "6"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("2 studies, 0 failures\n")
