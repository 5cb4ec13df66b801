"""The training loop that teacher and student share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from msd.distill.method import Method
from msd.errors import UserError
from msd.models.views import VIEWS

if TYPE_CHECKING:
    from msd.config.contracts.training import Schedule

POOL = 12
"""Batches in a shuffled pool inside which samples are sorted by length."""


@dataclass
class History:
    """Training curves in long form: one row per seed, step and term, or per sample where a method keeps those."""

    rows: list[tuple[int, int, int, str, float, int | None]] = field(default_factory=list)

    def add(self, seed: int, step: int, epoch: int, values: dict[str, float]) -> None:
        """Note the values of one step."""
        self.rows.extend((seed, step, epoch, term, value, None) for term, value in values.items())

    def add_samples(self, seed: int, step: int, epoch: int, term: str, samples: Tensor, values: Tensor) -> None:
        """Note one value for each of the training samples with the numbers `samples` (B,)."""
        pairs = zip(samples.tolist(), values.tolist(), strict=True)
        self.rows.extend((seed, step, epoch, term, value, sample) for sample, value in pairs)

    def write(self, path: str) -> None:
        """Write history.parquet: seed, step, epoch, term, value, sample (null: the mean of the batch)."""
        import pandas as pd

        table = pd.DataFrame(self.rows, columns=["seed", "step", "epoch", "term", "value", "sample"])
        table.astype({"sample": "Int32"}).to_parquet(path, index=False)


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
) -> None:
    """Train the student of a method's setting in place, on the rows that the method chooses.

    The order of the samples and the dropout of each step and view are drawn from streams named by dataset and seed,
    so that two methods with the same seed see the same batches, and a further view changes no other view's dropout.
    rates: learning rates of parameters that have another than the schedule's.
    Raises UserError, which names dataset, seed and step, when the loss is no longer finite.
    """
    setting = method.setting
    model, seed = setting.student, setting.seed
    optimiser, full = _optimiser(method, schedule, rates or {})
    trained_on = method.training_rows()
    total = total_steps(schedule, len(trained_on))
    order = torch.Generator().manual_seed(setting.stream("order"))
    lengths, step = setting.samples.lengths[trained_on], 0
    for epoch in range(schedule.epochs):
        model.train()
        batches = length_batches(lengths, batch_size=schedule.batch_size, generator=order)
        for batch in itertools.islice(batches, total - step):
            factor, rows = _warm_then_decay(step, total, schedule.warmup), trained_on[batch]
            loss, terms = _loss(method, rows, step=step)
            _descend(optimiser, loss, rates=[rate * factor for rate in full], clip=schedule.clip)
            for term in method.kept:
                history.add_samples(seed, step, epoch, term, rows, terms.pop(term).detach())
            means = {name: float(term.detach().mean()) for name, term in terms.items()}
            history.add(seed, step, epoch, {"loss": loss.item(), **means, "learning_rate": full[-1] * factor})
            step += 1
        history.add(seed, step - 1, epoch, {f"val/{name}": value for name, value in validate().items()})
        if step == total:
            break
    model.eval()


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
