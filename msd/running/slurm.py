"""Queries of SLURM beside Snakemake's: what its machines have, and which jobs a killed call left in its queue."""

import math
import re
import shlex
import subprocess
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from msd.errors import UserError

SAY = "--default-resources and --set-resources (docs/cluster.md)"
PATIENCE = 180.0
"""Seconds that cancelled jobs have to end: SLURM sends SIGTERM, waits (`KillWait`, 30 s by default) and kills."""


class Machine(NamedTuple):
    """A kind of machine of a partition; `minutes` is how long the partition lets a job run."""

    partition: str
    minutes: float
    cores: int
    mem_mb: int
    gpus: int

    def __str__(self) -> str:
        return _size(self.minutes, self.cores, self.mem_mb, self.gpus)


def check(executor: Any, jobs: Iterable[Any]) -> None:
    """Look whether SLURM has machines, busy, drained or free, for such jobs of Snakemake's.

    executor: the plugin's.   Raises UserError where SLURM does not answer, and where it would refuse a job, which would
    fail three times, or let it wait for ever.
    """
    if executor.workflow.executor_settings.status_command == "sacct":
        _output("sacct", "--noheader", "--name=msd")  # without accounting the call would wait for ever
    machines = _machines()
    for job in {tuple(sorted(job.resources.items(), key=str)): job for job in jobs}.values():
        if job.resources.get("slurm_account"):
            next(executor.get_account_arg(job))  # which refuses what the accounting does not know
        needs = [job.resources.get(name) or 0 for name in ("runtime", "_cores", "mem_mb", "gpu")]
        names = shlex.split(executor.get_partition_arg(job))[1:]
        there = [machine for machine in machines if not names or machine.partition in names[0].split(",")]
        if not there:
            known = ", ".join(sorted({machine.partition for machine in machines}))
            raise UserError(f"SLURM has no partition {names[0]}; it has {known}. Say which by {SAY}")
        if not any(all(has >= value for has, value in zip(each[1:], needs, strict=True)) for each in there):
            raise UserError(
                f"SLURM has no machine for a job of rule {job.rule.name}: it asks for {_size(*needs)}, and there is at "
                f"most {' or '.join(sorted({str(each) for each in there}))}. Change what jobs ask for by {SAY}"
            )


def _machines() -> list[Machine]:
    def machine(line: str) -> Machine:
        partition, limit, cores, memory, gres = line.split("|")
        gpus = sum(map(int, re.findall(r"\bgpu(?::[^:,(]+)?:(\d+)", gres)))
        return Machine(partition, _minutes(limit), int(cores), int(memory), gpus)

    return [machine(line) for line in _output("sinfo", "--exact", "--noheader", "--format=%R|%l|%c|%m|%G").splitlines()]


def _size(minutes: float, cores: int, mem_mb: int, gpus: int) -> str:
    return f"{minutes:,.0f} min, {cores} cores, {mem_mb:,} MB and {gpus} GPUs"


def _minutes(limit: str) -> float:
    """Of a time as SLURM prints it, such as 1-00:00:00."""
    if not limit[0].isdigit():  # infinite
        return math.inf
    days, _, clock = limit.rpartition("-")
    hours, minutes, seconds = [0, 0, *map(int, clock.split(":"))][-3:]
    return int(days or 0) * 1440 + hours * 60 + minutes + seconds / 60


def queued(name: str) -> list[str]:
    """The numbers of the jobs of a name that wait, run or are ending."""
    return _output("squeue", "--noheader", "--format=%i", f"--name={name}").split()


def cancel(name: str) -> list[str]:
    """Cancel the jobs of a name and wait until they have ended: what they do on their end must not meet new ones.

    Returns the jobs' numbers. Raises UserError where SLURM does not answer, or they do not end in time.
    """
    jobs = queued(name)
    if jobs:
        _output("scancel", f"--name={name}")
    deadline = time.monotonic() + PATIENCE
    while left := queued(name):
        if time.monotonic() > deadline:
            raise UserError(f"SLURM's jobs {' '.join(left)} were cancelled and do not end; see `squeue`, call again")
        time.sleep(1)
    return jobs


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise UserError(f"{command[0]} is not here: call from a machine that submits to SLURM") from None
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise UserError(f"SLURM does not answer {command[0]} ({reason}); call again when it does") from None
