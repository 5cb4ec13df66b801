"""Which GPU of a machine a job gets, where Snakemake only counts them: each is one job's while its process lives."""

import fcntl
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msd.errors import UserError

VARIABLE = "MSD_GPUS"
"""The machine's GPUs that a call may use, as in CUDA_VISIBLE_DEVICES; workflow/rules/lock.smk sets it."""
RULES = ("features", "teacher", "teacher_outputs", "student", "gaussian", "av_mnist", "crossmodal")
"""Whose jobs train or run models where the engine says; others, such as `cost`, know the engine and use none."""
_held: list[int] = []


def offered(count: int) -> str:
    """The value of MSD_GPUS for a call that may use `count` GPUs: the first of those that its process sees."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(count))))
    return ",".join(seen.split(",")[:count])


def wanted(rule: str, params: Mapping[str, Any], *, any_there: bool = True) -> int:
    """The GPUs that a job uses: one for each process of its engine; `auto` uses one only where there are any.

    A stage without an engine has a device alone: its processes share it. Features that are published use none.
    """
    engine = params.get("training", params).get("engine", {"device": params.get("device", "cpu")})
    device = engine.get("device", "cpu") if rule in RULES and params.get("boxes") is None else "cpu"
    return int(engine.get("processes", 1)) if device == "cuda" or (device == "auto" and any_there) else 0


def take(count: int, folder: str | Path | None = None) -> None:
    """Show this process `count` GPUs that no other job uses, waiting until so many are free.

    A GPU is a locked file in `folder` (by default the system's temporary one, which all calls of this account on this
    machine share). The system releases the lock when the process ends, however it ends. Without MSD_GPUS nothing is
    taken: then a scheduler has chosen, or all jobs share what there is. Raises UserError for more than there are.
    """
    devices = [name for name in os.environ.get(VARIABLE, "").split(",") if name]
    if not devices or not count or _held:
        return
    if count > len(devices):
        raise UserError(f"engine.processes: {count} GPUs are wanted, the call has {len(devices)} (`--resources gpu=…`)")
    place = Path(folder or tempfile.gettempdir()) / f"msd-gpus-{os.getuid()}"
    place.mkdir(parents=True, exist_ok=True)
    while True:
        free = {name: handle for name in devices if (handle := _locked(place / name)) is not None}
        kept = list(free)[:count] if len(free) >= count else []
        for name, handle in free.items():
            if name in kept:
                os.set_inheritable(handle, True)  # PyTorch's launcher of several processes takes the place of this one
                _held.append(handle)
            else:
                os.close(handle)
        if len(kept) == count:
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(kept)
            return
        time.sleep(0.2)


def _locked(path: Path) -> int | None:
    """An open, locked file; None where another process has the lock."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
