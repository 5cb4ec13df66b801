"""Checkpoints: what a training that was killed goes on from, to the same bits as one that was not."""

import contextlib
import os
import pickle
import signal
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn

from msd.training.history import History

SECONDS = 120.0
"""Between two checkpoints of a training."""


@dataclass
class TrainState:
    """All of a training that changes: its modules by name, optimiser, curves, and the steps done."""

    modules: Mapping[str, nn.Module]
    optimiser: torch.optim.Optimizer
    history: History = field(default_factory=History)
    step: int = 0

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and texts alone, that `load_state_dict` takes."""
        return {
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "optimiser": self.optimiser.state_dict(),
            "history": self.history.state_dict(),
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become what `state` was taken from."""
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        self.optimiser.load_state_dict(state["optimiser"])
        self.history.load_state_dict(state["history"])
        self.step = state["step"]


class Checkpoint:
    """The checkpoint of one training, and the one before it, in a folder; without a folder nothing is kept.

    Attributes:
        stop_signal: the one that asked the process to stop, if any did.
        is_read_only: whether another process saves, and decides when to stop.

    Args:
        folder: of a job whose code, parameters and inputs are these: `Job.scratch`.
        prefix, name: of the training in it.
    """

    def __init__(self, folder: str | None, name: str, *, prefix: str = "") -> None:
        self.name = prefix + name
        self.path = None if folder is None else Path(folder) / f"{self.name}.pt"
        self.saved = time.monotonic()
        self.stop_signal: int | None = None
        self.is_read_only = False

    def restore(self, state: TrainState) -> None:
        """Take up the newest checkpoint that is whole, if there is one; a damaged one is warned of."""
        if self.path is None:
            return
        for path in (self.path, self._previous(self.path)):
            if not path.is_file():
                continue
            try:
                content = _read(path)
            except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, pickle.UnpicklingError) as error:
                print(f"the checkpoint {path} is damaged and left out: {error}", file=sys.stderr)
                continue
            state.load_state_dict(content)
            print(f"goes on after step {state.step}, from {path}", file=sys.stderr)
            return

    def is_due(self) -> bool:
        """Whether the last checkpoint is old enough, or the process was asked to stop."""
        return self.stop_signal is not None or time.monotonic() - self.saved >= SECONDS

    def after_step(self, state: TrainState, *, stop: int | None) -> None:
        """Save where it is due; end the process where `stop`, a signal, says so, all processes after the same step."""
        if stop is not None or self.is_due():
            self.save(state)
        if stop is not None:
            print(f"stopped after step {state.step}; run it again to go on from there", file=sys.stderr)
            sys.exit(128 + stop)

    def save(self, state: TrainState) -> None:
        """Write the checkpoint, whole or not at all; the last one stays beside it."""
        if self.path is None or self.is_read_only:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        half = self.path.with_suffix(".half")
        try:
            with open(half, "wb") as file:
                torch.save(state.state_dict(), file)
                file.flush()
                os.fsync(file.fileno())
        except (OSError, RuntimeError) as error:  # such as a full disk, of which it would keep a part
            half.unlink(missing_ok=True)
            if isinstance(error.__context__, OSError):  # PyTorch's words for it hide what the system said
                raise error.__context__ from None
            raise
        if self.path.is_file():
            os.replace(self.path, self._previous(self.path))
        os.replace(half, self.path)
        self.saved = time.monotonic()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """While a training runs, SIGTERM and Ctrl-C do but ask; one after the training's last look is then obeyed."""
        if self.path is None or self.is_read_only:
            yield
            return
        before = {number: signal.signal(number, self._asked_to_stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if self.stop_signal is not None:
            signal.raise_signal(self.stop_signal)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_signal = number

    @staticmethod
    def _previous(path: Path) -> Path:
        return path.with_suffix(".previous.pt")


def _read(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:  # torch's format is a zip file, whose checksums torch does not read
        if (member := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"{member} has another checksum")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
