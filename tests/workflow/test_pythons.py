"""Every supported Python that is here is tried; a fault of one, and none at all, is status 1 with a sentence."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from calls import PROJECT

TOOLS = ("dirname", "mktemp", "mkdir", "tar", "rm", "tail", "make", "sh")


@pytest.mark.parametrize(
    ("pythons", "target", "status", "said"),
    [
        (["python3.12"], "-n setup", 0, ["python3.11 is not here", "python3.12 passed: touch .venv/.ready"]),
        (["python3.11", "python3.13"], "no-such", 1, ["No rule to make target 'no-such'", "python3.13 failed"]),
        ([], "setup", 1, ["python3.13 is not here", "None of them is here: install one"]),
    ],
)
def test_pythons(tmp_path: Path, pythons: list[str], target: str, status: int, said: list[str]) -> None:
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    for name in pythons:
        (tmp_path / name).symlink_to(sys.executable)
    command = [PROJECT / "workflow/pythons.sh", *target.split()]
    environment = {"PATH": str(tmp_path), "TMPDIR": str(tmp_path), "LC_ALL": "C"}
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    assert [words for words in said if words not in done.stdout + done.stderr] == []
    assert not list(tmp_path.glob("tmp*")), "the copies are removed"
