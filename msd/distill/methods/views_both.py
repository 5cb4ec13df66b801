"""Control: further passes on single modalities without anything modality-specific to learn from them."""

from torch import Tensor

from msd.distill.methods.msd import MSD
from msd.models.views import View


class ViewsBoth(MSD):
    """MSD whose student imitates, on image alone and on text alone too, what the teacher predicts from both."""

    def target(self, view: View, rows: Tensor) -> Tensor:
        """The teacher's logits (B, C) on `both`, whatever the view."""
        return super().target("both", rows)
