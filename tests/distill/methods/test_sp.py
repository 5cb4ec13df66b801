"""Similarity-preserving loss against loops over the pairs of a batch."""

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

from msd.distill.methods.sp import SP, similarity_loss


def similarities_by_loops(features: torch.Tensor) -> list[list[torch.Tensor]]:
    rows = range(len(features))
    gram = [[sum(a * b for a, b in zip(features[i], features[j], strict=True)) for j in rows] for i in rows]
    return [[value / sum(other**2 for other in row) ** 0.5 for value in row] for row in gram]


def by_loops(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    s, t, rows = similarities_by_loops(student), similarities_by_loops(teacher), range(len(student))
    return torch.stack([sum((s[i][j] - t[i][j]) ** 2 for j in rows) / len(rows) for i in rows])


@pytest.mark.parametrize("rows", [2, 5])
def test_values_and_gradients_are_those_of_the_formula(rows: int) -> None:
    student, teacher = matrix(1, rows, 3), matrix(2, rows, 6)
    assert_same_values_and_gradients(similarity_loss, by_loops, student, teacher)
    assert torch.autograd.gradcheck(lambda leaf: similarity_loss(leaf, teacher), student.requires_grad_())


def test_the_mean_over_the_batch_is_the_squared_frobenius_norm_over_the_squared_size() -> None:
    student, teacher = matrix(1, 5, 3), matrix(2, 5, 6)
    gap = torch.tensor(similarities_by_loops(student)) - torch.tensor(similarities_by_loops(teacher))
    assert similarity_loss(student, teacher).mean().item() == pytest.approx(
        torch.linalg.matrix_norm(gap).item() ** 2 / 25
    )


def test_scale_and_rotation_of_the_student_change_nothing() -> None:
    student, teacher = matrix(1, 5, 3), matrix(2, 5, 4)
    moved = 7 * student @ torch.linalg.qr(matrix(3, 3, 3))[0]
    assert torch.allclose(similarity_loss(moved, teacher), similarity_loss(student, teacher), atol=1e-12)
    assert similarity_loss(moved, student).abs().max() < 1e-15


@pytest.mark.parametrize("name", degenerate_pairs())
def test_degenerate_features_are_finite(name: str) -> None:
    values = assert_finite(similarity_loss, *degenerate_pairs()[name])
    assert (values <= 4 / len(values) + 1e-6).all()


def test_the_method_compares_pooled_features() -> None:
    method = SP({"beta": 300}, small_setting())
    rows = torch.tensor([3, 0, 7, 1])
    step = step_of(method, rows)
    loss, terms = method.loss(step)
    assert torch.equal(terms["sp"], similarity_loss(step.features("both"), method.teacher.features["both"][rows]))
    assert torch.allclose(loss, terms["task"] + 300 * terms["sp"])
