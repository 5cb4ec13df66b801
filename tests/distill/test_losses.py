"""Losses against independent formulas, and the laws they must keep."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from msd.distill.losses import kd_divergence, task_loss
from msd.distill.methods.dist import correlation_losses
from msd.distill.methods.dkd import decoupled_losses

TASKS = ("multiclass", "multilabel")
finite = st.floats(-20, 20, width=32)
huge = st.sampled_from([-1e4, -1.0, 0.0, 1.0, 1e4])
temperatures = st.sampled_from([0.5, 1.0, 2.0, 4.0])


def matrices(
    rows: int = 3, columns: int = 4, values: st.SearchStrategy[float] = finite
) -> st.SearchStrategy[torch.Tensor]:
    return st.lists(values, min_size=rows * columns, max_size=rows * columns).map(
        lambda values: torch.tensor(values, dtype=torch.float32).reshape(rows, columns)
    )


def reference_divergence(student: torch.Tensor, teacher: torch.Tensor, temperature: float, task: str) -> list[float]:
    values = []
    for s, t in zip(student.double().tolist(), teacher.double().tolist(), strict=True):
        if task == "multiclass":
            total_t, total_s = (sum(math.exp(x / temperature) for x in z) for z in (t, s))
            p = [math.exp(x / temperature) / total_t for x in t]
            q = [math.exp(x / temperature) / total_s for x in s]
            divergence = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
        else:
            divergence = 0.0
            for a, b in zip(t, s, strict=True):
                p1, q1 = 1 / (1 + math.exp(-a / temperature)), 1 / (1 + math.exp(-b / temperature))
                divergence += p1 * math.log(p1 / q1) + (1 - p1) * math.log((1 - p1) / (1 - q1))
        values.append(temperature**2 * divergence)
    return values


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 4.0])
def test_divergence_is_the_sum_over_classes_times_temperature_squared(task: str, temperature: float) -> None:
    generator = torch.Generator().manual_seed(1)
    student, teacher = torch.randn(5, 7, generator=generator), torch.randn(5, 7, generator=generator)
    values = kd_divergence(student, teacher, temperature=temperature, task=task)
    assert values.shape == (5,)
    assert values.tolist() == pytest.approx(reference_divergence(student, teacher, temperature, task), rel=1e-4)


@settings(max_examples=50, deadline=None)
@given(student=matrices(), teacher=matrices(), shift=finite)
def test_multiclass_divergence_ignores_a_constant_per_row(student, teacher, shift) -> None:
    plain = kd_divergence(student, teacher, temperature=2, task="multiclass")
    shifted = kd_divergence(student + shift, teacher - shift, temperature=2, task="multiclass")
    assert torch.allclose(plain, shifted, atol=1e-3, rtol=1e-3)
    assert kd_divergence(teacher + shift, teacher, temperature=2, task="multiclass").abs().max() < 1e-3


@settings(max_examples=50, deadline=None)
@given(student=matrices(), teacher=matrices())
def test_multilabel_divergence_is_that_of_a_two_class_softmax(student, teacher) -> None:
    pairs = [torch.stack((z, torch.zeros_like(z)), -1).reshape(-1, 2) for z in (student, teacher)]
    two_class = kd_divergence(*pairs, temperature=2, task="multiclass").reshape(student.shape).sum(1)
    assert torch.allclose(
        kd_divergence(student, teacher, temperature=2, task="multilabel"), two_class, atol=1e-3, rtol=1e-3
    )


@settings(max_examples=50, deadline=None)
@given(student=matrices(), teacher=matrices(), temperature=temperatures)
def test_divergence_is_zero_only_where_predictions_agree(student, teacher, temperature) -> None:
    for task in TASKS:
        values = kd_divergence(student, teacher, temperature=temperature, task=task).double()
        squash = (lambda z: z.softmax(1)) if task == "multiclass" else torch.sigmoid
        gap = (squash(student.double() / temperature) - squash(teacher.double() / temperature)).abs()
        total_variation = gap.sum(1) / 2 if task == "multiclass" else gap.square().sum(1).sqrt()
        # Pinsker: KL ≥ 2·TV², of two classes and of many; so a value of 0 leaves no room for a difference.
        assert (values >= temperature**2 * 2 * total_variation.square() - 1e-4).all()
        assert kd_divergence(teacher, teacher, temperature=temperature, task=task).tolist() == [0.0] * 3


@settings(max_examples=50, deadline=None)
@given(logits=matrices(), shift=finite)
def test_cross_entropy_ignores_a_constant_per_row_and_labels_are_two_class_problems(logits, shift) -> None:
    classes = torch.tensor([3, 0, 1])
    plain = task_loss(logits, classes, task="multiclass")
    assert torch.allclose(plain, task_loss(logits + shift, classes, task="multiclass"), atol=1e-3, rtol=1e-3)
    scores = torch.arange(12).reshape(3, 4) / 11
    pairs = torch.stack((logits, torch.zeros_like(logits)), -1).reshape(-1, 2)
    two_class = task_loss(pairs, torch.stack((scores, 1 - scores), -1).reshape(-1, 2), task="multiclass")
    assert torch.allclose(task_loss(logits, scores, task="multilabel"), two_class.reshape(3, 4).sum(1), atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(student=matrices(values=huge), teacher=matrices(values=huge), temperature=temperatures)
def test_losses_stay_finite_for_any_huge_logits_in_any_precision(student, teacher, temperature) -> None:
    scores = torch.eye(4)[:3]
    for task in TASKS:
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            leaf = student.clone().to(dtype).requires_grad_(True)
            values = kd_divergence(leaf, teacher.to(dtype), temperature=temperature, task=task)
            values = values + task_loss(leaf, scores, task=task)
            values.sum().backward()
            assert values.dtype == torch.float32
            assert torch.isfinite(values).all()
            assert torch.isfinite(leaf.grad).all()


@settings(max_examples=25, deadline=None)
@given(student=matrices(), teacher=matrices(), temperature=temperatures)
def test_the_mean_over_samples_is_the_batch_value_and_a_sample_does_not_see_the_others(
    student, teacher, temperature
) -> None:
    classes, scores = torch.tensor([3, 0, 1]), torch.eye(4)[:3]
    for task in TASKS:
        values = kd_divergence(student, teacher, temperature=temperature, task=task)
        alone = [
            kd_divergence(*pair, temperature=temperature, task=task)
            for pair in zip(student.split(1), teacher.split(1), strict=True)
        ]
        assert torch.allclose(values, torch.cat(alone), rtol=1e-6, atol=1e-6)
    log_q, p = (student / temperature).log_softmax(1), (teacher / temperature).softmax(1)
    batch = temperature**2 * F.kl_div(log_q, p, reduction="batchmean")
    values = kd_divergence(student, teacher, temperature=temperature, task="multiclass")
    assert torch.allclose(values.mean(), batch, rtol=1e-3, atol=1e-3)
    assert torch.allclose(task_loss(student, classes, task="multiclass").mean(), F.cross_entropy(student, classes))
    expected = 4 * F.binary_cross_entropy_with_logits(student, scores)
    assert torch.allclose(task_loss(student, scores, task="multilabel").mean(), expected, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(student=matrices(), teacher=matrices(), direction=matrices(values=st.floats(-1, 1, width=32)))
def test_gradients_are_finite_differences_of_the_reference(student, teacher, direction) -> None:
    step, scores = 1e-4, torch.eye(4)[:3]
    for task in TASKS:
        leaf = student.clone().requires_grad_(True)
        kd_divergence(leaf, teacher, temperature=2.0, task=task).sum().backward()
        ahead, behind = (student.double() + sign * step * direction.double() for sign in (1, -1))
        references = [sum(reference_divergence(logits, teacher, 2.0, task)) for logits in (ahead, behind)]
        slope = (references[0] - references[1]) / (2 * step)
        assert (leaf.grad.double() * direction.double()).sum().item() == pytest.approx(slope, rel=1e-3, abs=1e-3)
        leaf = student.double().requires_grad_(True)
        task_loss(leaf, scores, task=task).sum().backward()
        expected = leaf.softmax(1) - scores if task == "multiclass" else leaf.sigmoid() - scores
        assert torch.allclose(leaf.grad, expected.double(), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(student=matrices(values=st.floats(-3, 3, width=32)), teacher=matrices(values=st.floats(-3, 3, width=32)))
def test_towards_high_temperature_the_limit_comes_nearer_in_proportion(student, teacher) -> None:
    difference = (student - teacher).double()
    centred = difference - difference.mean(1, keepdim=True)
    limits = {"multiclass": centred.square().sum(1) / (2 * 4), "multilabel": difference.square().sum(1) / 8}
    for task, limit in limits.items():
        for temperature in (30, 300, 3000):
            value = kd_divergence(student.double(), teacher.double(), temperature=temperature, task=task)
            assert ((value - limit).abs() <= 30 / temperature).all()


def test_task_loss_is_cross_entropy_or_binary_cross_entropy_summed_over_labels() -> None:
    logits = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])
    classes = torch.tensor([2, 1])
    log_p = logits.double().log_softmax(1)
    for targets in (classes, torch.eye(3)[classes]):
        values = task_loss(logits, targets, task="multiclass").tolist()
        assert values == pytest.approx([-log_p[0, 2].item(), -log_p[1, 1].item()], rel=1e-5)
    scores = torch.tensor([[1.0, 0.0, 0.3], [0.0, 0.9, 0.0]])
    expected = [
        sum(
            -y * math.log(1 / (1 + math.exp(-z))) - (1 - y) * math.log(1 - 1 / (1 + math.exp(-z)))
            for z, y in zip(row, gold, strict=True)
        )
        for row, gold in zip(logits.tolist(), scores.tolist(), strict=True)
    ]
    assert task_loss(logits, scores, task="multilabel").tolist() == pytest.approx(expected, rel=1e-5)


GOOD = torch.zeros(2, 3)


@pytest.mark.parametrize("loss", [kd_divergence, correlation_losses, partial(decoupled_losses, targets=torch.zeros(2))])
@pytest.mark.parametrize(
    ("student", "teacher", "changes", "name"),
    [
        (GOOD, GOOD, {"temperature": 0}, "temperature"),
        (GOOD, GOOD, {"temperature": -1}, "temperature"),
        (GOOD, GOOD, {"temperature": math.nan}, "temperature"),
        (GOOD, torch.zeros(2, 4), {}, "teacher_logits"),
        (GOOD[0], GOOD, {}, "student_logits"),
        (GOOD * math.nan, GOOD, {}, "student_logits"),
        (GOOD, GOOD + math.inf, {"task": "multilabel"}, "teacher_logits"),
        (GOOD, GOOD, {"task": "ranking"}, "task"),
    ],
)
def test_bad_predictions_are_named(loss, student, teacher, changes: dict, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        loss(student, teacher, **{"temperature": 1, "task": "multiclass", **changes})


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        (torch.tensor([0, 3]), "multiclass"),
        (torch.tensor([0, 1, 2]), "multiclass"),
        (GOOD + 2, "multilabel"),
        (torch.tensor([0, 1]), "multilabel"),
    ],
)
def test_bad_targets_are_named(targets: torch.Tensor, task: str) -> None:
    with pytest.raises(ValueError, match=r"^targets"):
        task_loss(GOOD, targets, task=task)
