"""What a distillation method is: a class that turns one training step into a loss per sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from msd.config.plugin import plugin_class, plugin_names
from msd.data.rows import Rows
from msd.distill import methods
from msd.distill.losses import Task, kd_divergence, task_loss
from msd.distill.options import MethodOptions
from msd.errors import UserError, nearest
from msd.models.views import Inputs, Removal, View
from msd.seeds import derive_seed

if TYPE_CHECKING:  # a study that is planned imports the methods, but no model
    from msd.models.split import Split
    from msd.models.visualbert import Output, VisualBertClassifier


@dataclass(frozen=True)
class TeacherTargets:
    """The teacher on the training split.

    Attributes:
        logits, features: view -> N rows (C,) and (H,) float32, read from their file for the samples of a batch.
        saliency: modality -> (N,).
        model: the teacher itself in eval mode, for methods whose YAML says `teacher: model`; else None.
    """

    logits: Mapping[str, Rows] = field(default_factory=dict)
    features: Mapping[str, Rows] = field(default_factory=dict)
    saliency: Mapping[str, Tensor] = field(default_factory=dict)
    model: VisualBertClassifier | None = None


@dataclass(frozen=True)
class Setting:
    """What a method is given once for each seed, before training.

    Attributes:
        dataset: its name.   seed: of this replicate.   task: kind of loss.   samples: the training split, N samples.
        student: the model to be trained, not yet trained.   teacher: its outputs on `samples`.
        removal: how a view removes a modality.
    """

    dataset: str
    seed: int
    task: Task
    samples: Split
    student: VisualBertClassifier
    teacher: TeacherTargets = field(default_factory=TeacherTargets)
    removal: Removal = "mask"

    def stream(self, purpose: str) -> int:
        """The seed of this replicate's random stream for `purpose`."""
        return derive_seed(self.dataset, self.seed, purpose)


class Forward(Protocol):
    """Run the student on views of a batch in one pass, with its own parameters or with others by the same names."""

    def __call__(self, views: Sequence[View], parameters: Mapping[str, Tensor] | None = None) -> dict[View, Output]: ...


@dataclass
class Step:
    """One batch: row numbers into the training split (B,), targets, inputs, and the student's outputs by view.

    `forward` runs the student on all of `views` when the first of them is asked for.
    """

    rows: Tensor
    targets: Tensor
    inputs: Inputs
    forward: Forward
    views: tuple[View, ...]
    _outputs: dict[View, Output] = field(default_factory=dict)

    def output(self, view: View) -> Output:
        """The student's output on `view`, one of `views`."""
        assert view in self.views, f"the method reads the view {view!r}, but does not name it in its `views`"
        if not self._outputs:
            self._outputs = self.forward(self.views)
        return self._outputs[view]

    def logits(self, view: View) -> Tensor:
        """The student's logits (B, C) on `view`."""
        return self.output(view).logits

    def features(self, view: View) -> Tensor:
        """The student's pooled features (B, H) on `view`, what its head reads."""
        return self.output(view).features

    def moved(self, parameters: Mapping[str, Tensor]) -> Step:
        """The same batch, with the same dropout, of a student with these parameters (name -> tensor)."""
        return Step(self.rows, self.targets, self.inputs, partial(self.forward, parameters=parameters), self.views)


class Method(nn.Module):
    """Base of all methods, and by itself training without a teacher: L = task(z_S^both, y).

    A method declares its options as a class `Options` of its own, or has those of its base. Its own parameters (a
    projection, say) are those of the module; the student's optimiser trains them too, and they are thrown away
    afterwards.

    Attributes:
        views: those of each batch that the loss reads; the student computes them in one pass.
        internals: whether the student's outputs hold hidden states and attentions.
        kept: names of the terms whose every sample goes into the history, not the batch's mean alone.
        live_teacher: whether it runs the teacher, so that its file must say `teacher: model`.

    Args:
        options: values of `Options`, by the names of the method's file.   setting: what it is trained in.
    """

    Options: ClassVar[type[MethodOptions]] = MethodOptions

    views: tuple[View, ...] = ("both",)
    internals: bool = False
    kept: tuple[str, ...] = ()
    live_teacher: bool = False
    options: MethodOptions

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        super().__init__()
        self.options = self.Options.model_validate(options)
        self.setting = setting
        self.task: Task = setting.task
        self.teacher = setting.teacher

    def training_rows(self) -> Tensor:
        """Rows of the training split that the student is trained on: all of them."""
        return torch.arange(len(self.setting.samples))

    def step(self, rows: Tensor, streams: Callable[[], Sequence[torch.Generator]] = list) -> Step:
        """The training samples `rows` (B,) as the student sees them; streams: of the dropout of each view, or none."""
        setting = self.setting
        inputs = setting.samples.inputs(rows)

        def forward(views: Sequence[View], parameters: Mapping[str, Tensor] | None = None) -> dict[View, Output]:
            options = {"removal": setting.removal, "internals": self.internals, "streams": streams()}
            if parameters is None:
                return setting.student(inputs, views, **options)
            return functional_call(setting.student, dict(parameters), (inputs, views), options)

        return Step(rows, setting.samples.targets[rows], inputs, forward, self.views)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss per sample (B,), and named per-sample terms (B,) for the training history."""
        task = self.task_loss(step)
        return task, {"task": task}

    def task_loss(self, step: Step, view: View = "both") -> Tensor:
        """The loss against the gold labels on `view`, per sample (B,)."""
        return task_loss(step.logits(view), step.targets, task=self.task)

    def target(self, view: View, rows: Tensor) -> Tensor:
        """The logits (B, C) that the student imitates on `view` of the training samples `rows` (B,): the teacher's."""
        return self.teacher.logits[view][rows]

    def divergence(self, view: View, step: Step, *, temperature: float) -> Tensor:
        """D(view) = T²·KL(target ‖ student), per sample (B,)."""
        target = self.target(view, step.rows)
        return kd_divergence(step.logits(view), target, temperature=temperature, task=self.task)


def method_class(name: str) -> type[Method]:
    """The class `Method…` of msd/distill/methods/<name>.py: the one subclass of `Method` defined there."""
    known = plugin_names(methods)
    if name not in known:
        raise UserError(f"no method {name!r} in msd/distill/methods{nearest(name, known)}")
    return plugin_class(methods, name, Method)
