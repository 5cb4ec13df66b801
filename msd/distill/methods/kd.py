"""Knowledge distillation from the teacher's prediction on image and text."""

from torch import Tensor

from msd.distill.method import Method, Step
from msd.distill.options import MixedOptions


class KD(Method):
    """L = (1−λ)·task(z_S^both, y) + λ·T²·KL(teacher ‖ student) on `both`.

    Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", NIPS workshop 2015.
    Differs from the paper in that the two terms are mixed with λ and 1−λ.
    """

    Options = MixedOptions
    options: MixedOptions
    imitated = ("both",)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """L per sample (B,); terms: `task` and `kd/both`."""
        share, task = self.options.share, self.task_loss(step)
        kd = self.divergence("both", step, temperature=self.options.temperature)
        return (1 - share) * task + share * kd, {"task": task, "kd/both": kd}
