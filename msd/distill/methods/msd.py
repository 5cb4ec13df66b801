"""Modality-specific distillation: the teacher is imitated on image and text, on image alone and on text alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from msd.distill.losses import kd_divergence, task_loss
from msd.distill.method import Method, Setting, Step
from msd.distill.weighting import MODALITIES, WEIGHTINGS
from msd.models.views import VIEWS


class MSD(Method):
    """L = (1−λ)·task + λ·[D(both) + w_image·D(image) + w_text·D(text)], weights per sample by modality saliency.

    Jin et al., "MSD: Saliency-aware Knowledge Distillation for Multimodal Understanding", Findings of EMNLP 2021;
    formulas as this project reads the abstract. With both weights 0 it is KD, bit for bit.
    """

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        super().__init__(options, setting)
        weigh = WEIGHTINGS[options["weighting"]]
        weights = weigh(self.teacher.saliency, strength=options["strength"])
        samples = len(setting.samples)
        self.weights = {modality: weights[modality].expand(samples) for modality in MODALITIES}

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        share, temperature = self.options["lambda"], self.options["temperature"]
        terms = {"task": task_loss(step.logits("both"), step.targets, task=self.task)}
        for view in VIEWS:
            teacher = self.teacher.logits[view][step.rows]
            terms[f"kd/{view}"] = kd_divergence(step.logits(view), teacher, temperature=temperature, task=self.task)
        distilled = terms["kd/both"]
        for modality in MODALITIES:
            terms[f"weight/{modality}"] = self.weights[modality][step.rows]
            distilled = distilled + terms[f"weight/{modality}"] * terms[f"kd/{modality}"]
        return (1 - share) * terms["task"] + share * distilled, terms
