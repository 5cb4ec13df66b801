"""Who runs a study in this folder: Snakemake's lock names nobody, so each call leaves a note of host and process."""

import atexit
import json
import os
import platform
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from msd.errors import UserError
from msd.running import slurm
from msd.system.refusals import explained
from msd.system.temporary import write_whole

NOTES, LOCKS = Path(".snakemake/running"), Path(".snakemake/locks")


class Call(NamedTuple):
    """One call of Snakemake.

    study: its file.   host, process, started: the process, and when it started (seconds of the epoch), for the number
    alone names none on a disk that machines share.   code: digest of the package that its jobs run, see
    `msd.running.frozen`.   jobs: the name of its jobs in SLURM's queue; empty without any.
    """

    study: str
    host: str
    process: int
    started: float
    code: str = ""
    jobs: str = ""

    @property
    def is_alive(self) -> bool | None:
        """Whether the process still runs; None where nobody here can know: it is on another host."""
        if self.host != platform.node():
            return None
        try:
            return abs(psutil.Process(self.process).create_time() - self.started) < 1
        except psutil.NoSuchProcess:
            return False

    def __str__(self) -> str:
        at = datetime.fromtimestamp(self.started).strftime("%Y-%m-%d %H:%M")
        return f"the call of {at} for {self.study} (process {self.process} on {self.host})"


def announce(study: str, code: str = "") -> list[str]:
    """Leave a note on this call, and release a lock whose holder is gone; one sentence for each earlier call found.

    A lock is released only where every call that left a note ended on this host without releasing it. While another
    call runs, Snakemake itself refuses to touch the files of both. The note of a call with jobs in SLURM's queue stays
    until `take_over` has cancelled them.
    """
    sentences, others = [], dict(_calls())
    locks = [path for path in LOCKS.glob("*.lock") if path.is_file()]
    for note, call in others.items():
        if call.is_alive is False:
            if not call.jobs:
                note.unlink(missing_ok=True)
            if locks:
                sentences.append(f"{call} was killed and left the folder locked; the lock is released, and it goes on")
        elif locks:
            state = "is running" if call.is_alive else "may be running: it is on another machine"
            sentences.append(f"{call} {state} in this folder; if Snakemake stops at its lock, wait for that call")
    if others and all(call.is_alive is False for call in others.values()):
        for path in locks:
            path.unlink(missing_ok=True)
    _leave_note(Call(study, platform.node(), os.getpid(), psutil.Process().create_time(), code))
    return [sentence[0].upper() + sentence[1:] for sentence in sentences]


def take_over(study: str) -> list[str]:
    """Cancel what killed calls left in SLURM's queue, once the folder is locked; one sentence for each of them.

    Raises UserError where SLURM does not answer, and where jobs for the same study file are queued by a call on another
    machine, of which nobody here can know whether it lives.
    """
    sentences = []
    for note, call in _calls():
        if call.jobs and call.is_alive is False:
            if cancelled := slurm.cancel(call.jobs):
                sentences.append(f"Of {call} there were still jobs in SLURM's queue, now cancelled: {_list(cancelled)}")
            note.unlink(missing_ok=True)
        elif call.jobs and call.is_alive is None and call.study == study and (left := slurm.queued(call.jobs)):
            raise UserError(
                f"Of {call} there are jobs in SLURM's queue: {_list(left)}. If it lives, wait for it; if it does not, "
                f"`scancel --name={call.jobs}`, and call again"
            )
    return sentences


def prepare_jobs(executor: Any, study: str, jobs: Iterable[Any]) -> None:
    """Look whether SLURM can run this call's jobs, give them a name that tells the study, and note it.

    Other executors have none.   Raises UserError where SLURM has no machine for a job.
    """
    if not hasattr(executor, "slurm_logdir"):
        return
    slurm.check(executor, (job for job in jobs if not job.is_local))
    executor.run_uuid = f"msd-{study}-{executor.run_uuid}"
    own = NOTES / f"{platform.node()}-{os.getpid()}.json"
    _leave_note(Call(**json.loads(own.read_text(encoding="utf-8")))._replace(jobs=executor.run_uuid))


def other_calls() -> list[Call]:
    """The other calls that left a note in this folder."""
    return [call for _, call in _calls()]


def _list(jobs: list[str]) -> str:
    return " ".join(jobs) if len(jobs) < 10 else f"{' '.join(jobs[:9])} and {len(jobs) - 9} more"


def _calls() -> Iterator[tuple[Path, Call]]:
    """Every note but this process's own; one that was half-written is nobody's."""
    for note in sorted(NOTES.glob("*.json")):
        try:
            call = Call(**json.loads(note.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            note.unlink(missing_ok=True)
            continue
        if (call.host, call.process) != (platform.node(), os.getpid()):
            yield note, call


def _leave_note(call: Call) -> None:
    note = NOTES / f"{call.host}-{call.process}.json"
    with explained([NOTES]):
        write_whole(note, json.dumps(call._asdict()))
    atexit.register(note.unlink, missing_ok=True)
