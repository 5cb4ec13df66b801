"""What the tests of methods share: comparison with a reference in loops, and inputs that divide by zero."""

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[..., Tensor]


def matrix(seed: int, rows: int, columns: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def assert_same_values_and_gradients(
    loss: Loss, reference: Loss, student: Tensor, teacher: Tensor, *, rtol: float = 1e-10
) -> None:
    """Both give (B,) of (student, teacher); gradients of a weighted sum of them are compared, not of their mean alone."""
    values, gradients = [], []
    for function in (loss, reference):
        leaf = student.clone().requires_grad_(True)
        outcome = function(leaf, teacher)
        assert outcome.shape == (len(student),)
        weights = torch.arange(1, len(student) + 1)
        (outcome * weights).sum().backward()
        values.append(outcome.detach().double())
        gradients.append(leaf.grad.double())
    assert torch.allclose(*values, rtol=rtol, atol=rtol)
    assert torch.allclose(*gradients, rtol=rtol, atol=rtol)
    assert gradients[0].abs().max() > 0


def degenerate_pairs(student_width: int = 3, teacher_width: int = 3) -> dict[str, tuple[Tensor, Tensor]]:
    """Pairs of float32 matrices in which lengths, distances or variances are zero, or almost."""
    student, teacher = matrix(1, 5, student_width, torch.float32), matrix(2, 5, teacher_width, torch.float32)
    twice = student.clone()
    twice[1] = twice[0]
    return {
        "one sample": (student[:1], teacher[:1]),
        "two samples": (student[:2], teacher[:2]),
        "a sample twice": (twice, teacher),
        "a sample twice for the teacher": (student, teacher[[0, 0, 2, 3, 4]]),
        "identical rows": (student[:1].expand(5, -1), teacher),
        "identical rows of both": (student[:1].expand(5, -1), teacher[:1].expand(5, -1)),
        "constant": (torch.full_like(student, 1 / 3), teacher),
        "zero": (torch.zeros_like(student), teacher),
        "zero teacher": (student, torch.zeros_like(teacher)),
        "zero both": (torch.zeros_like(student), torch.zeros_like(teacher)),
        "a row of zeros": (student * torch.tensor([0.0, 1, 1, 1, 1])[:, None], teacher),
        "the same matrix": (student, student.clone()),
        "large": (1e4 * student, 1e4 * teacher),
        "half precision": (student.half(), teacher.half()),
        "bfloat": (student.bfloat16(), teacher.bfloat16()),
    }


def assert_finite(loss: Loss, student: Tensor, teacher: Tensor, *, bound: float = 1e8) -> Tensor:
    """Values (B,) of loss(student, teacher), in single precision, whose gradients are finite and below `bound`."""
    leaf = student.detach().clone().requires_grad_(True)
    values = loss(leaf, teacher)
    values.sum().backward()
    assert values.shape == (len(student),)
    assert values.dtype == torch.float32
    assert torch.isfinite(values).all()
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()
    assert leaf.grad.abs().max() < bound
    return values.detach()
