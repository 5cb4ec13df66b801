"""Relational knowledge distillation: distances and angles among a batch's samples as the teacher has them."""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from msd.distill.feature_method import FeatureMethod
from msd.distill.geometry import paired
from msd.distill.method import Step
from msd.distill.options import Weight


def relational_losses(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Huber losses on distances and on angles, each sample's *mean* over its partners; no weights, no T.

    d_ij = ‖f_i − f_j‖ / μ, μ = the mean over the pairs i ≠ j; a_jik = cos ∠(f_i, f_j, f_k), the corner at j;
    distance_i = Σ_j huber(d_ij^S − d_ij^T) / B;   angle_j = Σ_ik huber(a_jik^S − a_jik^T) / B²;
    huber(x) = x²/2 for |x| ≤ 1, else |x| − 1/2. Where two points of an angle's side are one, the cosine is 0.

    student: (B, H_S) float. teacher: (B, H_T) float. Returns distance (B,), angle (B,): float32 (float64 if both are);
    their means are the values of the authors' code. Raises ValueError for other shapes.

    Park, Kim, Lu, Cho, "Relational Knowledge Distillation", CVPR 2019.
    Differs from the paper, which sums: the means are over all B² pairs and B³ triples, those with a repeated sample
    included at 0. Differs from the authors' code: cosines come from the distances, by the law of cosines, so that
    no (B, B, H) tensor is made, and equal samples have distance 0 where the code has 1e-6.
    """
    student, teacher = paired(student, teacher)
    student, teacher = (torch.cdist(f, f, compute_mode="donot_use_mm_for_euclid_dist") for f in (student, teacher))
    distance = F.smooth_l1_loss(_relative(student), _relative(teacher), reduction="none").mean(1)
    angle = F.smooth_l1_loss(_cosines(student), _cosines(teacher), reduction="none").mean((1, 2))
    return distance, angle


def _relative(distances: Tensor) -> Tensor:
    """Distances (B, B) over their mean off the diagonal; zeros stay zeros."""
    pairs = len(distances) * (len(distances) - 1)
    mean = distances.sum() / max(1, pairs)
    return distances / torch.where(mean > 0, mean, torch.ones_like(mean))


def _cosines(distances: Tensor) -> Tensor:
    """[j, i, k] -> the cosine at j between the sides to i and to k (B, B, B); 0 where a side has no length."""
    squares = distances.square()
    opposite = (squares[:, :, None] + squares[:, None, :] - squares[None]) / 2
    sides = distances[:, :, None] * distances[:, None, :]
    # Selected twice: a division by zero would leave NaN in the gradient even where its value is not taken.
    cosines = opposite / torch.where(sides > 0, sides, torch.ones_like(sides))
    return torch.where(sides > 0, cosines, torch.zeros_like(cosines))


class RKD(FeatureMethod):
    """L = task + β·[w_distance·distance + w_angle·angle] on pooled features.

    Differs from the paper: pooled features of image and text, and the batches are of texts of like length.
    """

    class Options(FeatureMethod.Options):
        """Of the relations among the samples of a batch."""

        distance: Weight = Field(description="w_distance, of the distances of two samples")
        angle: Weight = Field(description="w_angle, of the angles of three samples")

    options: Options
    batch_is = "related"

    def parts(self, step: Step) -> dict[str, Tensor]:
        """`rkd/distance` and `rkd/angle`: w_distance·distance (B,) and w_angle·angle (B,)."""
        distance, angle = relational_losses(*self.features(step))
        return {"rkd/distance": self.options.distance * distance, "rkd/angle": self.options.angle * angle}
