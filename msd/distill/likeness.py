"""How alike student and teacher are: metrics of two models' logits, where the teacher's stand in the targets' place."""

import numpy as np
import torch
from torch import Tensor

from msd.data.rows import Rows, blocks
from msd.distill.losses import DATASET_TASKS, kd_divergence
from msd.measure.metric import Metric
from msd.measure.scorers import Array, FloatArray, mean_scorer
from msd.measure.values import Measured


def mean_divergence(student_logits: Rows, teacher_logits: Rows, *, dataset_task: str) -> float:
    """Mean KL(teacher ‖ student) at T = 1 in nats over N rows (C,); summed over labels where there are several."""
    parts = blocks(*student_logits.shape)
    return float(
        torch.cat([_divergences(student_logits[rows], teacher_logits[rows], dataset_task) for rows in parts]).mean()
    )


def agreement(student: Array, teacher: Array, dataset_task: str) -> FloatArray:
    """Whether student and teacher give the same answer (N,): the same class or answer; the share of labels alike.

    Both (N, C) logits. Stanton et al., "Does Knowledge Distillation Really Work?", NeurIPS 2021, call its mean
    top-1 agreement.
    """
    if student.shape != teacher.shape:
        raise ValueError(f"student: shape {student.shape} does not fit the teacher's {teacher.shape}")
    if dataset_task == "multilabel":
        return np.asarray(((student > 0) == (teacher > 0)).mean(axis=1), dtype=np.float64)
    return np.asarray(student.argmax(axis=1) == teacher.argmax(axis=1), dtype=np.float64)


def _divergences(student: Tensor, teacher: Tensor, dataset_task: str) -> Tensor:
    return kd_divergence(student, teacher, temperature=1.0, task=DATASET_TASKS[dataset_task]).double()


LIKENESS = {
    metric.name: metric
    for metric in (
        Metric(
            "kl",
            "KL",
            lambda student, teacher, task: Measured(
                mean_divergence(torch.from_numpy(student), torch.from_numpy(teacher), dataset_task=task)
            ),
            lambda student, teacher, task: mean_scorer(
                _divergences(torch.from_numpy(student), torch.from_numpy(teacher), task).numpy()
            ),
            better="lower",
        ),
        Metric.mean_of("agreement", "agreement", agreement),
    )
}
