"""What SLURM's machines have, as `sinfo` prints it (here a stand-in), and which jobs find none."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from msd.errors import UserError
from msd.running.slurm import check

SINFO = """\
short|30:00|4|8000|(null)
main|1-00:00:00|64|256000|(null)
main|1-00:00:00|32|128000|gpu:a100:4(S:0-1),nvme:1
long|infinite|8|16000|gpu:2
"""
Ask = Callable[..., None]


@pytest.fixture
def ask(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Whether there is a machine for a job of a partition, which asks for these resources; squeue tells states."""
    (working_folder / "sinfo").write_text(f"#!/bin/sh\ncat <<'END'\n{SINFO}END\n")
    (working_folder / "sinfo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{working_folder}:{os.environ['PATH']}")

    def ask(partition: str, **asked: Any) -> None:
        executor = SimpleNamespace(
            get_partition_arg=lambda job: f" -p {partition}" if partition else "",
            workflow=SimpleNamespace(executor_settings=SimpleNamespace(status_command="squeue")),
        )
        check(executor, [SimpleNamespace(rule=SimpleNamespace(name="teacher"), resources=asked)])

    return ask


def test_jobs_for_which_there_is_a_machine(ask: Ask) -> None:
    ask("main", runtime=1440, _cores=64, mem_mb=256000, gpu=0)
    ask("main", runtime=1440, _cores=32, mem_mb=128000, gpu=4)
    ask("long", runtime=1_000_000, mem_mb=16000, gpu=2)
    ask("short,main", runtime=60, mem_mb=8000)
    ask("", runtime=1_000_000, mem_mb=16000)


@pytest.mark.parametrize(
    ("partition", "asked", "sentence"),
    [
        ("gpu", {}, r"SLURM has no partition gpu; it has long, main, short\. Say which by --default-resources"),
        ("short", {"runtime": 31}, r"asks for 31 min, .*there is at most 30 min, 4 cores, 8,000 MB and 0 GPUs\."),
        (
            "main",
            {"mem_mb": 128001, "gpu": 1},
            r"rule teacher: it asks for .* 128,001 MB and 1 GPUs, .*4 GPUs or .* 0 GPUs",
        ),
        ("main", {"gpu": 5}, "5 GPUs"),
        ("long", {"_cores": 9}, "9 cores.* inf min, 8 cores"),
    ],
)
def test_one_for_which_there_is_none(ask: Ask, partition: str, asked: dict[str, int], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        ask(partition, **asked)


def test_a_controller_that_is_away(ask: Ask, working_folder: Path) -> None:
    (working_folder / "sinfo").write_text("#!/bin/sh\necho 'Unable to contact slurm controller' >&2; exit 1\n")
    with pytest.raises(UserError, match=r"does not answer sinfo \(Unable to contact slurm controller\); call again"):
        ask("main")
