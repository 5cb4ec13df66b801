"""A teacher that knows nothing."""

import math

import pytest
import torch
from small_study import LABELS, new_setting, new_step

from msd.distill.method import method_class

ALONE = {"lambda": 1.0, "temperature": 2}


def test_the_loss_is_the_divergence_from_the_uniform_distribution() -> None:
    method = method_class("kd_uniform")(ALONE, new_setting())
    step = new_step(method)
    student = (step.logits("both") / 2).softmax(1)
    expected = [4 * sum(math.log(1 / LABELS / q) / LABELS for q in row) for row in student.tolist()]
    assert method.loss(step)[0].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_it_pulls_every_prediction_to_uniform(task: str) -> None:
    setting = new_setting(task=task)
    method = method_class("kd_uniform")(ALONE, setting)
    with torch.no_grad():
        setting.student.head.weight.mul_(20)
    optimiser = torch.optim.Adam(setting.student.parameters(), lr=1e-2)

    def distance() -> float:
        logits = new_step(method).logits("both")
        difference = logits.softmax(1) - 1 / LABELS if task == "multiclass" else logits.sigmoid() - 0.5
        return difference.abs().max().item()

    before = distance()
    for _ in range(60):
        optimiser.zero_grad()
        method.loss(new_step(method))[0].mean().backward()
        optimiser.step()
    assert distance() < before / 4
