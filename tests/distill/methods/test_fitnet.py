"""FitNets' hint loss against loops, and the method's projection."""

import pytest
import torch
from by_loops import (
    assert_finite,
    assert_same_values_and_gradients,
    degenerate_pairs,
    matrix,
    small_setting,
    step_of,
)

from msd.distill.losses import task_loss
from msd.distill.methods.fitnet import FitNet, hint_loss


def by_loops(projected: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    rows, width = teacher.shape
    return torch.stack([sum((projected[i, h] - teacher[i, h]) ** 2 for h in range(width)) / width for i in range(rows)])


def test_values_and_gradients_are_those_of_the_formula() -> None:
    assert_same_values_and_gradients(hint_loss, by_loops, matrix(1, 4, 5), matrix(2, 4, 5))
    assert torch.autograd.gradcheck(
        lambda student: hint_loss(student, matrix(2, 4, 5)), matrix(1, 4, 5).requires_grad_()
    )


@pytest.mark.parametrize("name", degenerate_pairs())
def test_degenerate_features_are_finite(name: str) -> None:
    assert_finite(hint_loss, *degenerate_pairs()[name])


@pytest.mark.parametrize(
    ("student", "teacher", "named"),
    [
        (matrix(1, 4, 5), matrix(2, 4, 6), "teacher"),
        (matrix(1, 4, 5), matrix(2, 1, 5), "teacher"),
        (matrix(1, 4, 5)[0], matrix(2, 4, 5), "student"),
    ],
)
def test_bad_shapes_are_named(student, teacher, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        hint_loss(student, teacher)


def test_the_projection_brings_the_student_to_the_teachers_width_and_is_trained() -> None:
    method = FitNet({"beta": 10}, small_setting())
    assert method.projection.weight.shape == (10, 24)
    step = step_of(method, torch.tensor([3, 0, 7]))
    loss, terms = method.loss(step)
    projected = step.features("both") @ method.projection.weight.T + method.projection.bias
    hint = (projected - method.teacher.features["both"][[3, 0, 7]]).square().sum(1) / 10
    assert torch.allclose(loss, task_loss(step.logits("both"), step.targets, task="multiclass") + 10 * hint)
    assert set(terms) == {"task", "fitnet"}
    loss.mean().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in method.parameters())
