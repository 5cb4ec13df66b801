"""Contrastive representation distillation: a sample's two embeddings are set apart from those of other samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from msd.config.strict import Count, Share, Width
from msd.distill.feature_method import FeatureMethod
from msd.distill.geometry import unit
from msd.distill.losses import full_product
from msd.distill.method import Setting, Step
from msd.distill.options import Small
from msd.system.memory import fits_in_memory


def contrast_loss(similarities: Tensor, *, log_z: Tensor, temperature: float, samples: int) -> Tensor:
    """−log h(positive) − Σ_k log(1 − h(negative k)) per anchor, *summed* over its K negatives.

    h = p / (p + K/N) with p = exp(s/τ)/Z: the probability that a candidate is no draw from the noise.

    similarities: (B, 1+K) float, of each anchor with its candidates, the positive first. log_z: () the logarithm of the
    constant Z. temperature: τ > 0. samples: N, of which the negatives are drawn. Returns (B,) in nats.

    Tian, Krishnan, Isola, "Contrastive Representation Distillation", ICLR 2020, after noise-contrastive estimation.
    Differs from the authors' code: computed from log odds, so that it needs no ε of 1e-7 in the denominators.
    """
    negatives = similarities.shape[1] - 1
    log_odds = similarities / temperature - log_z - math.log(negatives / samples)
    return F.softplus(-log_odds[:, 0]) + F.softplus(log_odds[:, 1:]).sum(1)


class Bank(nn.Module):
    """Embeddings (N, E) of all training samples by one network, as running means; the other's anchors meet them here.

    Their Z, the constant that makes exp(s/τ)/Z a distribution over N samples, is the mean over the first batch
    times N, and stays.
    """

    rows: Tensor
    log_z: Tensor

    def __init__(self, options: CRD.Options, *, samples: int, generator: torch.Generator) -> None:
        super().__init__()
        self.temperature, self.momentum = options.contrast_temperature, options.momentum
        bound = math.sqrt(3 / options.width)  # of a uniform variable with variance 1/E: rows of length 1, about
        self.register_buffer("rows", bound * (2 * torch.rand(samples, options.width, generator=generator) - 1))
        self.register_buffer("log_z", torch.tensor(math.nan))  # until the first batch

    def contrast(self, anchors: Tensor, candidates: Tensor) -> Tensor:
        """The loss (B,) of anchors (B, E) among the rows `candidates` (B, 1+K), the positive first."""
        with_all = full_product(anchors, self.rows.T)  # (B, N): faster than to copy B·(1+K) rows
        similarities = with_all.gather(1, candidates)
        samples = len(self.rows)
        powers = similarities.detach() / self.temperature
        log_z = powers.logsumexp((0, 1)) - math.log(powers.numel()) + math.log(samples)
        self.log_z = torch.where(self.log_z.isnan(), log_z, self.log_z)
        return contrast_loss(similarities, log_z=self.log_z, temperature=self.temperature, samples=samples)

    @torch.no_grad()
    def update(self, rows: Tensor, embeddings: Tensor) -> None:
        """Move the rows (B,) towards `embeddings` (B, E), back to length 1."""
        moved = unit(self.momentum * self.rows[rows] + (1 - self.momentum) * embeddings)
        self.rows = self.rows.index_copy(0, rows, moved)  # a copy: the old rows are still needed for the gradient


class CRD(FeatureMethod):
    """L = task + β·[contrast(student's anchors, teacher's bank) + contrast(teacher's anchors, student's bank)].

    Pooled features are embedded by two linear layers, trained with the student, and scaled to length 1.

    Differs from the paper: the negatives are drawn, with repetition, from all *other* samples whatever their labels,
    since multilabel tasks have no classes (the authors' code draws them from other classes); hundreds of negatives
    from thousands of samples, in place of 16384 from 50000.
    """

    class Options(FeatureMethod.Options):
        """Of embeddings and their negatives."""

        width: Width = Field(description="E, of the embeddings")
        negatives: Count = Field(description="K, other samples that each anchor is told from")
        contrast_temperature: Small = Field(description="τ, by which similarities are divided")
        momentum: Share = Field(description="share of a bank's old row that stays")

    options: Options
    batch_is = "related"

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        super().__init__(options, setting)
        student, teacher = self.widths
        self.embed_student = nn.Linear(student, self.options.width)
        self.embed_teacher = nn.Linear(teacher, self.options.width)
        self.generator = torch.Generator().manual_seed(setting.stream("negatives"))
        samples = len(setting.samples)
        fits_in_memory(
            4 * samples * self.options.width * 4,  # both banks, and the copies in which they are moved
            f"the embeddings of {samples:,} samples in {self.options.width:,} numbers, of student and teacher,",
            "give crd a smaller `width`",
        )
        self.student_bank = Bank(self.options, samples=samples, generator=self.generator)
        self.teacher_bank = Bank(self.options, samples=samples, generator=self.generator)

    def get_extra_state(self) -> dict[str, Any]:
        """For checkpoints: the state of the generator of negatives."""
        return {"generator": self.generator.get_state()}

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_extra_state` gave."""
        self.generator.set_state(state["generator"])

    def candidates(self, rows: Tensor) -> Tensor:
        """Rows (B, 1+K): each sample itself, then K draws from all others."""
        others = len(self.setting.samples) - 1
        drawn = torch.randint(others, (len(rows), self.options.negatives), generator=self.generator)
        return torch.cat((rows[:, None], drawn + (drawn >= rows[:, None])), dim=1)

    def parts(self, step: Step) -> dict[str, Tensor]:
        """`crd/student` and `crd/teacher`: the contrast (B,) of each one's anchors with the other's bank."""
        features, targets = self.features(step)
        student, teacher = unit(self.embed_student(features)), unit(self.embed_teacher(targets))
        candidates, rows = step.here(self.candidates(step.all_rows)), step.here(step.all_rows)
        parts = {
            "crd/student": self.teacher_bank.contrast(student, candidates),
            "crd/teacher": self.student_bank.contrast(teacher, candidates),
        }
        self.student_bank.update(rows, student)
        self.teacher_bank.update(rows, teacher)
        return parts
