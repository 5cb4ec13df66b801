"""What a training step would make the host wait for on a GPU, found on the processor."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch.profiler import ProfilerActivity, profile

from msd.models.split import Split
from msd.training import loop

WAITS = {"aten::_local_scalar_dense", "aten::item", "aten::is_nonzero", "aten::nonzero"}
"""What PyTorch calls when a number, a truth value or a shape must come from the device."""
COPIES = ("cpu", "numpy", "tolist")
"""Methods of a tensor that bring all of it to the processor; of one that is there, PyTorch calls nothing."""


@contextmanager
def waits_of_steps() -> Iterator[list[str]]:
    """In which the first two steps of each training are profiled: the list of the waits in them."""
    step, found = loop._step, list[str]()

    def profiled(training: loop.Training, number: int, *arguments: Any, **options: Any) -> None:
        if number > 1:
            return step(training, number, *arguments, **options)
        with profile(activities=[ProfilerActivity.CPU]) as profiler, _copies(found):
            step(training, number, *arguments, **options)
        found.extend(event.name for event in profiler.events() if event.name in WAITS and not _counts_steps(event))

    with patch.object(loop, "_step", profiled):
        yield found


@contextmanager
def _copies(found: list[str]) -> Iterator[None]:
    """In which calls of `COPIES` are added to `found`, but for those of a split, whose batches are on the processor."""

    def noted(name: str) -> Any:
        method = getattr(torch.Tensor, name)

        def note(tensor: torch.Tensor, *arguments: Any, **options: Any) -> Any:
            if sys._getframe(1).f_globals["__name__"] != Split.__module__:
                found.append(name)
            return method(tensor, *arguments, **options)

        return note

    with patch.multiple(torch.Tensor, **{name: noted(name) for name in COPIES}):
        yield


def _counts_steps(event: Any) -> bool:
    """Whether the optimiser reads its number of steps, which lies on the processor."""
    while event is not None and not event.name.startswith("Optimizer.step"):
        event = event.cpu_parent
    return event is not None
