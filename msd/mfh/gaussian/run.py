"""Stage `gaussian`: experiments 1 and 2 and table 2 of the Modality Focusing Hypothesis on synthetic data.

All settings, runs and nets are small independent linear problems: they are trained stacked, in one tensor program.
Xue, Gao, Ren, Zhao, "The Modality Focusing Hypothesis", arXiv 2206.06487, ICLR 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor, nn

from msd.mfh.gaussian.data import STUDENTS, Draw, Sample, draw_run
from msd.mfh.gaussian.settings import Setting, settings
from msd.system.processor import chosen_device
from msd.training.determinism import single_thread

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.gaussian.config import GaussianParams

CLASSES = 2
KL_FACTORS = {"batch": 1.0, "batch-and-classes": 1 / CLASSES}
"""Normalisation of KL -> its factor on Σ_n KL_n / N; the released code divides by the number of classes too."""
Trained = dict[tuple[Setting, int, str], Tensor]
"""(setting, seed, net) -> u = (w_1 − w_0, b_1 − b_0)."""
BLOCK = 32  # nets trained together: their inputs stay in a core's cache, which halves the time


def gaussian(job: Job[GaussianParams]) -> dict[str, float]:
    """Write outputs["runs"]: experiment, setting, gamma, seed, method, accuracy in percent; returns the means."""
    single_thread()
    params = job.params
    draws = [
        draw_run(setting, seed, train=params.train, test=params.test)
        for setting, seeds in settings(params.experiments)
        for seed in seeds
    ]
    frame = run(draws, params)
    frame.to_parquet(job.outputs["runs"], index=False)
    means = frame.groupby(["experiment", "setting", "method"], as_index=False, sort=False)["accuracy"].mean()
    names = means["experiment"] + "/" + means["setting"].map("{:.2f}".format) + "/" + means["method"]
    return dict(zip(names, means["accuracy"], strict=True))


def run(draws: Sequence[Draw], params: GaussianParams) -> pd.DataFrame:
    """Train every net of every draw; one row a net with its test accuracy in percent.

    Students have L = task·CE + kd·KL(teacher ‖ student) at temperature 1, teachers and `no-kd` L = CE.
    """
    device = chosen_device(params.device)
    schedule: dict[str, Any] = {"epochs": params.epochs, "learning_rate": params.learning_rate, "device": device}
    pairs = [(draw, net) for draw in draws for net in draw.setting.nets]
    alone = [(draw, net) for draw, net in pairs if net not in STUDENTS]
    targets = [draw.training_sample(net).labels for draw, net in alone]
    trained = _train(alone, targets, weight=1.0, **schedule)
    students = [(draw, net) for draw, net in pairs if net in STUDENTS]
    task, kd = params.task_weight, params.kd_weight * KL_FACTORS[params.kl]
    targets = [_mixture(draw, net, trained, task=task, kd=kd) for draw, net in students]
    trained |= _train(students, targets, weight=task + kd, **schedule)
    rows = [
        {
            "experiment": draw.setting.experiment,
            "setting": draw.setting.value,
            "gamma": draw.setting.gamma,
            "seed": draw.seed,
            "method": net,
            "accuracy": 100 * _accuracy(trained[draw.setting, draw.seed, net], draw.inputs(net, draw.test), draw.test),
        }
        for draw, net in pairs
    ]
    return pd.DataFrame(rows)


def fit(inputs: Tensor, targets: Tensor, start: Tensor, *, weight: float, epochs: int, learning_rate: float) -> Tensor:
    """Full-batch gradient descent on P softmax regressions of two classes; returns u = w_1 − w_0 (P, D).

    inputs: (P, N, D). targets: (P, N), the wanted probability t of class 1. start: (P, D).
    Loss: weight · CE(t, p) averaged over N, p = σ(x·u). Descent on the two rows of weights moves w_1 and w_0 in
    opposite directions by the same amount, so their difference u, on which alone p depends, moves by twice it.
    """
    step = -2 * learning_rate * weight / inputs.shape[1]
    finished = []
    for x, t, u in zip(inputs.split(BLOCK), targets.split(BLOCK), start.split(BLOCK), strict=True):
        transposed, t, u = x.transpose(1, 2), t.unsqueeze(2), u.unsqueeze(2)
        for _ in range(epochs):
            gap = torch.bmm(x, u).sigmoid_().sub_(t)  # (P, N, 1)
            u = torch.baddbmm(u, transposed, gap, alpha=step)
        finished.append(u.squeeze(2))
    return torch.cat(finished)


def _train(
    nets: Sequence[tuple[Draw, str]], targets: Sequence[Tensor], *, weight: float, device: torch.device, **schedule: Any
) -> Trained:
    """u of each net with the bias last; narrower inputs are filled up with zeros, which change nothing."""
    stacked = [_with_constant(draw.inputs(net, draw.training_sample(net))) for draw, net in nets]
    starts = [_difference(draw.start[net]) for draw, net in nets]
    width = max(start.shape[0] for start in starts)
    inputs = torch.stack([_widened(item, width) for item in stacked]).to(device)
    start = torch.stack([_widened(item, width) for item in starts]).to(device)
    ends = fit(inputs, torch.stack(list(targets)).to(device), start, weight=weight, **schedule).cpu()
    return {
        (draw.setting, draw.seed, net): u[: len(begun)]
        for (draw, net), u, begun in zip(nets, ends, starts, strict=True)
    }


def _mixture(draw: Draw, student: str, trained: Trained, *, task: float, kd: float) -> Tensor:
    """Target (N,) whose cross-entropy has the gradient of task·CE(label) + kd·KL(teacher ‖ student), over task + kd."""
    teacher = student.replace("kd", "teacher")
    u = trained[draw.setting, draw.seed, teacher]
    predicted = torch.sigmoid(_with_constant(draw.inputs(teacher, draw.student)) @ u)
    return (task * draw.student.labels + kd * predicted) / (task + kd)


def _accuracy(u: Tensor, inputs: Tensor, sample: Sample) -> float:
    predicted = _with_constant(inputs) @ u > 0
    return float((predicted == sample.labels.bool()).double().mean())


def _difference(net: nn.Linear) -> Tensor:
    """u = (w_1 − w_0, b_1 − b_0) of a linear net (D + 1,)."""
    weights = torch.cat([net.weight.detach(), net.bias.detach().unsqueeze(1)], dim=1)
    return weights[1] - weights[0]


def _with_constant(inputs: Tensor) -> Tensor:
    """Inputs (N, D) with a last channel of ones, whose weight is the bias."""
    return nn.functional.pad(inputs, (0, 1), value=1.0)


def _widened(item: Tensor, width: int) -> Tensor:
    return nn.functional.pad(item, (0, width - item.shape[-1]))
