"""Modality-specific distillation whose three weights are learned on held-out training samples."""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from msd.config.strict import Count, NotNegative, Width
from msd.distill.losses import task_loss
from msd.distill.method import Method, Setting, Step, sent
from msd.distill.options import MixedOptions, Small
from msd.distill.weight_learning import Parameters, WeightLearner, meta_gradient, meta_split, weighted_loss
from msd.distill.weighting import MODALITIES
from msd.models.views import VIEWS


class LearnedMSD(Method):
    """L = (1−λ)·task + λ·[w_both·D(both) + w_image·D(image) + w_text·D(text)], w = WeightNet(φ) per sample.

    φ_i = the three D's of the sample, detached, and its two saliencies. Every `meta_every` steps the net makes one
    step against the task loss that held-out samples would have after a small virtual step of the student
    (`meta_gradient`). Held out is a share of the training split, the same for all configurations of a seed; the
    validation split is for the choice among configurations alone. Steps in between use the net as it is.

    Jin et al., "MSD", Findings of EMNLP 2021, and its first version, "Modality-specific Distillation"; the bilevel
    step is that of Shu et al., "Meta-Weight-Net", NeurIPS 2019; formulas as this project reads the abstracts.
    """

    class Options(MixedOptions):
        """λ, T, the samples that are held out, and the net that gives the weights."""

        meta_share: Annotated[float, Field(ge=0.01, le=0.5)] = Field(
            description="share of the training split that is held out to learn the weights on"
        )
        meta_samples: Count = Field(description="held-out samples that are drawn for a step of the net")
        meta_every: Count = Field(description="steps of the student for each step of the net")
        step_length: Small = Field(description="ρ, length of the virtual step of the student")
        hidden: Width = Field(description="units of the net's hidden layer")
        meta_learning_rate: NotNegative = Field(le=100, description="learning rate of the net's Adam; 0: all weights 1")

    options: Options
    views = imitated = VIEWS
    batch_is = "whole"
    kept = tuple(f"weight/{view}" for view in VIEWS)

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        super().__init__(options, setting)
        samples = setting.samples
        labelled, seed = samples.labelled, setting.stream("meta split")
        rows, self.held_out = meta_split(samples.targets, labelled, share=self.options.meta_share, seed=seed)
        self.rows = torch.cat((rows, torch.arange(labelled, len(samples))))
        self.order = torch.Generator().manual_seed(setting.stream("meta order"))
        self.saliency = torch.stack([self.teacher.saliency[modality].float() for modality in MODALITIES], dim=1)
        features = len(VIEWS) + len(MODALITIES)
        self.learner = WeightLearner(
            features, len(VIEWS), hidden=self.options.hidden, learning_rate=self.options.meta_learning_rate
        )
        self.learner.net.to(setting.student.head.weight.device)
        self.steps = 0

    def get_extra_state(self) -> dict[str, Any]:
        """For checkpoints: the order of held-out samples, the steps done, and the net with its optimiser."""
        learner = {"net": self.learner.net.state_dict(), "optimiser": self.learner.optimiser.state_dict()}
        return {"order": self.order.get_state(), "steps": self.steps, **learner}

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_extra_state` gave."""
        self.order.set_state(state["order"])
        self.steps = state["steps"]
        self.learner.net.load_state_dict(state["net"])
        self.learner.optimiser.load_state_dict(state["optimiser"])

    def training_rows(self) -> Tensor:
        """The rows of the training split that are not held out."""
        return self.rows

    def of_teacher(self, rows: Tensor) -> dict[str, Tensor]:
        """The logits of all views, and `saliency` (B, 2) of image and of text."""
        return super().of_teacher(rows) | {"saliency": self.saliency[rows]}

    @sdpa_kernel(SDPBackend.MATH)  # a GPU's other kernels have no derivative along a direction
    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """L per sample (B,); terms: `task`, and by view `kd/…`, `weight/…` and, where the net learned, `positive/…`."""
        task, divergences = self._losses(step)
        features = torch.cat((divergences.detach(), step.batch.teacher["saliency"]), dim=1)
        self.learner.net.observe(features)
        products = {}
        if self.steps % self.options.meta_every == 0:
            products = self._learn(step, features, task, divergences)
        self.steps += 1
        weights = self.learner.net(features).detach()
        terms = {"task": task, **_by_view("kd", divergences), **_by_view("weight", weights), **products}
        return weighted_loss(task, divergences, weights, share=self.options.share), terms

    def _losses(self, step: Step) -> tuple[Tensor, Tensor]:
        """Task loss (B,) and divergences (B, 3) of the three views."""
        task, temperature = self.task_loss(step), self.options.temperature
        return task, torch.stack([self.divergence(view, step, temperature=temperature) for view in VIEWS], dim=1)

    def _learn(self, step: Step, features: Tensor, task: Tensor, divergences: Tensor) -> dict[str, Tensor]:
        """One step of the net; by view, whether a sample's term pulls the student where held-out samples want it.

        The virtual step goes back through the same forward pass as the real step after it, dropout included.
        """
        share = self.options.share
        parameters = dict(self.setting.student.named_parameters())
        weights = self.learner.net(features)
        loss = weighted_loss(task, divergences, weights.detach(), share=share).mean()
        gradient = torch.autograd.grad(
            loss, list(parameters.values()), retain_graph=True, allow_unused=True, materialize_grads=True
        )
        drawn = torch.randperm(len(self.held_out), generator=self.order)[: self.options.meta_samples]
        hypergradient = meta_gradient(
            lambda moving: self._losses(step.moved(moving))[1],
            lambda moving: self._meta_loss(moving, self.held_out[drawn]),
            parameters=parameters,
            gradient=dict(zip(parameters, gradient, strict=True)),
            share=share,
            step_length=self.options.step_length,
        )
        self.learner.learn(weights, hypergradient)
        return _by_view("positive", (hypergradient < 0).float())

    def _meta_loss(self, parameters: Parameters, rows: Tensor) -> Tensor:
        """Mean task loss of held-out samples on `both`, of the whole network: without dropout."""
        student, samples, device = self.setting.student, self.setting.samples, next(iter(parameters.values())).device
        inputs, targets = sent(samples.inputs(rows), device), sent(samples.targets[rows], device)
        student.eval()
        logits = functional_call(student, dict(parameters), (inputs,))["both"].logits
        student.train()
        return task_loss(logits, targets, task=self.task).mean()


def _by_view(name: str, values: Tensor) -> dict[str, Tensor]:
    """One term a view from values (B, 3)."""
    return {f"{name}/{view}": column for view, column in zip(VIEWS, values.unbind(1), strict=True)}
