"""Distances of features against loops, their laws, and the methods that add them to the task and to MSD's terms."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from by_loops import assert_finite, assert_same_values_and_gradients, degenerate_pairs, matrix
from small_study import new_setting, new_step
from torch import Tensor

from msd.config.files import MethodConfig
from msd.distill.losses import kd_divergence, task_loss
from msd.distill.method import method_class
from msd.distill.methods.fitnet import hint_loss
from msd.distill.methods.rkd import relational_losses
from msd.distill.methods.sp import similarity_loss

NAMES = ("fitnet", "rkd", "sp", "crd")
ROWS = torch.tensor([3, 0, 7, 1])


def hints_by_loops(projected: Tensor, teacher: Tensor) -> Tensor:
    rows, width = teacher.shape
    return torch.stack([sum((projected[i, h] - teacher[i, h]) ** 2 for h in range(width)) / width for i in range(rows)])


def gram_by_loops(features: Tensor) -> list[list[Tensor]]:
    rows = range(len(features))
    gram = [[sum(a * b for a, b in zip(features[i], features[j], strict=True)) for j in rows] for i in rows]
    return [[value / sum(other**2 for other in row) ** 0.5 for value in row] for row in gram]


def similarities_by_loops(student: Tensor, teacher: Tensor) -> Tensor:
    s, t, rows = gram_by_loops(student), gram_by_loops(teacher), range(len(student))
    return torch.stack([sum((s[i][j] - t[i][j]) ** 2 for j in rows) / len(rows) for i in rows])


def distance(student: Tensor, teacher: Tensor) -> Tensor:
    return relational_losses(student, teacher)[0]


def angle(student: Tensor, teacher: Tensor) -> Tensor:
    return relational_losses(student, teacher)[1]


def huber(difference: Tensor) -> Tensor:
    size = abs(difference)
    return size**2 / 2 if size <= 1 else size - 0.5


def length(vector: Tensor) -> Tensor:
    return sum(component**2 for component in vector) ** 0.5


def relative_by_loops(features: Tensor) -> list[list[Tensor]]:
    rows = range(len(features))
    plain = [[length(features[i] - features[j]) if i != j else torch.tensor(0.0) for j in rows] for i in rows]
    mean = sum(plain[i][j] for i in rows for j in rows if i != j) / (len(rows) * (len(rows) - 1))
    return [[plain[i][j] / mean for j in rows] for i in rows]


def distance_by_loops(student: Tensor, teacher: Tensor) -> Tensor:
    s, t, rows = relative_by_loops(student), relative_by_loops(teacher), range(len(student))
    return torch.stack([sum(huber(s[i][j] - t[i][j]) for j in rows) / len(rows) for i in rows])


def cosine(features: Tensor, i: int, j: int, k: int) -> Tensor | float:
    """At j, between the sides to i and to k."""
    if j in (i, k):
        return 0.0
    to_i, to_k = features[i] - features[j], features[k] - features[j]
    return sum(a * b for a, b in zip(to_i, to_k, strict=True)) / (length(to_i) * length(to_k))


def angle_by_loops(student: Tensor, teacher: Tensor) -> Tensor:
    rows = range(len(student))
    gaps = [[cosine(student, i, j, k) - cosine(teacher, i, j, k) for i in rows for k in rows] for j in rows]
    return torch.stack([sum(huber(torch.as_tensor(gap)) for gap in of_j) / len(rows) ** 2 for of_j in gaps])


LOSSES = {
    "fitnet": (hint_loss, hints_by_loops),
    "sp": (similarity_loss, similarities_by_loops),
    "rkd/distance": (distance, distance_by_loops),
    "rkd/angle": (angle, angle_by_loops),
}


@pytest.mark.parametrize("rows", [3, 5])
@pytest.mark.parametrize("name", LOSSES)
def test_values_and_gradients_are_those_of_the_formula(name: str, rows: int) -> None:
    loss, reference = LOSSES[name]
    student, teacher = 3 * matrix(1, rows, 3), matrix(2, rows, 3 if name == "fitnet" else 6)
    assert_same_values_and_gradients(loss, reference, student, teacher)
    assert torch.autograd.gradcheck(lambda leaf: loss(leaf, teacher), student.requires_grad_())


@pytest.mark.parametrize("pair", degenerate_pairs())
@pytest.mark.parametrize("name", LOSSES)
def test_degenerate_features_are_finite(name: str, pair: str) -> None:
    values = assert_finite(LOSSES[name][0], *degenerate_pairs()[pair])
    if name == "sp":
        assert (values <= 4 / len(values) + 1e-6).all()


@pytest.mark.parametrize("name", ["sp", "rkd/distance", "rkd/angle"])
def test_scale_rotation_and_for_rkd_a_shift_of_the_student_change_nothing(name: str) -> None:
    loss, _ = LOSSES[name]
    student, teacher = matrix(1, 6, 3), matrix(2, 6, 4)
    moves = [7 * student, student @ torch.linalg.qr(matrix(3, 3, 3))[0], *([student + 100] if name != "sp" else [])]
    for moved in moves:
        assert torch.allclose(loss(moved, teacher), loss(student, teacher), atol=1e-9)
        assert loss(moved, student).abs().max() < 1e-15


@pytest.mark.parametrize(
    ("student", "teacher", "named"),
    [
        (matrix(1, 4, 5), matrix(2, 4, 6), "teacher"),
        (matrix(1, 4, 5), matrix(2, 1, 5), "teacher"),
        (matrix(1, 4, 5)[0], matrix(2, 4, 5), "student"),
    ],
)
def test_bad_shapes_are_named(student: Tensor, teacher: Tensor, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        hint_loss(student, teacher)


def test_the_mean_of_sp_is_the_squared_frobenius_norm_over_the_squared_size() -> None:
    student, teacher = matrix(1, 5, 3), matrix(2, 5, 6)
    gap = torch.tensor(gram_by_loops(student)) - torch.tensor(gram_by_loops(teacher))
    expected = torch.linalg.matrix_norm(gap).item() ** 2 / 25
    assert similarity_loss(student, teacher).mean().item() == pytest.approx(expected)


def test_similarities_are_in_single_precision_whatever_the_model_computes_in() -> None:
    student = matrix(3, 8, 5).float()
    teacher = student + 1e-3 * matrix(4, 8, 5).float()
    exact = similarity_loss(student, teacher)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(similarity_loss(student, teacher), exact)


def test_two_samples_have_one_distance_which_is_its_own_mean_and_no_angle() -> None:
    for loss in (distance, angle):
        assert loss(matrix(1, 2, 3), matrix(2, 2, 6)).abs().max() < 1e-12


def test_both_branches_of_huber_are_met() -> None:
    student = torch.tensor([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [9.0, 0.0]], dtype=torch.float64)
    teacher = torch.tensor([[9.0, 0.0], [0.0, 0.1], [0.1, 0.0], [0.0, 0.0]], dtype=torch.float64)
    gaps = (torch.tensor(relative_by_loops(student)) - torch.tensor(relative_by_loops(teacher))).abs()
    assert gaps.min() < 1 < gaps.max()
    for name in ("rkd/distance", "rkd/angle"):
        assert_same_values_and_gradients(*LOSSES[name], student, teacher)


def test_equal_samples_have_no_distance_and_no_angle() -> None:
    student = matrix(1, 3, 4)[[0, 0, 1, 2]]
    for loss in (distance, angle):
        assert loss(student, student).abs().max() == 0


@pytest.mark.parametrize(
    ("name", "options", "weights"),
    [
        ("fitnet", {"beta": 10}, {"fitnet": 1}),
        ("sp", {"beta": 300}, {"sp": 1}),
        ("rkd", {"beta": 0.1, "distance": 25, "angle": 50}, {"rkd/distance": 25, "rkd/angle": 50}),
    ],
)
def test_a_method_adds_its_weighted_parts_to_the_task(name: str, options: dict, weights: dict) -> None:
    method = method_class(name)(options, new_setting())
    step = new_step(method, ROWS)
    loss, terms = method.loss(step)
    student, teacher = step.features("both"), method.teacher.features["both"][ROWS]
    if name == "fitnet":
        student = student @ method.projection.weight.T + method.projection.bias
    expected = task_loss(step.logits("both"), step.targets, task="multiclass")
    for part, weight in weights.items():
        assert torch.allclose(terms[part], weight * LOSSES[part][0](student, teacher))
        expected = expected + options["beta"] * terms[part]
    assert torch.allclose(loss, expected)
    assert set(terms) == {"task", *weights}
    loss.mean().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in method.parameters())


def file_of(name: str) -> dict[str, Any]:
    return yaml.safe_load(Path(f"config/methods/{name}.yaml").read_text())


def options_of(name: str) -> dict[str, Any]:
    return MethodConfig.model_validate(file_of(name)).points[0][1]


@pytest.mark.parametrize("name", NAMES)
def test_the_file_adds_what_msd_has_and_changes_nothing(name: str) -> None:
    plain, with_msd, msd = file_of(name), file_of(f"{name}+msd"), file_of("msd-instance")
    assert with_msd["implementation"] == plain["implementation"]
    assert with_msd["parameters"].keys() == plain["parameters"].keys() | msd["parameters"].keys()
    assert {key: with_msd["parameters"][key] for key in plain["parameters"]} == plain["parameters"]
    for key in ("weighting", "strength"):
        assert with_msd["parameters"][key] == msd["parameters"][key]
    for key in ("lambda", "temperature"):
        assert with_msd["parameters"][key] in msd["parameters"][key]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("name", NAMES)
def test_with_msd_the_loss_is_the_plain_one_plus_the_weighted_divergences(name: str, task: str) -> None:
    outcomes = []
    for options in (options_of(name), {**options_of(f"{name}+msd"), "lambda": 0.7, "strength": 2}):
        torch.manual_seed(5)
        method = method_class(name)(options, new_setting(task=task))
        step = new_step(method, ROWS)
        outcomes.append(method.loss(step))
    (expected, plain_terms), (loss, terms) = outcomes
    saliency = {modality: values[ROWS] for modality, values in method.teacher.saliency.items()}
    for modality in ("image", "text"):
        share = saliency[modality] / (saliency["image"] + saliency["text"])
        teacher = method.teacher.logits[modality][ROWS]
        divergence = kd_divergence(step.logits(modality), teacher, temperature=2, task=task)
        expected = expected + 0.7 * 2 * share * divergence
        assert torch.equal(terms[f"kd/{modality}"], divergence)
        assert torch.allclose(terms[f"weight/{modality}"], 2 * share)
    assert torch.allclose(loss, expected)
    assert plain_terms.keys() < terms.keys()
    for term, values in plain_terms.items():
        assert torch.equal(values, terms[term])


@pytest.mark.parametrize("name", NAMES)
def test_what_is_trained_beside_the_student_is_the_methods_own(name: str) -> None:
    method = method_class(name)(options_of(name), new_setting())
    owned = {parameter.split(".")[0] for parameter, _ in method.named_parameters()}
    assert owned == {"fitnet": {"projection"}, "crd": {"embed_student", "embed_teacher"}}.get(name, set())
