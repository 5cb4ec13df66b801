"""FitNets: the student's features, projected, come close to the teacher's."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from msd.distill.feature_method import FeatureMethod
from msd.distill.geometry import paired
from msd.distill.method import Setting, Step


def hint_loss(projected: Tensor, teacher: Tensor) -> Tensor:
    """Squared error of features, per sample, the *mean* over the H features: Σ_h (r_h − t_h)² / H.

    projected, teacher: (B, H) float. Returns (B,) float32 (float64 if both are). Raises ValueError for other shapes.

    Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015.
    Differs from the paper, which has half the sum over the features.
    """
    projected, teacher = paired(projected, teacher)
    if projected.shape != teacher.shape:
        raise ValueError(f"teacher: width {teacher.shape[1]} beside {projected.shape[1]} of the student")
    return (projected - teacher).square().mean(1)


class FitNet(FeatureMethod):
    """L = task + β·‖r(f_S) − f_T‖²/H_T, r a linear layer trained with the student.

    Differs from the paper: pooled features of the last layer in place of a middle convolutional map, a linear layer
    in place of a convolution, and one training in place of a first stage on hints and a second on the teacher's output.
    """

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        super().__init__(options, setting)
        self.projection = nn.Linear(*self.widths)

    def parts(self, step: Step) -> dict[str, Tensor]:
        """`fitnet`: ‖r(f_S) − f_T‖²/H_T (B,)."""
        student, teacher = self.features(step)
        return {"fitnet": hint_loss(self.projection(student), teacher)}
