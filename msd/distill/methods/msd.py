"""Modality-specific distillation: the teacher is imitated on image and text, on image alone and on text alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from msd.distill.losses import kd_divergence, task_loss
from msd.distill.method import Method, Setting, Step
from msd.distill.weighting import MODALITIES, WEIGHTINGS
from msd.models.views import View


class MSD(Method):
    """L = (1−λ)·task + λ·[D(both) + w_image·D(image) + w_text·D(text)], weights per sample by modality saliency.

    Jin et al., "MSD: Saliency-aware Knowledge Distillation for Multimodal Understanding", Findings of EMNLP 2021;
    formulas as this project reads the abstract. With both weights 0 it is KD, bit for bit.
    """

    auxiliary = "kd"
    """What the two further terms are called in the history."""

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        super().__init__(options, setting)
        weigh = WEIGHTINGS[options["weighting"]]
        weights = weigh(self.teacher.saliency, strength=options["strength"])
        samples = len(setting.samples)
        self.weights = {modality: weights[modality].expand(samples) for modality in MODALITIES}

    def target(self, view: View, rows: Tensor) -> Tensor:
        """The logits (B, C) that the student imitates on `view` of the training samples `rows` (B,)."""
        return self.teacher.logits[view][rows]

    def divergence(self, view: View, step: Step) -> Tensor:
        """D(view), per sample (B,)."""
        target, temperature = self.target(view, step.rows), self.options["temperature"]
        return kd_divergence(step.logits(view), target, temperature=temperature, task=self.task)

    def unimodal(self, view: View, step: Step) -> Tensor:
        """The auxiliary term of image or text, per sample (B,): D(view)."""
        return self.divergence(view, step)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        share = self.options["lambda"]
        terms = {"task": task_loss(step.logits("both"), step.targets, task=self.task)}
        distilled = terms["kd/both"] = self.divergence("both", step)
        for modality in MODALITIES:
            terms[f"weight/{modality}"] = self.weights[modality][step.rows]
            terms[f"{self.auxiliary}/{modality}"] = self.unimodal(modality, step)
            distilled = distilled + terms[f"weight/{modality}"] * terms[f"{self.auxiliary}/{modality}"]
        return (1 - share) * terms["task"] + share * distilled, terms
