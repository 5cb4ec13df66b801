"""Snakemake as a user calls it, and what it says that it would do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SNAKEMAKE = [sys.executable, "-m", "snakemake"]


def environment() -> dict[str, str]:
    """The environment of a plain shell: no traces of a Snakemake around us, our package where a test imports it."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("SNAKEMAKE", "PYTHON"))}


def snakemake(*arguments: str, folder: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Call Snakemake in `folder`; Python finds the `msd` of that folder first."""
    return subprocess.run(
        [*SNAKEMAKE, *arguments], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )


def success(*arguments: str, folder: Path = PROJECT) -> str:
    """The standard output of a call that must succeed."""
    done = snakemake(*arguments, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def planned(dry_run: str) -> list[str]:
    """The messages of the jobs that a dry run lists, sorted."""
    return sorted(re.findall(r"^Job \d+: (.*)$", dry_run, flags=re.MULTILINE))


def outputs(summary: str) -> dict[str, str]:
    """file -> rule, from `snakemake --summary`."""
    rows = [line.split("\t") for line in summary.splitlines()[1:]]
    return {row[0]: row[2] for row in rows}
