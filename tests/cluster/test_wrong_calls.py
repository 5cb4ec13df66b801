"""What SLURM cannot run, or would let wait for ever, is one sentence before anything is submitted."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT, environment
from slurm_here import Slurm

pytestmark = pytest.mark.cluster

SNAKEFILE = """
from types import SimpleNamespace

study = SimpleNamespace(study="none")

include: {lock!r}

onstart:
    take_over(study.study)

rule teacher:
    output: "made"
    resources: mem_mb=100, runtime=10, gpu=0
    shell: "touch made"
"""
Refused = Callable[..., str]


@pytest.fixture
def refused(slurm: Slurm, tmp_path: Path) -> Refused:
    """What a call with these arguments says last, which ends without a job; `path` is where its commands are."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(lock=str(PROJECT / "workflow/rules/lock.smk")))
    (tmp_path / "config").symlink_to(PROJECT / "config")
    profile = str(PROJECT / "workflow/profiles/slurm")

    def call(*arguments: str, path: str = os.environ["PATH"]) -> str:
        before = slurm.ask("squeue", "--noheader", "--states=all")
        command = [sys.executable, "-m", "snakemake", "made", "--workflow-profile", profile, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(PATH=path), capture_output=True, text=True, check=False
        )
        assert done.returncode == 1, done.stdout + done.stderr
        assert slurm.ask("squeue", "--noheader", "--states=all") == before
        return done.stderr

    return call


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--default-resources", "slurm_partition=nope"], "SLURM has no partition nope; it has main."),
        (
            ["--set-resources", "teacher:mem_mb=9000000"],
            "a job of rule teacher: it asks for 10 min, 1 cores, 9,000,000 MB",
        ),
        (["--set-resources", "teacher:gpu=5"], "100 MB and 5 GPUs, and there is at most 1,440 min, 4 cores"),
        (["--set-resources", "teacher:runtime=1441"], "it asks for 1,441 min"),
        (["--set-resources", "teacher:runtime=soon"], "'runtime' with value 'soon' could not be parsed as minutes"),
        (["--slurm-status-command", "sacct"], "SLURM does not answer sacct (Slurm accounting storage is disabled)"),
    ],
    ids=["partition", "memory", "gpus", "time", "time of text", "accounting"],
)
def test_what_no_machine_has(refused: Refused, arguments: list[str], sentence: str) -> None:
    assert sentence in refused(*arguments)


def test_a_machine_without_slurm(refused: Refused, tmp_path: Path) -> None:
    for name in ("bash", "sh", "which"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    assert "sinfo is not here: call from a machine that submits to SLURM" in refused(path=str(tmp_path))
