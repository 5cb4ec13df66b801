"""The base of methods that compare features, with or without the auxiliary terms of MSD."""

import torch
from pydantic import Field
from torch import Tensor

from msd.distill.auxiliary import AuxiliaryMethod
from msd.distill.method import Step
from msd.distill.options import Weight


class FeatureMethod(AuxiliaryMethod):
    """L = task(z_S^both, y) + β·X, X a distance between the pooled features of student and teacher on `both`.

    With a `weighting` among the options MSD's auxiliary terms come on top (`<method>+msd`):
    L = task + β·X + λ·[w_image·D(image) + w_text·D(text)]; with strength 0 it is the plain method, bit for bit.

    A method says with `parts` what X is. That the terms of Jin et al., "MSD", Findings of EMNLP 2021, are added to
    another method like this is this project's reading.
    """

    class Options(AuxiliaryMethod.Options):
        """Of a distance between features, and of MSD's auxiliary terms where they are added."""

        beta: Weight = Field(description="β, how much the distance counts beside the task")

    options: Options

    @property
    def widths(self) -> tuple[int, int]:
        """H of the student's pooled features and of the teacher's."""
        return self.setting.student.head.in_features, self.teacher.features["both"].shape[1]

    def features(self, step: Step) -> tuple[Tensor, Tensor]:
        """Pooled features on `both` of the samples of all processes: of student (B, H_S) and teacher (B, H_T)."""
        return step.gather(step.features("both")), step.gather(step.batch.teacher["features"])

    def of_teacher(self, rows: Tensor) -> dict[str, Tensor]:
        """What the auxiliary terms read, and `features` (B, H): the teacher's, pooled, on `both`."""
        return super().of_teacher(rows) | {"features": self.teacher.features["both"][rows]}

    def parts(self, step: Step) -> dict[str, Tensor]:
        """The parts that X is the sum of, by name, per sample (B,) of all processes."""
        raise TypeError(f"{type(self).__module__} defines no parts(step)")

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """L per sample (B,); terms: `task`, each of `parts`, and those of the auxiliary terms where they are added."""
        task = self.task_loss(step)
        parts = {name: step.own(part) for name, part in self.parts(step).items()}
        loss = task + self.options.beta * sum(parts.values())
        terms = {"task": task, **parts}
        if not self.weights:
            return loss, terms
        added, auxiliary = self.with_auxiliary(torch.zeros_like(loss), step)
        return loss + self.options.share * added, terms | auxiliary
