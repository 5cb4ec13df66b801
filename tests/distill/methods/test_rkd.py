"""RKD's distances and angles against loops over pairs and triples."""

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

from msd.distill.methods.rkd import RKD, relational_losses


def distance(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    return relational_losses(student, teacher)[0]


def angle(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    return relational_losses(student, teacher)[1]


def huber(difference: torch.Tensor) -> torch.Tensor:
    size = abs(difference)
    return size**2 / 2 if size <= 1 else size - 0.5


def length(vector: torch.Tensor) -> torch.Tensor:
    return sum(component**2 for component in vector) ** 0.5


def distances_by_loops(features: torch.Tensor) -> list[list[torch.Tensor]]:
    rows = range(len(features))
    plain = [[length(features[i] - features[j]) if i != j else torch.tensor(0.0) for j in rows] for i in rows]
    mean = sum(plain[i][j] for i in rows for j in rows if i != j) / (len(rows) * (len(rows) - 1))
    return [[plain[i][j] / mean for j in rows] for i in rows]


def distance_by_loops(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    s, t, rows = distances_by_loops(student), distances_by_loops(teacher), range(len(student))
    return torch.stack([sum(huber(s[i][j] - t[i][j]) for j in rows) / len(rows) for i in rows])


def cosine(features: torch.Tensor, i: int, j: int, k: int) -> torch.Tensor | float:
    """At j, between the sides to i and to k."""
    if j in (i, k):
        return 0.0
    to_i, to_k = features[i] - features[j], features[k] - features[j]
    return sum(a * b for a, b in zip(to_i, to_k, strict=True)) / (length(to_i) * length(to_k))


def angle_by_loops(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    rows = range(len(student))
    values = []
    for j in rows:
        terms = [
            huber(torch.as_tensor(cosine(student, i, j, k) - cosine(teacher, i, j, k))) for i in rows for k in rows
        ]
        values.append(sum(terms) / len(rows) ** 2)
    return torch.stack(values)


@pytest.mark.parametrize(("loss", "reference"), [(distance, distance_by_loops), (angle, angle_by_loops)])
@pytest.mark.parametrize("rows", [3, 5])
def test_values_and_gradients_are_those_of_the_formula(loss, reference, rows: int) -> None:
    student, teacher = 3 * matrix(1, rows, 3), matrix(2, rows, 6)
    assert_same_values_and_gradients(loss, reference, student, teacher)
    assert torch.autograd.gradcheck(lambda leaf: loss(leaf, teacher), student.requires_grad_())


def test_two_samples_have_one_distance_which_is_its_own_mean_and_no_angle() -> None:
    for loss in (distance, angle):
        assert loss(matrix(1, 2, 3), matrix(2, 2, 6)).abs().max() < 1e-12


def test_both_branches_of_huber_are_met() -> None:
    student = torch.tensor([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [9.0, 0.0]], dtype=torch.float64)
    teacher = torch.tensor([[9.0, 0.0], [0.0, 0.1], [0.1, 0.0], [0.0, 0.0]], dtype=torch.float64)
    gaps = [
        abs(a - b)
        for s, t in zip(distances_by_loops(student), distances_by_loops(teacher), strict=True)
        for a, b in zip(s, t, strict=True)
    ]
    assert min(gaps) < 1 < max(gaps)
    for loss, reference in ((distance, distance_by_loops), (angle, angle_by_loops)):
        assert_same_values_and_gradients(loss, reference, student, teacher)


def test_scale_shift_and_rotation_of_the_student_change_nothing() -> None:
    student, teacher = matrix(1, 6, 3), matrix(2, 6, 4)
    rotation = torch.linalg.qr(matrix(3, 3, 3))[0]
    for moved in (7 * student, student + 100, student @ rotation):
        for loss in (distance, angle):
            assert torch.allclose(loss(moved, teacher), loss(student, teacher), atol=1e-9)
            assert loss(moved, student).abs().max() < 1e-15


@pytest.mark.parametrize("name", degenerate_pairs())
@pytest.mark.parametrize("loss", [distance, angle])
def test_degenerate_features_are_finite(loss, name: str) -> None:
    assert_finite(loss, *degenerate_pairs()[name])


def test_equal_samples_have_no_distance_and_no_angle() -> None:
    student = matrix(1, 3, 4)[[0, 0, 1, 2]]
    spread = distance(student, student)
    assert spread.abs().max() == 0
    assert angle(student, student).abs().max() == 0


def test_the_method_weighs_both_parts() -> None:
    method = RKD({"beta": 0.1, "distance": 25, "angle": 50}, small_setting())
    rows = torch.tensor([3, 0, 7, 1])
    step = step_of(method, rows)
    loss, terms = method.loss(step)
    parts = relational_losses(step.features("both"), method.teacher.features["both"][rows])
    assert torch.equal(terms["rkd/distance"], 25 * parts[0])
    assert torch.equal(terms["rkd/angle"], 50 * parts[1])
    assert torch.allclose(loss, terms["task"] + 2.5 * parts[0] + 5 * parts[1])
