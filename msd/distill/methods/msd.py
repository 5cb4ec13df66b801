"""Modality-specific distillation: the teacher is imitated on image and text, on image alone and on text alone."""

from pydantic import Field
from torch import Tensor

from msd.distill.auxiliary import AuxiliaryMethod
from msd.distill.method import Step
from msd.distill.options import Weighting


class MSD(AuxiliaryMethod):
    """L = (1−λ)·task + λ·[D(both) + w_image·D(image) + w_text·D(text)], weights per sample by modality saliency.

    Jin et al., "MSD: Saliency-aware Knowledge Distillation for Multimodal Understanding", Findings of EMNLP 2021;
    formulas as this project reads the abstract. With both weights 0 it is KD, bit for bit.
    """

    class Options(AuxiliaryMethod.Options):
        """Of the loss and its auxiliary terms."""

        weighting: Weighting = Field(description="what the weights follow: nothing, or modality saliency")

    imitated = ("both",)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """L per sample (B,); terms: `task`, `kd/both`, and each modality's auxiliary term and weight."""
        share, task = self.options.share, self.task_loss(step)
        kd = self.divergence("both", step, temperature=self.options.temperature)
        distilled, auxiliary = self.with_auxiliary(kd, step)
        return (1 - share) * task + share * distilled, {"task": task, "kd/both": kd, **auxiliary}
