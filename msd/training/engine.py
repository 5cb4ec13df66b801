"""Where a training runs: device, precision, processes. A thin layer over Hugging Face's `accelerate`."""

from __future__ import annotations

import atexit
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from msd.errors import UserError
from msd.system.processor import chosen_device

if TYPE_CHECKING:
    from msd.config.contracts.training import EngineParams

READERS = 4
"""Threads that read batches ahead for a GPU, two each: a process that is forked beside a GPU can end it."""


class Part(NamedTuple):
    """What one pass of a model sees of a batch.

    rows: (b,) numbers of its samples.   size: B, by which sums over samples become means over the whole batch.
    number: of the part in the batch, over all processes.   together: the batch of all processes, where it is split.
    """

    rows: Tensor
    size: int
    number: int
    together: GatheredBatch | None


@dataclass(frozen=True)
class GatheredBatch:
    """The batch that several processes have a part of each, for losses that relate its samples.

    Attributes:
        rows: (B,) of all processes.   own: where the rows of this one stand among them.
    """

    rows: Tensor
    own: slice

    def gather(self, values: Tensor) -> Tensor:
        """Values (b, ...) of this process's samples -> those of all (B, ...), through which gradients flow back."""
        gathered: Tensor = _Gather.apply(values, len(self.rows), self.own)
        return gathered


class _Gather(torch.autograd.Function):
    """Each process adds its rows to zeros; the gradient of a row is the sum over the processes that used it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, size: int, own: slice) -> Tensor:
        ctx.own = own
        whole = values.new_zeros(size, *values.shape[1:])
        whole[own] = values
        return _reduced(whole)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return _reduced(gradients[0].contiguous())[ctx.own], None, None


class Engine:
    """The device, the precision and the processes of a training, and how a batch is split among them.

    Attributes:
        device: of models and batches.   index, processes: of this process, and how many there are.

    Raises UserError for a GPU that PyTorch does not see, and for more or fewer processes than were started.
    """

    def __init__(self, options: EngineParams) -> None:
        self.options, self.device = options, chosen_device(options.device)
        self.index, self.processes, local = 0, int(os.environ.get("WORLD_SIZE", "1")), 0
        if self.processes > 1:
            from accelerate import PartialState  # slow to import

            state = PartialState(cpu=self.device.type == "cpu")
            atexit.register(state.destroy_process_group)  # gloo's threads at work as a process ends may abort it
            self.index, self.processes, local = state.process_index, state.num_processes, state.local_process_index
        if self.processes != options.processes:
            raise UserError(
                f"engine.processes is {options.processes}, but {self.processes} were started; "
                f"start them with torchrun --nproc-per-node {options.processes}"
            )
        if self.device.type == "cuda":
            self.device = torch.device("cuda", local)

    def autocast(self) -> AbstractContextManager[Any]:
        """In which the forward pass runs: matrix products in bfloat16 where the precision says so."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.precision == "bf16")

    @property
    def streams_of_views(self) -> bool:
        """Whether the dropout of each view has a random stream of its own: kernels of a GPU have one for all."""
        return self.device.type == "cpu" and not self.options.compile

    def place(self, model: torch.nn.Module) -> None:
        """Put a model onto the device, compiled where the options say so, for batches of any size."""
        model.to(self.device)
        if self.options.compile:
            torch.use_deterministic_algorithms(torch.are_deterministic_algorithms_enabled())  # of the compiler too
            model.compile(dynamic=True)

    def parts(self, batch: Tensor) -> list[Part]:
        """What this process does of a batch of samples (B,), one pass after another.

        A batch with fewer samples than processes is done by each of them, and the gradient is their mean.
        """
        if len(batch) < self.processes:
            return [Part(batch, len(batch) * self.processes, 0, None)]
        places = torch.arange(len(batch)).tensor_split(self.processes)[self.index]
        own = slice(int(places[0]), int(places[-1]) + 1)
        together = GatheredBatch(batch, own) if self.processes > 1 else None
        accumulate = self.options.accumulate
        split = [rows for rows in batch[own].tensor_split(accumulate) if len(rows)]
        return [Part(rows, len(batch), self.index * accumulate + number, together) for number, rows in enumerate(split)]

    def loaded(self, batches: Iterable[Tensor], load: Callable[[Tensor], Any]) -> Iterator[list[tuple[Part, Any]]]:
        """For each batch (B,) its parts, with what `load` makes of their rows on the device.

        load: gives tensors in dicts, or an object with `to(device)` and `pin_memory()`. For a GPU, threads read ahead
        into pinned memory.
        """

        def read(batch: Tensor) -> list[tuple[Part, Any]]:
            return [(part, load(part.rows)) for part in self.parts(batch)]

        def pinned(batch: Tensor) -> list[tuple[Part, Any]]:
            return [(part, _each(content, lambda values: values.pin_memory())) for part, content in read(batch)]

        def sent(parts: list[tuple[Part, Any]]) -> list[tuple[Part, Any]]:
            return [
                (part, _each(content, lambda values: values.to(self.device, non_blocking=True)))
                for part, content in parts
            ]

        if self.device.type != "cuda":
            yield from map(read, batches)
            return
        ahead = deque[Future[list[tuple[Part, Any]]]]()
        with ThreadPoolExecutor(READERS) as readers:
            for batch in batches:
                ahead.append(readers.submit(pinned, batch))
                if len(ahead) > 2 * READERS:
                    yield sent(ahead.popleft().result())
            while ahead:
                yield sent(ahead.popleft().result())

    def add_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Make each parameter's gradient the sum over all processes."""
        if self.processes == 1:
            return
        trained = list(parameters)
        gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in trained]
        summed = _reduced(torch.cat([gradient.flatten() for gradient in gradients]))
        for parameter, part in zip(trained, summed.split([each.numel() for each in trained]), strict=True):
            parameter.grad = part.view_as(parameter)

    def add(self, values: Tensor) -> Tensor:
        """The sum of `values` over all processes."""
        return values if self.processes == 1 else _reduced(values)

    def of_first(self, number: int | None) -> int | None:
        """The number, not 0, of the first process, or its None, in all of them."""
        if self.processes == 1:
            return number
        own = (number or 0) if self.index == 0 else 0
        return int(_reduced(torch.tensor([own], device=self.device))) or None


def _reduced(values: Tensor) -> Tensor:
    """The sum of `values` over all processes."""
    from accelerate.utils import reduce

    summed: Tensor = reduce(values, "sum")
    return summed


def _each(content: Any, change: Callable[[Any], Any]) -> Any:
    """What `change` makes of each value of nested dicts, or of anything else."""
    if isinstance(content, dict):
        return {name: _each(value, change) for name, value in content.items()}
    return change(content)
