"""Control: modality-specific distillation from the wrong modality."""

from torch import Tensor

from msd.distill.methods.msd import MSD
from msd.models.views import View

OTHER: dict[View, View] = {"both": "both", "image": "text", "text": "image"}


class SwappedMSD(MSD):
    """MSD whose auxiliary targets are exchanged: the student's image view imitates the teacher's text view, and the
    other way round. The weights stay with the student's view: w_image weighs the term of the student's image view.
    """

    def target(self, view: View, rows: Tensor) -> Tensor:
        """The teacher's logits (B, C) on the other modality; on `both` its own."""
        return super().target(OTHER[view], rows)
