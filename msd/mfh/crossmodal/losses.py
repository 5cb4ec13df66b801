"""Losses of samples, of their labels, and of the pixels of maps, of which some have no class."""

import torch
from torch import Tensor

from msd.distill import losses
from msd.mfh.crossmodal.samples import IGNORED, resized


def task_loss(logits: Tensor, label: Tensor) -> Tensor:
    """The mean of `msd.distill.losses.task_loss` over samples, pixels that count, or samples and labels."""
    gold = torch.where(label == IGNORED, 0, label).flatten() if label.ndim == 3 else label
    return _mean(losses.task_loss(_rows(logits, label), gold, task=_task(label)), label)


def kd_loss(student: Tensor, teacher: Tensor, label: Tensor, *, temperature: float) -> Tensor:
    """The mean of `msd.distill.losses.kd_divergence`, T² · KL(teacher ‖ student), over what `task_loss` averages."""
    z, t = _rows(student, label), _rows(teacher, label)
    return _mean(losses.kd_divergence(z, t, temperature=temperature, task=_task(label)), label)


def _rows(logits: Tensor, label: Tensor) -> Tensor:
    """Logits (B, C) of samples, or (B·H·W, C) of all pixels of maps."""
    return logits if label.ndim < 3 else resized(logits, label).movedim(1, -1).flatten(0, -2)


def _mean(values: Tensor, label: Tensor) -> Tensor:
    """The mean of values (B,) over samples and labels, or of (B·H·W,) over the pixels that have a class.

    The others are added as zeros: to take them out, the host would wait for a GPU to say how many there are.
    """
    if label.ndim < 3:
        return values.mean() / _labels(label)
    counts = label.flatten() != IGNORED
    return torch.where(counts, values, 0).sum() / counts.sum()


def _task(label: Tensor) -> losses.Task:
    return "multilabel" if label.is_floating_point() else "multiclass"


def _labels(label: Tensor) -> int:
    return label.shape[1] if label.is_floating_point() else 1
