"""Modality-specific distillation: the teacher is imitated on image and text, on image alone and on text alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from msd.distill.auxiliary import AuxiliaryTerms
from msd.distill.losses import kd_divergence, task_loss
from msd.distill.method import Method, Setting, Step


class MSD(Method):
    """L = (1−λ)·task + λ·[D(both) + w_image·D(image) + w_text·D(text)], weights per sample by modality saliency.

    Jin et al., "MSD: Saliency-aware Knowledge Distillation for Multimodal Understanding", Findings of EMNLP 2021;
    formulas as this project reads the abstract. With both weights 0 it is KD, bit for bit.
    """

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        super().__init__(options, setting)
        self.auxiliary = AuxiliaryTerms(options, setting)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        share, temperature = self.options["lambda"], self.options["temperature"]
        task = task_loss(step.logits("both"), step.targets, task=self.task)
        teacher = self.teacher.logits["both"][step.rows]
        kd = kd_divergence(step.logits("both"), teacher, temperature=temperature, task=self.task)
        distilled, auxiliary = self.auxiliary.added_to(kd, step)
        return (1 - share) * task + share * distilled, {"task": task, "kd/both": kd, **auxiliary}
