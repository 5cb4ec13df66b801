"""DKD's two parts against loops, and how they add up to KD."""

import pytest
import torch
from by_loops import assert_finite, assert_same_values_and_gradients, matrix
from hypothesis import given, settings
from hypothesis import strategies as st
from small_study import loss_of, new_setting

from msd.distill.losses import kd_divergence
from msd.distill.methods.dkd import decoupled_losses

TARGETS = torch.tensor([2, 0, 1, 2])


def parts(student, teacher, targets=TARGETS, *, temperature=2.0, task="multiclass"):
    return decoupled_losses(student, teacher, targets, temperature=temperature, task=task)


def divergence(p: list[torch.Tensor], q: list[torch.Tensor]) -> torch.Tensor:
    return sum(a * (a.log() - b.log()) for a, b in zip(p, q, strict=True))


def softmax(logits: torch.Tensor, temperature: float) -> list[torch.Tensor]:
    powers = [(z / temperature).exp() for z in logits]
    return [power / sum(powers) for power in powers]


def by_loops(student: torch.Tensor, teacher: torch.Tensor, part: int, temperature: float = 2.0) -> torch.Tensor:
    values = []
    for z_s, z_t, y in zip(student, teacher, TARGETS.tolist(), strict=True):
        p, q = softmax(z_t, temperature), softmax(z_s, temperature)
        if part == 0:
            value = divergence([p[y], 1 - p[y]], [q[y], 1 - q[y]])
        else:
            others = [c for c in range(len(p)) if c != y]
            value = divergence([p[c] / (1 - p[y]) for c in others], [q[c] / (1 - q[y]) for c in others])
        values.append(temperature**2 * value)
    return torch.stack(values)


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_values_and_gradients_are_those_of_the_formula(part: int, temperature: float) -> None:
    assert_same_values_and_gradients(
        lambda s, t: parts(s, t, temperature=temperature)[part],
        lambda s, t: by_loops(s, t, part, temperature),
        2 * matrix(1, 4, 5),
        2 * matrix(2, 4, 5),
        rtol=1e-10,
    )


logits = st.lists(st.floats(-10, 10, width=32), min_size=16, max_size=16).map(
    lambda values: torch.tensor(values, dtype=torch.float32).reshape(4, 4)
)


@settings(max_examples=50, deadline=None)
@given(student=logits, teacher=logits)
def test_kd_is_the_target_part_plus_the_rest_by_the_teachers_doubt(student, teacher) -> None:
    target, rest = parts(student, teacher)
    doubt = 1 - (teacher / 2).softmax(1)[torch.arange(4), TARGETS]
    whole = kd_divergence(student, teacher, temperature=2, task="multiclass")
    assert torch.allclose(target + doubt * rest, whole, rtol=1e-3, atol=1e-3)


def test_two_classes_and_labels_leave_no_rest() -> None:
    student, teacher = matrix(1, 4, 2).float(), matrix(2, 4, 2).float()
    target, rest = parts(student, teacher, torch.tensor([1, 0, 1, 1]))
    assert rest.tolist() == [0.0] * 4
    assert torch.allclose(
        target, kd_divergence(student, teacher, temperature=2, task="multiclass"), rtol=1e-4, atol=1e-6
    )
    scores = torch.randint(0, 2, (4, 2), generator=torch.Generator().manual_seed(0)).float()
    target, rest = parts(student, teacher, scores, task="multilabel")
    assert rest.tolist() == [0.0] * 4
    assert torch.equal(target, kd_divergence(student, teacher, temperature=2, task="multilabel"))


def test_a_label_is_a_problem_of_two_classes_whichever_is_the_target() -> None:
    student, teacher = matrix(1, 4, 1).float(), matrix(2, 4, 1).float()
    label, _ = parts(student, teacher, torch.zeros(4, 1), task="multilabel")
    pair_s, pair_t = (torch.cat((z, torch.zeros_like(z)), 1) for z in (student, teacher))
    for target in (0, 1):
        both, rest = parts(pair_s, pair_t, torch.full((4,), target))
        assert torch.allclose(label, both, rtol=1e-4, atol=1e-6)
        assert rest.tolist() == [0.0] * 4


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_huge_equal_and_half_precision_logits_are_finite(part: int, dtype: torch.dtype) -> None:
    huge = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0], [0.0, 0.0, 0.0], [1e4, 1e4, 1e4]], dtype=dtype)
    for student, teacher in ((huge, -huge), (huge, huge), (torch.zeros_like(huge), huge)):
        assert_finite(lambda s, t: parts(s, t)[part], student, teacher)
    assert_finite(lambda s, t: parts(s, t, TARGETS[:1])[part], huge[:1], -huge[:1])


@pytest.mark.parametrize("targets", [torch.zeros(4, 5), torch.tensor([0, 1, 2, 5]), torch.zeros(4)])
def test_bad_targets_are_named(targets) -> None:
    with pytest.raises(ValueError, match="targets"):
        parts(matrix(1, 4, 5), matrix(2, 4, 5), targets)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_the_method_mixes_the_parts_with_the_task(task: str) -> None:
    options = {"lambda": 0.7, "temperature": 2, "alpha": 1.5, "beta": 3}
    loss, terms = loss_of("dkd", options, new_setting(task=task))
    assert torch.allclose(loss, 0.3 * terms["task"] + 0.7 * (1.5 * terms["dkd/target"] + 3 * terms["dkd/rest"]))
    assert (terms["dkd/rest"].abs().max() == 0) == (task == "multilabel")
