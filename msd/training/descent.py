"""The training of a method's student, and of a teacher, which is training without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from msd.distill.losses import unchecked
from msd.distill.method import Batch, Method
from msd.distill.optimisers import AdamW
from msd.models.views import VIEWS
from msd.training.checkpoint import Checkpoint
from msd.training.engine import Engine, Part
from msd.training.history import History
from msd.training.loop import Outcome, Training, fit

if TYPE_CHECKING:
    from msd.config.contracts.training import Schedule

POOL = 12
"""Batches in a shuffled pool inside which samples are sorted by length."""


def length_batches(lengths: Tensor, *, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """One epoch of row numbers (B,), shuffled, with texts of like length together so that little is padding."""
    order = torch.randperm(len(lengths), generator=generator)
    batches: list[Tensor] = []
    for pool in order.split(POOL * batch_size):
        batches.extend(pool[lengths[pool].argsort(stable=True)].split(batch_size))
    for number in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[number]


def total_steps(schedule: Schedule, samples: int) -> int:
    """Number of optimiser steps on a training split of that size."""
    steps = -(-samples // schedule.batch_size) * schedule.epochs
    return steps if schedule.max_steps is None else min(steps, schedule.max_steps)


def train(
    method: Method,
    *,
    name: str,
    schedule: Schedule,
    history: History,
    validate: Callable[[], dict[str, float]],
    rates: Mapping[str, float] | None = None,
    engine: Engine,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Train the student of a method's setting in place, on the rows that the method chooses.

    The order of the samples and the dropout of each step are drawn from streams named by dataset and seed, so that two
    methods with the same seed and rows see the same batches; where the engine says so, also the dropout of each view,
    so that a further view changes no other view's.
    name: of the method in messages and progress, or of what else is trained, beside dataset and seed.
    rates: learning rates of parameters that have another than the schedule's. checkpoint, errors: as of `fit`.
    The student is on the engine's device already.
    """
    setting = method.setting
    method.to(engine.device)
    rows = method.training_rows()
    optimiser, full = _optimiser(method, schedule, rates or {})
    steps, epoch_steps = total_steps(schedule, len(rows)), -(-len(rows) // schedule.batch_size)
    training = Training(
        name=f"{setting.dataset}, {name}, seed {setting.seed}",
        seed=setting.seed,
        modules={"student": setting.student, "method": method},
        optimiser=optimiser,
        rates=lambda step: [rate * _warm_then_decay(step, steps, schedule.warmup) for rate in full],
        batches=_batches(method, rows, schedule),
        steps=steps if schedule.stop is None else min(steps, schedule.stop * epoch_steps),
        epoch_steps=epoch_steps,
        load=method.batch,
        loss=lambda batch, part, step: _outcome(method, batch, part, step, of_views=engine.streams_of_views),
        clip=schedule.clip,
        validate=validate,
    )
    fit(training, engine=engine, history=history, checkpoint=checkpoint)


def _batches(method: Method, trained_on: Tensor, schedule: Schedule) -> Iterator[Tensor]:
    """The training samples (B,) of each step, epoch after epoch: always the same for a dataset and a seed."""
    lengths = method.setting.samples.lengths[trained_on]
    order = torch.Generator().manual_seed(method.setting.stream("order"))
    for _ in range(schedule.epochs):
        for batch in length_batches(lengths, batch_size=schedule.batch_size, generator=order):
            yield trained_on[batch]


def _outcome(method: Method, batch: Batch, part: Part, step: int, *, of_views: bool) -> Outcome:
    """A method's loss on a part of a batch.

    Where `of_views`, each view has a dropout stream of its own; else all are drawn from the default one. A second pass
    of the same step draws the same again.
    """
    purpose = "dropout" if part.number == 0 else f"dropout {part.number}"
    first = (method.setting.stream(purpose) >> 8) + len(VIEWS) * step
    seeds = [first + VIEWS.index(view) for view in method.views]

    def streams() -> list[torch.Generator]:
        if of_views:
            return [torch.Generator().manual_seed(seed) for seed in seeds]
        torch.manual_seed(first)
        return []

    given = method.step(batch, streams, together=part.together)
    with unchecked():
        per_sample, terms = method.loss(given)
    return Outcome(
        loss=per_sample.sum() / part.size,
        kept={name: terms.pop(name) for name in method.kept},
        terms={name: term.detach().sum() / part.size for name, term in terms.items()},
        checked={f"the logits of the view {view!r}": given.logits(view) for view in method.views},
    )


def _optimiser(
    method: Method, schedule: Schedule, rate_of: Mapping[str, float]
) -> tuple[torch.optim.Optimizer, list[float]]:
    """AdamW over the student's parameters and the method's own, and the full learning rate of each group."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in [*method.setting.student.named_parameters(), *method.named_parameters(prefix="method")]:
        rate = rate_of.get(name, schedule.learning_rate)
        groups.setdefault(rate, []).append(parameter)
    rates = sorted(groups)
    parameters = [{"params": groups[rate], "lr": rate} for rate in rates]
    return AdamW(parameters, weight_decay=schedule.weight_decay, fused=True), rates


def _warm_then_decay(step: int, total: int, warmup: float) -> float:
    """Factor on the learning rate at `step` of `total`: linear up over the share `warmup`, then linear to zero."""
    warm = max(1, round(warmup * total))
    return (step + 1) / warm if step < warm else (total - step) / max(1, total - warm)
