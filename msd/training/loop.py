"""The loop of teachers, students, and the nets that learn across modalities in studies of the second paper.

Those studies' smaller nets, many side by side in one tensor program, have short loops of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from msd.training.checkpoint import Checkpoint, TrainState
from msd.training.engine import Engine, Part
from msd.training.history import History
from msd.training.watch import Watch

READ_EVERY = 32
"""Steps after which, at the latest, the values of steps are read: in between, the host does not wait for a GPU."""


@dataclass(frozen=True)
class Outcome:
    """What a part of a batch comes to.

    Attributes:
        loss: (), its share of the mean over the batch.   terms: name -> (), shares of the means of parts of the loss.
        kept: name -> (b,), terms of which every sample's value is noted.   checked: what -> values that must be finite.
    """

    loss: Tensor
    terms: dict[str, Tensor] = field(default_factory=dict)
    kept: dict[str, Tensor] = field(default_factory=dict)
    checked: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """One training as `fit` makes it.

    Attributes:
        name: of it, in messages and progress.   seed: under which its curves are noted.
        modules: what is trained, and what else changes on the way: name -> module.
        optimiser: over all parameters.   rates: step -> the learning rate of each of its groups.
        batches: the samples (B,) of every step, epoch after epoch.   epoch_steps: steps of an epoch.   steps: of all.
        load: samples (b,) -> what `loss` reads of them, with `to(device)` and `pin_memory()`.
        loss: what a part of a batch comes to, at a step.
        clip: largest norm of the gradient, or None.   validate: the scores at the end of an epoch, by name.
    """

    name: str
    seed: int
    modules: dict[str, nn.Module]
    optimiser: torch.optim.Optimizer
    rates: Callable[[int], list[float]]
    batches: Iterable[Tensor]
    steps: int
    epoch_steps: int
    load: Callable[[Tensor], Any]
    loss: Callable[[Any, Part, int], Outcome]
    clip: float | None = None
    validate: Callable[[], dict[str, float]] = dict


def fit(
    training: Training, *, engine: Engine, history: History | None = None, checkpoint: Checkpoint | None = None
) -> None:
    """Train in place; a training that was killed goes on from its checkpoint, to end with the same bits.

    Raises UserError, which names training and step, when a value that must be finite is not: before anything is
    validated or saved of it.
    """
    checkpoint = checkpoint or Checkpoint(None, "")
    checkpoint.is_read_only = engine.index > 0
    state = TrainState(training.modules, training.optimiser)
    checkpoint.restore(state)
    watch = Watch(training.name, training.seed, state.history, engine, steps=training.steps, done=state.step)
    batches = engine.loaded(itertools.islice(training.batches, state.step, training.steps), training.load)
    _set_training(training, True)
    with checkpoint.listening():
        for parts in batches:
            epoch = state.step // training.epoch_steps
            _step(training, state.step, parts, engine, watch, epoch=epoch)
            state.step += 1
            ends_epoch = state.step % training.epoch_steps == 0 or state.step == training.steps
            is_due = engine.processes == 1 and checkpoint.is_due()  # processes read at the same steps
            if not (ends_epoch or is_due or state.step % READ_EVERY == 0):
                continue
            watch.read(state.step)
            if ends_epoch:
                scores = {f"val/{name}": value for name, value in training.validate().items()}
                state.history.add(training.seed, state.step - 1, epoch, scores)
                _set_training(training, True)
            checkpoint.after_step(state, stop=engine.of_first(checkpoint.stop_signal))
        watch.close(state.step)
        checkpoint.save(state)
    if history is not None:
        history.add_history(state.history)
    _set_training(training, False)


def _step(
    training: Training, step: int, parts: list[tuple[Part, Any]], engine: Engine, watch: Watch, *, epoch: int
) -> None:
    """One step of the optimiser on the parts of a batch."""
    outcomes = []
    for part, batch in parts:
        with engine.autocast():
            outcome = training.loss(batch, part, step)
        outcome.loss.backward()
        outcomes.append(outcome)
    rates = training.rates(step)
    for group, rate in zip(training.optimiser.param_groups, rates, strict=True):
        group["lr"] = rate
    parameters = [parameter for group in training.optimiser.param_groups for parameter in group["params"]]
    engine.add_gradients(parameters)
    if training.clip is not None:
        nn.utils.clip_grad_norm_(parameters, training.clip)
    training.optimiser.step()
    training.optimiser.zero_grad(set_to_none=True)
    watch.note(step, epoch, [part for part, _ in parts], outcomes, rate=rates[-1])


def _set_training(training: Training, mode: bool) -> None:
    for module in training.modules.values():
        module.train(mode)
