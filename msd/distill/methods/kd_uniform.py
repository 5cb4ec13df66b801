"""Control: knowledge distillation from a teacher that knows nothing."""

import torch
from torch import Tensor

from msd.distill.methods.kd import KD
from msd.models.views import View


class UniformKD(KD):
    """KD from logits that are all zero: every class as likely as any other, every label at one half.

    What is left of the teacher is that predictions are softened; on multilabel tasks they are pulled far from the
    labels' priors.
    """

    def target(self, view: View, rows: Tensor) -> Tensor:
        """Zeros (B, C)."""
        return torch.zeros_like(super().target(view, rows))
