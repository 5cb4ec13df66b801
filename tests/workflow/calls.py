"""Snakemake as a user calls it, and what it says that it would do.

Importing Snakemake and torch takes longer than most of these calls: a server that has imported them, and nothing of
ours, forks a process for each.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

if TYPE_CHECKING:  # a process that imported our msd would not take that of its folder
    from msd.job import Job

PROJECT = Path(__file__).resolve().parents[2]
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["snakemake.cli", "torch"])


def environment() -> dict[str, str]:
    """That of a plain shell: no traces of a Snakemake around us, no paths of Python."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("SNAKEMAKE", "PYTHON"))}


def snakemake(*arguments: str, folder: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Call Snakemake in `folder`; Python finds the `msd` of that folder first, as with `python -m snakemake`."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        files = [multiprocessing.reduction.DupFd(file.fileno()) for file in (stdout, stderr)]
        process = SERVER.Process(target=_serve, args=(arguments, folder, environment(), files))
        process.start()
        process.join()
        texts = [file.seek(0) or file.read() for file in (stdout, stderr)]
    return subprocess.CompletedProcess(arguments, process.exitcode or 0, *texts)


def _serve(arguments: tuple[str, ...], folder: Path, variables: dict[str, str], files: list) -> None:
    for number, file in enumerate(files, start=1):
        os.dup2(file.detach(), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.path.insert(0, str(folder))
    from snakemake.cli import main

    main(list(arguments))


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


def hold_against_dvc(files: dict[str, str], study: str) -> None:
    """Each file of a study is in one out of dvc.yaml, where each out, metric and plot of the study has files."""
    content = yaml.safe_load((PROJECT / "dvc.yaml").read_text())
    stages = content["stages"].values()
    outs = [path for stage in stages for out in stage["outs"] for path in out]
    holders = {file: [path for path in outs if f"{file}/".startswith(f"{path}/")] for file in files}
    # The mark of `msd track`, whose database is an index that can be made again.
    assert holders.pop(f"results/{study}/logs/tracked") == []
    assert not {file: paths for file, paths in holders.items() if len(paths) != 1}
    own = [stage for stage in stages if ("config/mfh.yaml" in stage["cmd"]) == (study == "mfh")]
    made = {path for stage in own for out in stage["outs"] for path in out}
    assert made == {path for paths in holders.values() for path in paths}
    shown = {*content["metrics"], *(path for plot in content["plots"] for path in plot)}
    assert {path for path in shown if path.startswith(f"results/{study}/")} <= files.keys()


def write_names(task: Job) -> dict[str, float]:
    """Stage: each output holds the rule's name and its own, in a row of a table where it is one."""
    for value in task.outputs.values():
        for path in value if isinstance(value, list) else [value]:
            name = f"{task.rule} {Path(path).name}"
            if path.endswith(".parquet"):
                pq.write_table(pa.table({"name": [name]}), path)
            else:
                Path(path).write_text(name)
    return {}
