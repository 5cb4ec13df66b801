"""The training loop that teacher and student share."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from msd.data.batches import Samples, length_batches
from msd.errors import UserError
from msd.models.views import VIEWS, Inputs, Removal, View, take_view
from msd.models.visualbert import VisualBertClassifier
from msd.seeds import derive_seed

StepLoss = Callable[[Tensor, Tensor, Callable[[View], Tensor]], tuple[Tensor, dict[str, Tensor]]]
"""(rows (B,), targets, forward(view) -> logits) -> loss per sample (B,), named per-sample terms."""


@dataclass(frozen=True)
class Schedule:
    """AdamW with linear warm-up and linear decay.

    Attributes:
        epochs, batch_size: counts.   learning_rate: of new parameters.   pretrained_learning_rate: of copied ones.
        weight_decay: decoupled, per step times the learning rate.   warmup: share of all steps.   clip: gradient norm.
        max_steps: stop there even within an epoch, for a quick try; None for all epochs.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup: float
    clip: float
    pretrained_learning_rate: float = 0.0
    max_steps: int | None = None

    def steps(self, samples: int) -> int:
        """Number of optimiser steps on a training split of that size."""
        every = -(-samples // self.batch_size) * self.epochs
        return every if self.max_steps is None else min(every, self.max_steps)


@dataclass
class History:
    """Training curves in long form: one row per seed, step and term."""

    rows: list[tuple[int, int, int, str, float]] = field(default_factory=list)

    def add(self, seed: int, step: int, epoch: int, values: dict[str, float]) -> None:
        """Note the values of one step."""
        self.rows.extend((seed, step, epoch, term, value) for term, value in values.items())

    def write(self, path: str) -> None:
        """Write history.parquet: seed, step, epoch, term, value."""
        import pandas as pd

        columns = ["seed", "step", "epoch", "term", "value"]
        pd.DataFrame(self.rows, columns=columns).to_parquet(path, index=False)


def single_thread() -> None:
    """One thread, no denormals, deterministic kernels: the same numbers whatever runs beside."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.set_flush_denormal(True)
    torch.use_deterministic_algorithms(True)
    # A debugging aid that costs a tenth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def train(
    model: VisualBertClassifier,
    step_loss: StepLoss,
    samples: Samples,
    *,
    schedule: Schedule,
    dataset: str,
    seed: int,
    history: History,
    validate: Callable[[], dict[str, float]],
    pretrained: tuple[str, ...] = (),
    removal: Removal = "mask",
) -> None:
    """Train `model` in place on `samples`.

    The order of the samples and the dropout of each step and view are drawn from streams named by dataset and seed,
    so that two methods with the same seed see the same batches, and a further view changes no other view's dropout.

    Raises:
        UserError: the loss is no longer finite (names dataset, seed and step).
    """
    optimiser, rates = _optimiser(model, schedule, pretrained)
    total = schedule.steps(len(samples))
    order = torch.Generator().manual_seed(derive_seed(dataset, seed, "order"))
    dropout = derive_seed(dataset, seed, "dropout") >> 8
    step = 0
    for epoch in range(schedule.epochs):
        model.train()
        batches = length_batches(samples.lengths, batch_size=schedule.batch_size, generator=order)
        for rows in itertools.islice(batches, total - step):
            factor = _warm_then_decay(step, total, schedule.warmup)
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            where = f"{dataset}, seed {seed}, step {step}"
            forward = _forward(model, samples.inputs(rows), removal, dropout + len(VIEWS) * step, where)
            per_sample, terms = step_loss(rows, samples.targets[rows], forward)
            loss = per_sample.mean()
            _require_finite(loss, f"{where}: the values of the loss")
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            means = {name: float(term.detach().mean()) for name, term in terms.items()}
            history.add(seed, step, epoch, {"loss": loss.item(), **means, "learning_rate": rates[-1] * factor})
            step += 1
        history.add(seed, step - 1, epoch, {f"val/{name}": value for name, value in validate().items()})
        if step == total:
            break
    model.eval()


def _forward(
    model: VisualBertClassifier, inputs: Inputs, removal: Removal, dropout: int, where: str
) -> Callable[[View], Tensor]:
    """view -> logits (B, C), each view with a dropout stream of its own."""

    def forward(view: View) -> Tensor:
        torch.manual_seed(dropout + VIEWS.index(view))
        logits = model(take_view(inputs, view, removal=removal)).logits
        _require_finite(logits, f"{where}: the logits of the view {view!r}")
        return logits

    return forward


def _optimiser(
    model: VisualBertClassifier, schedule: Schedule, pretrained: tuple[str, ...]
) -> tuple[torch.optim.Optimizer, list[float]]:
    copied = set(pretrained)
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        rate = schedule.pretrained_learning_rate if name in copied else schedule.learning_rate
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


@torch.inference_mode()
def predict(
    model: VisualBertClassifier,
    samples: Samples,
    view: View,
    *,
    removal: Removal = "mask",
    batch_size: int = 256,
) -> tuple[Tensor, Tensor]:
    """Logits (N, C) and pooled features (N, H) of all samples in their order, float32, without dropout."""
    model.eval()
    order = samples.lengths.argsort(stable=True)
    outputs = [model(take_view(samples.inputs(rows), view, removal=removal)) for rows in order.split(batch_size)]
    back = order.argsort()
    return torch.cat([out.logits for out in outputs])[back], torch.cat([out.features for out in outputs])[back]


def predict_views(model: VisualBertClassifier, samples: Samples, *, removal: Removal) -> dict[str, Tensor]:
    """view -> logits (N, C) of all samples."""
    return {view: predict(model, samples, view, removal=removal)[0] for view in VIEWS}
