"""Jobs in SLURM's queue that a call of Snakemake left there when it was killed: found by their name, and cancelled."""

import subprocess
import time

from msd.errors import UserError

PATIENCE = 180.0
"""Seconds that cancelled jobs have to end: SLURM sends SIGTERM, waits (`KillWait`, 30 s by default) and kills."""


def queued(name: str) -> list[str]:
    """The numbers of the jobs of a name that wait, run or are ending."""
    return _ask("squeue", "--noheader", "--format=%i", f"--name={name}").split()


def cancel(name: str) -> list[str]:
    """Cancel the jobs of a name and wait until they have ended: what they do on their end must not meet new ones.

    Returns the jobs' numbers. Raises UserError where SLURM does not answer, or they do not end in time.
    """
    jobs = queued(name)
    if jobs:
        _ask("scancel", f"--name={name}")
    deadline = time.monotonic() + PATIENCE
    while left := queued(name):
        if time.monotonic() > deadline:
            raise UserError(f"SLURM's jobs {' '.join(left)} were cancelled and do not end; see `squeue`, call again")
        time.sleep(1)
    return jobs


def _ask(*command: str) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise UserError(f"{command[0]} is not here: call from a machine that submits to SLURM") from None
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise UserError(f"SLURM does not answer {command[0]} ({reason}); call again when it does") from None
