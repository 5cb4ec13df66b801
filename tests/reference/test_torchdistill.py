"""Our losses against torchdistill's (Matsubara 2021, 2023), where the two agree, and their relation where not.

torchdistill 1.1.5 has no DKD and another scaling of SP; its FitNet is PyTorch's mean squared error under another name.
"""

import pytest
import torch
from torch import Tensor
from torchdistill.losses.mid_level import CRDLoss, DISTLoss, KDLoss, RKDLoss, SPKDLoss
from torchdistill.losses.registry import get_low_level_loss

from msd.distill.geometry import unit
from msd.distill.losses import kd_divergence, task_loss
from msd.distill.methods.crd import CRD, Bank
from msd.distill.methods.dist import correlation_losses
from msd.distill.methods.dkd import decoupled_losses
from msd.distill.methods.fitnet import hint_loss
from msd.distill.methods.rkd import relational_losses
from msd.distill.methods.sp import similarity_loss

TARGETS = torch.tensor([2, 0, 1, 2, 4, 3])
LOGITS = {
    "student_module_path": "m",
    "student_module_io": "output",
    "teacher_module_path": "m",
    "teacher_module_io": "output",
}
FEATURES = {"student_output_path": "m", "teacher_output_path": "m"}


def matrix(seed: int, columns: int) -> Tensor:
    return torch.randn(len(TARGETS), columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def theirs(loss: torch.nn.Module, student: Tensor, teacher: Tensor, *targets: Tensor) -> Tensor:
    value: Tensor = loss({"m": {"output": student}}, {"m": {"output": teacher}}, *targets)
    return value


def assert_equal(ours: Tensor, other: Tensor, leaf: Tensor, *, rtol: float = 1e-9) -> None:
    """Values, and gradients of `leaf`."""
    gradients = [torch.autograd.grad(value, leaf, retain_graph=True)[0].double() for value in (ours, other)]
    assert torch.allclose(ours.double(), other.double(), rtol=rtol, atol=rtol)
    assert torch.allclose(*gradients, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_kd_mixed_with_the_task_is_the_same_with_alpha_for_what_lambda_leaves(share: float, temperature: float) -> None:
    student, teacher = (2 * matrix(1, 5)).requires_grad_(), 2 * matrix(2, 5)
    kd = kd_divergence(student, teacher, temperature=temperature, task="multiclass")
    ours = (1 - share) * task_loss(student, TARGETS, task="multiclass") + share * kd
    loss = KDLoss(**LOGITS, temperature=temperature, alpha=1 - share)
    assert_equal(ours.mean(), theirs(loss, student, teacher, TARGETS), student, rtol=1e-5)


@pytest.mark.parametrize("targets", [(TARGETS,), ()])
def test_kd_without_the_task_lacks_their_squared_temperature(targets: tuple[Tensor, ...]) -> None:
    student, teacher = (2 * matrix(1, 5)).requires_grad_(), 2 * matrix(2, 5)
    ours = kd_divergence(student, teacher, temperature=4.0, task="multiclass").mean()
    loss = KDLoss(**LOGITS, temperature=4.0, alpha=0)
    assert_equal(ours, 4.0**2 * theirs(loss, student, teacher, *targets), student, rtol=1e-5)


def test_dkd_with_the_teachers_doubt_as_beta_is_their_kd() -> None:
    student, teacher = (2 * matrix(1, 5)).requires_grad_(), 2 * matrix(2, 5)
    target, rest = decoupled_losses(student, teacher, TARGETS, temperature=2.0, task="multiclass")
    doubt = 1 - (teacher / 2).softmax(1)[range(len(TARGETS)), TARGETS]
    loss = KDLoss(**LOGITS, temperature=2.0, alpha=0)
    assert_equal((target + doubt * rest).mean(), 4 * theirs(loss, student, teacher), student, rtol=1e-5)


def test_hint_loss_is_their_mean_squared_error() -> None:
    student, teacher = matrix(1, 4).requires_grad_(), matrix(2, 4)
    assert_equal(hint_loss(student, teacher).mean(), get_low_level_loss("MSELoss")(student, teacher), student)


@pytest.mark.parametrize(("part", "factors"), [(0, (25, 0)), (1, (0, 50))])
def test_rkd(part: int, factors: tuple[float, float]) -> None:
    student, teacher = matrix(1, 4).requires_grad_(), matrix(2, 7)
    loss = RKDLoss(**FEATURES, dist_factor=factors[0], angle_factor=factors[1], reduction="mean")
    ours = max(factors) * relational_losses(student, teacher)[part].mean()
    assert_equal(ours, theirs(loss, student, teacher), student)


def test_sp_has_rows_of_euclidean_length_one_where_theirs_have_absolute_sum_one() -> None:
    """The paper has the former. Where all entries of a row are ±1 its sum is √B times its length, so B times the value."""
    student, teacher = matrix(1, 1).sign(), matrix(2, 1).sign()
    loss = SPKDLoss(**FEATURES, reduction="batchmean")
    ours = similarity_loss(student, teacher).mean()
    assert ours > 0
    assert torch.allclose(ours, len(TARGETS) * theirs(loss, student, teacher))
    student, teacher = matrix(1, 4), matrix(2, 7)
    assert not torch.allclose(similarity_loss(student, teacher).mean(), theirs(loss, student, teacher), rtol=0.5)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize(("beta", "gamma"), [(1, 0), (0, 1), (2, 3)])
def test_dist(temperature: float, beta: float, gamma: float) -> None:
    student, teacher = (2 * matrix(1, 5)).requires_grad_(), 2 * matrix(2, 5)
    inter, intra = correlation_losses(student, teacher, temperature=temperature, task="multiclass")
    loss = DISTLoss(**LOGITS, beta=beta, gamma=gamma, tau=temperature)
    assert_equal((beta * inter + gamma * intra).mean(), theirs(loss, student, teacher), student, rtol=1e-7)


def test_crd_from_the_same_banks_and_candidates_over_two_steps() -> None:
    samples, width, negatives = 20, 4, 7
    generator = torch.Generator().manual_seed(0)
    options = CRD.Options.model_construct(width=width, contrast_temperature=0.07, momentum=0.5)
    students, teachers = (Bank(options, samples=samples, generator=generator) for _ in range(2))
    paths = {f"{network}_norm_module_path": "embedded" for network in ("student", "teacher")}
    loss = CRDLoss(
        **paths,
        student_empty_module_path="rows",
        input_size=width,
        output_size=samples,
        num_negative_samples=negatives,
        num_samples=samples,
    )
    loss.memory_v1, loss.memory_v2 = students.rows.clone(), teachers.rows.clone()
    for seed in (1, 3):
        student, teacher = (unit(matrix(seed + number, width).float()).requires_grad_() for number in (0, 1))
        rows = torch.randperm(samples, generator=generator)[: len(TARGETS)]
        drawn = torch.randint(samples, (len(rows), negatives), generator=generator)
        candidates = torch.cat((rows[:, None], drawn), dim=1)
        ours = (teachers.contrast(student, candidates) + students.contrast(teacher, candidates)).mean()
        io = {"rows": {"input": {"pos_idx": rows, "contrast_idx": candidates}}}
        other = loss({"embedded": {"output": student}, **io}, {"embedded": {"output": teacher}}).squeeze()
        for leaf in (student, teacher):
            assert_equal(ours, other, leaf, rtol=1e-4)
        students.update(rows, student)
        teachers.update(rows, teacher)
        assert torch.allclose(students.rows, loss.memory_v1, atol=1e-6)
        assert torch.allclose(teachers.rows, loss.memory_v2, atol=1e-6)
