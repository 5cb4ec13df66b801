"""Similarity-preserving distillation: samples that are alike to the teacher are alike to the student."""

from torch import Tensor

from msd.distill.feature_method import FeatureMethod
from msd.distill.geometry import paired, unit
from msd.distill.losses import full_product
from msd.distill.method import Step


def similarity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """‖g_i^S − g_i^T‖² / B per sample, so that the batch's *mean* is the published ‖G^S − G^T‖²_F / B².

    G = F·Fᵀ (B, B) with each row g_i scaled to length 1; a row of zeros stays zero.

    student: (B, H_S) float. teacher: (B, H_T) float. Returns (B,) float32 (float64 if both are), between 0 and 4/B.
    Raises ValueError for other shapes.

    Tung, Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019.
    """
    student, teacher = (unit(full_product(features, features.T)) for features in paired(student, teacher))
    return (student - teacher).square().sum(1) / len(student)


class SP(FeatureMethod):
    """L = task + β·‖G^S − G^T‖²_F / B², G the row-normalised similarities of a batch's pooled features.

    Differs from the paper: one pair of pooled features in place of the flattened maps of several layers.
    """

    batch_is = "related"

    def parts(self, step: Step) -> dict[str, Tensor]:
        """`sp`: ‖g_i^S − g_i^T‖² / B (B,)."""
        return {"sp": similarity_loss(*self.features(step))}
