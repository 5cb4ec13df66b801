"""Task loss and distillation divergence, one value per sample."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

Task = Literal["multiclass", "multilabel"]
DATASET_TASKS: dict[str, Task] = {
    "binary": "multiclass",
    "multiclass": "multiclass",
    "multilabel": "multilabel",
    "vqa": "multilabel",
}
"""Task of a dataset -> the kind of loss that it is trained with."""
_checks_values: ContextVar[bool] = ContextVar("_checks_values", default=True)


@contextmanager
def unchecked() -> Iterator[None]:
    """In which no function of this module reads values to check them: on a GPU each look would wait for it.

    A training checks its values by itself, those of many steps at once. Shapes and types are checked as ever.
    """
    token = _checks_values.set(False)
    try:
        yield
    finally:
        _checks_values.reset(token)


def task_loss(logits: Tensor, targets: Tensor, *, task: Task) -> Tensor:
    """Loss against the gold labels, per sample: cross-entropy, or binary cross-entropy *summed* over labels.

    multiclass: −Σ_c y_c log softmax(z)_c with y one-hot (or a distribution);
    multilabel: Σ_c BCE(σ(z_c), y_c) with y in [0, 1] (hard labels of MM-IMDB, soft answers of VQA).

    logits: (B, C) float. targets: (B,) class indices (multiclass only) or (B, C) scores in [0, 1].
    Returns (B,) float32 (float64 for float64 logits), in nats. Raises ValueError, whose message names the argument, for
    a wrong shape, a value that is not finite or an unknown task.

    The sum over labels is that of MMF's `logit_bce` (mean over labels times their number).
    """
    _check_logits(logits, "logits")
    _check_task(task)
    logits = full_precision(logits)
    if targets.ndim == 1 and task == "multiclass":
        check_classes(targets, logits)
        return F.cross_entropy(logits, targets.long(), reduction="none")
    if targets.shape != logits.shape:
        raise ValueError(f"targets: shape {tuple(targets.shape)} does not fit logits {tuple(logits.shape)}")
    targets = targets.to(logits.dtype)
    if _checks_values.get() and not bool(((targets >= 0) & (targets <= 1)).all()):
        raise ValueError("targets: scores must lie in [0, 1]")
    if task == "multiclass":
        return -(targets * logits.log_softmax(-1)).sum(-1)
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(-1)


def kd_divergence(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float, task: Task) -> Tensor:
    """T² · KL(teacher ‖ student) per sample, *summed* over classes or labels; no mean over C, the T² included.

    multiclass: T² Σ_c p_c (log p_c − log q_c), p = softmax(z_T/T), q = softmax(z_S/T);
    multilabel: T² Σ_c KL(Bernoulli(σ(z_T/T)) ‖ Bernoulli(σ(z_S/T))), the two-class softmax on (z, 0).

    student_logits, teacher_logits: (B, C) float; the teacher's are constants only if they are detached. temperature:
    T > 0, dimensionless. Returns (B,) float32 (float64 for float64 logits), in nats times T², never below zero but for
    rounding. Raises ValueError as `task_loss` does, and for T ≤ 0.

    Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", NIPS workshop 2015.
    Differs from `F.kl_div(reduction="mean")`, which divides by C, and from TextBrewer and TinyBERT, which
    keep the teacher's entropy in the value and leave the T² out.
    """
    check_predictions(student_logits, teacher_logits, temperature=temperature, task=task)
    student, teacher = (full_precision(logits) / temperature for logits in (student_logits, teacher_logits))
    if task == "multiclass":
        log_p, log_q = teacher.log_softmax(-1), student.log_softmax(-1)
        divergence = (log_p.exp() * (log_p - log_q)).sum(-1)
    else:
        positive = F.logsigmoid(teacher) - F.logsigmoid(student)
        negative = F.logsigmoid(-teacher) - F.logsigmoid(-student)
        divergence = (teacher.sigmoid() * positive + (-teacher).sigmoid() * negative).sum(-1)
    return temperature**2 * divergence


def check_predictions(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float, task: str) -> None:
    """ValueError that names the argument unless these are two finite (B, C) logits, a temperature and a task."""
    _check_logits(student_logits, "student_logits")
    _check_logits(teacher_logits, "teacher_logits")
    _check_task(task)
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"teacher_logits: shape {tuple(teacher_logits.shape)} differs from student_logits "
            f"{tuple(student_logits.shape)}"
        )
    if not 0 < temperature < float("inf"):
        raise ValueError(f"temperature: must be a finite number above 0, not {temperature}")


def check_classes(targets: Tensor, logits: Tensor) -> None:
    """ValueError unless `targets` (B,) are indices of the classes of `logits` (B, C)."""
    if targets.shape != logits.shape[:1]:
        shape = tuple(targets.shape)
        raise ValueError(f"targets: expected class indices ({len(logits)},), one for each row of logits, got {shape}")
    if targets.is_floating_point():
        raise ValueError("targets: class indices must be integers")
    if _checks_values.get() and len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < logits.shape[1]:
        raise ValueError(f"targets: class indices must lie in [0, {logits.shape[1]})")


def full_precision(values: Tensor) -> Tensor:
    """Half precision as float32; float32 and float64 as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def full_product(left: Tensor, right: Tensor) -> Tensor:
    """left @ right in float32 at least, where autocast would round both to half precision too."""
    with torch.autocast(left.device.type, enabled=False):
        return full_precision(left) @ full_precision(right)


def _check_logits(logits: Tensor, name: str) -> None:
    if logits.ndim != 2 or not logits.is_floating_point():
        raise ValueError(f"{name}: expected a float tensor (B, C), got {logits.dtype} of shape {tuple(logits.shape)}")
    if _checks_values.get() and not bool(torch.isfinite(logits).all()):
        raise ValueError(f"{name}: holds values that are not finite")


def _check_task(task: str) -> None:
    if task not in get_args(Task):
        raise ValueError(f"task: must be 'multiclass' or 'multilabel', not {task!r}")
