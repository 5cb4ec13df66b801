"""The small model trained on gold labels alone."""

from __future__ import annotations

from torch import Tensor

from msd.distill.losses import task_loss
from msd.distill.method import Method, Step


class Finetune(Method):
    """L = task(z_S^both, y): no teacher. What distillation has to beat."""

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        task = task_loss(step.logits("both"), step.targets, task=self.task)
        return task, {"task": task}
