"""DIST's correlations against loops, and rows and columns that do not vary."""

import pytest
import torch
from by_loops import assert_finite, assert_same_values_and_gradients, degenerate_pairs, matrix
from small_study import loss_of, new_setting

from msd.distill.methods.dist import correlation_losses

TASKS = ("multiclass", "multilabel")


def pearson(x: list[torch.Tensor], y: list[torch.Tensor]) -> torch.Tensor:
    x, y = ([value - sum(values) / len(values) for value in values] for values in (x, y))
    squares = sum(a * a for a in x) * sum(b * b for b in y)
    return sum(a * b for a, b in zip(x, y, strict=True)) / squares**0.5


def probabilities(logits: torch.Tensor, temperature: float, task: str) -> list[list[torch.Tensor]]:
    rows = [[z / temperature for z in row] for row in logits]
    if task == "multilabel":
        return [[1 / (1 + (-z).exp()) for z in row] for row in rows]
    return [[z.exp() / sum(other.exp() for other in row) for z in row] for row in rows]


def inter_by_loops(student: torch.Tensor, teacher: torch.Tensor, task: str) -> torch.Tensor:
    q, p = probabilities(student, 2.0, task), probabilities(teacher, 2.0, task)
    return torch.stack([4 * (1 - pearson(a, b)) for a, b in zip(q, p, strict=True)])


def intra_by_loops(student: torch.Tensor, teacher: torch.Tensor, task: str) -> torch.Tensor:
    q, p = zip(*probabilities(student, 2.0, task), strict=True), zip(*probabilities(teacher, 2.0, task), strict=True)
    columns = [1 - pearson(a, b) for a, b in zip(q, p, strict=True)]
    return (4 * sum(columns) / len(columns)).expand(len(student))


def parts(student, teacher, task="multiclass", temperature=2.0):
    return correlation_losses(student, teacher, temperature=temperature, task=task)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("part", "reference"), enumerate((inter_by_loops, intra_by_loops)))
def test_values_and_gradients_are_those_of_the_formula(part: int, reference, task: str) -> None:
    student, teacher = 2 * matrix(1, 4, 5), 2 * matrix(2, 4, 5)
    assert_same_values_and_gradients(
        lambda s, t: parts(s, t, task)[part], lambda s, t: reference(s, t, task), student, teacher
    )
    assert torch.autograd.gradcheck(lambda leaf: parts(leaf, teacher, task)[part], student.requires_grad_())


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", degenerate_pairs())
def test_degenerate_logits_are_finite(name: str, task: str) -> None:
    student, teacher = degenerate_pairs()[name]
    for part in (0, 1):
        values = assert_finite(lambda s, t, part=part: parts(s, t, task)[part], student, teacher)
        assert -1e-5 <= values.mean() <= 8 + 1e-5


@pytest.mark.parametrize("classes", [2, 3, 40, 3000])
def test_what_is_constant_to_rounding_has_correlation_zero_and_no_gradient(classes: int) -> None:
    student = torch.full((3, classes), 0.37, requires_grad=True)
    teacher = matrix(2, 3, classes).float()
    for task in TASKS:
        inter, intra = parts(student, teacher, task)
        assert inter.tolist() == [4.0] * 3
        assert intra.tolist() == [4.0] * 3
        (gradient,) = torch.autograd.grad((inter + intra).sum(), student)
        assert gradient.abs().max() == 0


def test_one_sample_has_no_correlation_within_classes() -> None:
    _, intra = parts(matrix(1, 1, 5), matrix(2, 1, 5))
    assert intra.tolist() == [4.0]


def test_it_is_zero_for_the_teachers_own_predictions_and_for_any_line_through_them() -> None:
    teacher = 2 * matrix(2, 6, 5)
    assert torch.stack(parts(teacher + 3, teacher)).abs().max() < 1e-12
    p = torch.sigmoid(teacher / 2)
    line = 2 * torch.logit(0.1 + 0.5 * p)
    assert torch.stack(parts(line, teacher, "multilabel")).abs().max() < 1e-12


def test_with_two_classes_the_part_within_samples_says_only_which_is_greater() -> None:
    student, teacher = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.tensor([[5.0, 0.0], [1.0, 0.0]])
    assert parts(student, teacher)[0].tolist() == pytest.approx([0.0, 8.0], abs=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_the_method_mixes_the_parts_with_the_task(task: str) -> None:
    options = {"lambda": 0.7, "temperature": 2, "beta": 1.5, "gamma": 3}
    loss, terms = loss_of("dist", options, new_setting(task=task))
    assert torch.allclose(loss, 0.3 * terms["task"] + 0.7 * (1.5 * terms["dist/inter"] + 3 * terms["dist/intra"]))
