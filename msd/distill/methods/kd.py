"""Knowledge distillation from the teacher's prediction on image and text."""

from __future__ import annotations

from torch import Tensor

from msd.distill.losses import kd_divergence, task_loss
from msd.distill.method import Method, Step
from msd.distill.options import MixedOptions


class KD(Method):
    """L = (1−λ)·task(z_S^both, y) + λ·T²·KL(teacher ‖ student) on `both`.

    Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", NIPS workshop 2015.
    Differs from the paper in that the two terms are mixed with λ and 1−λ.
    """

    Options = MixedOptions
    options: MixedOptions

    def target(self, rows: Tensor) -> Tensor:
        """The logits (B, C) that the student imitates on the training samples `rows` (B,)."""
        return self.teacher.logits["both"][rows]

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        share, temperature = self.options.share, self.options.temperature
        task = task_loss(step.logits("both"), step.targets, task=self.task)
        target = self.target(step.rows)
        kd = kd_divergence(step.logits("both"), target, temperature=temperature, task=self.task)
        return (1 - share) * task + share * kd, {"task": task, "kd/both": kd}
