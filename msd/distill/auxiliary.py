"""The auxiliary terms of MSD: the teacher is imitated on image alone and on text alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from msd.distill.losses import kd_divergence
from msd.distill.method import Setting, Step
from msd.distill.weighting import MODALITIES, WEIGHTINGS


class AuxiliaryTerms:
    """w_image·D(image) + w_text·D(text), D = T²·KL(teacher ‖ student) per sample, weights by modality saliency.

    The options are `weighting` and `strength` (of the weights) and `temperature` (T). Of MSD, and of `<method>+msd`.
    """

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        weigh = WEIGHTINGS[options["weighting"]]
        weights = weigh(setting.teacher.saliency, strength=options["strength"])
        samples = len(setting.samples)
        self.weights = {modality: weights[modality].expand(samples) for modality in MODALITIES}
        self.temperature = options["temperature"]
        self.setting = setting

    def added_to(self, loss: Tensor, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """`loss` (B,) with the two terms on top, and the divergences and weights (B,) by name."""
        task, logits = self.setting.task, self.setting.teacher.logits
        terms = {}
        for modality in MODALITIES:
            teacher = logits[modality][step.rows]
            student = step.logits(modality)
            terms[f"kd/{modality}"] = kd_divergence(student, teacher, temperature=self.temperature, task=task)
        for modality in MODALITIES:
            terms[f"weight/{modality}"] = self.weights[modality][step.rows]
            loss = loss + terms[f"weight/{modality}"] * terms[f"kd/{modality}"]
        return loss, terms
