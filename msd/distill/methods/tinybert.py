"""Distillation of hidden states and attentions, layer by layer, besides the prediction."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from msd.distill.method import Method, Setting, Step
from msd.distill.options import MixedOptions, Weight


def hidden_distance(
    student: Sequence[Tensor], teacher: Sequence[Tensor], mask: Tensor, *, projections: Sequence[nn.Module]
) -> Tensor:
    """Σ over the student's states of the mean squared difference from the teacher's, per sample.

    Σ_m mean over tokens and channels of (P_m(h_m) − H_g(m))², m = 0 (embeddings) … M, g as in `teacher_layer`.

    student: M+1 states (B, S, W), the embeddings first. teacher: N+1 states (B, S, W_T). mask: (B, S) 1 for a token or
    region, 0 for padding, which does not count. projections: M+1 maps W -> W_T. Returns (B,).
    """
    layers, deeper = len(student) - 1, len(teacher) - 1
    tokens = mask.sum(1)
    total = torch.zeros_like(tokens)
    for number, (state, project) in enumerate(zip(student, projections, strict=True)):
        difference = project(state) - teacher[teacher_layer(number, layers, deeper)]
        total = total + (difference.square().mean(2) * mask).sum(1) / tokens
    return total


def attention_distance(student: Sequence[Tensor], teacher: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Σ over the student's layers of the mean squared difference of attentions from the teacher's, per sample.

    Σ_m mean over heads, queries and keys of (a_m − A_g(m))², m = 1 … M; attentions are those after the softmax. Where
    student and teacher differ in their number of heads, each is averaged over its heads first.

    student: M attentions (B, heads, S, S). teacher: N attentions (B, heads_T, S, S). mask: as in `hidden_distance`;
    padding counts neither as query nor as key. Returns (B,).
    """
    pairs = mask[:, :, None] * mask[:, None, :]
    total = torch.zeros_like(mask[:, 0])
    for number, attention in enumerate(student, start=1):
        other = teacher[teacher_layer(number, len(student), len(teacher)) - 1]
        if attention.shape[1] != other.shape[1]:
            attention, other = attention.mean(1, keepdim=True), other.mean(1, keepdim=True)
        total = total + ((attention - other).square().mean(1) * pairs).sum((1, 2)) / pairs.sum((1, 2))
    return total


def teacher_layer(number: int, layers: int, deeper: int) -> int:
    """The teacher's layer, of `deeper`, for the student's layer `number`, of `layers`: ceil(m·N/M); 0, embeddings."""
    return math.ceil(number * deeper / layers)


class TinyBERT(Method):
    """L = (1−λ)·task + λ·D(both) + β·[hidden + attention] on `both`, the teacher running along.

    Jiao et al., "TinyBERT: Distilling BERT for Natural Language Understanding", Findings of EMNLP 2020.
    Differs from the paper: one stage in place of two (general and task-specific, layers before predictions), from
    scratch and without augmented data; attentions after the softmax (and the student's after dropout), not the scores
    before it, their heads averaged where the models differ in their number; a task loss; D as in `kd_divergence`.
    """

    class Options(MixedOptions):
        """λ, T and the weight of what the layers have."""

        beta: Weight = Field(description="β, of hidden states and attentions beside task and predictions")

    options: Options
    imitated = ("both",)
    internals = True
    live_teacher = True

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        super().__init__(options, setting)
        assert self.teacher.model is not None, "the method's YAML says `teacher: model`"
        width, wider = setting.student.config["width"], self.teacher.model.config["width"]
        self.of_embeddings = nn.Linear(width, wider, bias=False)
        self.of_layers = nn.Linear(width, wider, bias=False)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """L per sample (B,); terms: `task`, `kd/both`, `hidden` and `attention`."""
        assert self.teacher.model is not None
        share, task = self.options.share, self.task_loss(step)
        kd = self.divergence("both", step, temperature=self.options.temperature)
        with torch.no_grad():
            teacher = self.teacher.model(step.inputs, internals=True)["both"]
        student, mask = step.output("both"), step.inputs.mask
        projections = [self.of_embeddings] + [self.of_layers] * (len(student.hidden) - 1)
        hidden = hidden_distance(student.hidden, teacher.hidden, mask, projections=projections)
        attention = attention_distance(student.attentions, teacher.attentions, mask)
        terms = {"task": task, "kd/both": kd, "hidden": hidden, "attention": attention}
        return (1 - share) * task + share * kd + self.options.beta * (hidden + attention), terms
