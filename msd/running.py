"""Who runs a study in this folder: Snakemake's lock names nobody, so each call leaves a note of host and process."""

import atexit
import json
import os
import platform
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import psutil

from msd.refusals import explained
from msd.temporary import write_whole

NOTES, LOCKS = Path(".snakemake/running"), Path(".snakemake/locks")


class Call(NamedTuple):
    """One call of Snakemake: its study file, host and process, and when that process started (seconds of the epoch)."""

    study: str
    host: str
    process: int
    started: float

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


def announce(study: str) -> list[str]:
    """Leave a note on this call, and release a lock whose holder is gone; one sentence for each earlier call found.

    A lock is released only where every call that left a note ended on this host without releasing it. While another
    call runs, Snakemake itself refuses to touch the files of both.
    """
    sentences, others = [], dict(_calls())
    locks = [path for path in LOCKS.glob("*.lock") if path.is_file()]
    for note, call in others.items():
        if call.is_alive is False:
            note.unlink(missing_ok=True)
            if locks:
                sentences.append(f"{call} was killed and left the folder locked; the lock is released, and it goes on")
        elif locks:
            state = "is running" if call.is_alive else "may be running: it is on another machine"
            sentences.append(f"{call} {state} in this folder; if Snakemake stops at its lock, wait for that call")
    if others and all(call.is_alive is False for call in others.values()):
        for path in locks:
            path.unlink(missing_ok=True)
    _leave_note(study)
    return [sentence[0].upper() + sentence[1:] for sentence in sentences]


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


def _leave_note(study: str) -> None:
    call = Call(study, platform.node(), os.getpid(), psutil.Process().create_time())
    note = NOTES / f"{call.host}-{call.process}.json"
    with explained([NOTES]):
        write_whole(note, json.dumps(call._asdict()))
    atexit.register(note.unlink, missing_ok=True)
