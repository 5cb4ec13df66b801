"""Control: single modalities as augmentation of the training data, without the teacher's view of them."""

from torch import Tensor

from msd.distill.method import Step
from msd.distill.methods.msd import MSD
from msd.models.views import View


class ViewsTask(MSD):
    """L = (1−λ)·task + λ·[D(both) + w_image·task(image) + w_text·task(text)]: MSD whose auxiliary terms are the task
    loss on image alone and on text alone.
    """

    auxiliary = "task"

    def unimodal(self, view: View, step: Step) -> Tensor:
        """task(view) per sample (B,)."""
        return self.task_loss(step, view)
