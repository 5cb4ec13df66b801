"""Control: single modalities as augmentation of the training data, without the teacher's view of them."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from msd.distill.method import Setting, Step
from msd.distill.methods.msd import MSD
from msd.models.views import View


class ViewsTask(MSD):
    """L = (1−λ)·task + λ·[D(both) + w_image·task(image) + w_text·task(text)]: MSD whose auxiliary terms are the task
    loss on image alone and on text alone.
    """

    auxiliary = "task"

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        super().__init__(options, setting)
        self.imitated = ("both",)

    def unimodal(self, view: View, step: Step) -> Tensor:
        """task(view) per sample (B,)."""
        return self.task_loss(step, view)
