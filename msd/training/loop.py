"""The training loop that teacher and student share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from msd.distill.method import Method
from msd.errors import UserError
from msd.models.views import VIEWS
from msd.training.checkpoint import Checkpoint, TrainState
from msd.training.history import History

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
    schedule: Schedule,
    history: History,
    validate: Callable[[], dict[str, float]],
    rates: Mapping[str, float] | None = None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Train the student of a method's setting in place, on the rows that the method chooses.

    The order of the samples and the dropout of each step and view are drawn from streams named by dataset and seed,
    so that two methods with the same seed see the same batches, and a further view changes no other view's dropout.
    rates: learning rates of parameters that have another than the schedule's. checkpoint: where a training that was
    killed goes on, to end with the same bits.
    Raises UserError, which names dataset, seed and step, when the loss is no longer finite.
    """
    setting, checkpoint = method.setting, checkpoint or Checkpoint(None, "")
    optimiser, full = _optimiser(method, schedule, rates or {})
    state = TrainState(method, optimiser)
    checkpoint.restore(state)
    trained_on = method.training_rows()
    total, an_epoch = total_steps(schedule, len(trained_on)), -(-len(trained_on) // schedule.batch_size)
    setting.student.train()
    with checkpoint.listening():
        for rows in itertools.islice(_batches(method, trained_on, schedule), state.step, total):
            epoch, factor = state.step // an_epoch, _warm_then_decay(state.step, total, schedule.warmup)
            _step(state, rows, [rate * factor for rate in full], clip=schedule.clip, epoch=epoch)
            if state.step % an_epoch == 0 or state.step == total:
                scores = {f"val/{name}": value for name, value in validate().items()}
                state.history.add(setting.seed, state.step - 1, epoch, scores)
                setting.student.train()
            checkpoint.after_step(state)
    checkpoint.save(state)
    history.rows += state.history.rows
    setting.student.eval()


def _batches(method: Method, trained_on: Tensor, schedule: Schedule) -> Iterator[Tensor]:
    """The training samples (B,) of each step, epoch after epoch: always the same for a dataset and a seed."""
    lengths = method.setting.samples.lengths[trained_on]
    order = torch.Generator().manual_seed(method.setting.stream("order"))
    for _ in range(schedule.epochs):
        for batch in length_batches(lengths, batch_size=schedule.batch_size, generator=order):
            yield trained_on[batch]


def _step(state: TrainState, rows: Tensor, rates: Sequence[float], *, clip: float, epoch: int) -> None:
    """One step of the optimiser on the training samples `rows` (B,), and what the history keeps of it."""
    method, history, seed = state.method, state.history, state.method.setting.seed
    loss, terms = _loss(method, rows, step=state.step)
    _descend(state.optimiser, loss, rates=rates, clip=clip)
    for term in method.kept:
        history.add_samples(seed, state.step, epoch, term, rows, terms.pop(term).detach())
    means = {name: float(term.detach().mean()) for name, term in terms.items()}
    history.add(seed, state.step, epoch, {"loss": loss.item(), **means, "learning_rate": rates[-1]})
    state.step += 1


def _loss(method: Method, rows: Tensor, *, step: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean loss of a method on the training samples `rows` (B,), and its terms (B,); UserError if it is not finite.

    Each view has a dropout stream of its own, which a second pass of the same step draws anew.
    """
    setting = method.setting
    where = f"{setting.dataset}, seed {setting.seed}, step {step}"
    first = (setting.stream("dropout") >> 8) + len(VIEWS) * step
    seeds = [first + VIEWS.index(view) for view in method.views]
    batch = method.step(rows, lambda: [torch.Generator().manual_seed(seed) for seed in seeds])
    for view in method.views:
        _require_finite(batch.logits(view), f"{where}: the logits of the view {view!r}")
    per_sample, terms = method.loss(batch)
    loss = per_sample.mean()
    _require_finite(loss, f"{where}: the values of the loss")
    return loss, terms


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor, *, rates: Sequence[float], clip: float) -> None:
    """One step of the optimiser down the loss, with the learning rate of each of its groups."""
    for group, rate in zip(optimiser.param_groups, rates, strict=True):
        group["lr"] = rate
    loss.backward()
    nn.utils.clip_grad_norm_([part for group in optimiser.param_groups for part in group["params"]], clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


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
    return torch.optim.AdamW(parameters, weight_decay=schedule.weight_decay, fused=True), rates


def _require_finite(values: Tensor, what: str) -> None:
    if not bool(torch.isfinite(values).all()):
        raise UserError(f"{what} are no longer finite; lower the learning rate or the clip")


def _warm_then_decay(step: int, total: int, warmup: float) -> float:
    """Factor on the learning rate at `step` of `total`: linear up over the share `warmup`, then linear to zero."""
    warm = max(1, round(warmup * total))
    return (step + 1) / warm if step < warm else (total - step) / max(1, total - warm)
