"""What a distillation method is: a class that turns one training step into a loss per sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

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
    from msd.models.classifier import Classifier, Output
    from msd.models.split import Split


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
    model: Classifier | None = None


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
    student: Classifier
    teacher: TeacherTargets = field(default_factory=TeacherTargets)
    removal: Removal = "mask"

    def stream(self, purpose: str) -> int:
        """The seed of this replicate's random stream for `purpose`."""
        return derive_seed(self.dataset, self.seed, purpose)


class SharedBatch(Protocol):
    """The batch that several processes have a part of each, as `msd.training.engine` gives it."""

    @property
    def rows(self) -> Tensor:
        """Row numbers (B,) of the samples of all processes."""

    @property
    def own(self) -> slice:
        """Where the rows of this process stand among them."""

    def gather(self, values: Tensor) -> Tensor:
        """Values (b, ...) of this process's samples -> those of all (B, ...), through which gradients flow back."""


class Forward(Protocol):
    """Run the student on views of a batch in one pass, with its own parameters or with others by the same names."""

    def __call__(self, views: Sequence[View], parameters: Mapping[str, Tensor] | None = None) -> dict[View, Output]: ...


@dataclass(frozen=True)
class Batch:
    """All that a step reads of training samples: row numbers into the split (B,), inputs, targets, and of the teacher.

    The numbers stay on the processor, where the files that they point into are.

    Attributes:
        teacher: name -> (B, …), as `Method.of_teacher` says.
    """

    rows: Tensor
    inputs: Inputs
    targets: Tensor
    teacher: Mapping[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device, *, non_blocking: bool = False) -> Batch:
        """The same on a device."""
        teacher = {name: values.to(device, non_blocking=non_blocking) for name, values in self.teacher.items()}
        inputs = self.inputs.to(device, non_blocking=non_blocking)
        return Batch(self.rows, inputs, self.targets.to(device, non_blocking=non_blocking), teacher)

    def pin_memory(self) -> Batch:
        """The same in pages that a GPU reads by itself."""
        teacher = {name: values.pin_memory() for name, values in self.teacher.items()}
        return Batch(self.rows, self.inputs.pin_memory(), self.targets.pin_memory(), teacher)


Given = TypeVar("Given", Tensor, Inputs)


def sent(values: Given, device: torch.device) -> Given:
    """`values` from the processor on a device, without waiting for a GPU."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values


@dataclass
class Step:
    """One batch, and the student's outputs for it by view.

    `forward` runs the student on all of `views` when the first of them is asked for. Where several processes compute
    parts of one batch, `together` is what they have in common.
    """

    batch: Batch
    forward: Forward
    views: tuple[View, ...]
    together: SharedBatch | None = None
    _outputs: dict[View, Output] = field(default_factory=dict)

    @property
    def rows(self) -> Tensor:
        """Row numbers (B,) into the training split, on the processor."""
        return self.batch.rows

    @property
    def inputs(self) -> Inputs:
        """What the student reads of the samples."""
        return self.batch.inputs

    @property
    def targets(self) -> Tensor:
        """Gold labels: (B,) classes, or (B, C) scores."""
        return self.batch.targets

    def teacher(self, view: View) -> Tensor:
        """The logits (B, C) that the student imitates on `view`, one of the method's `imitated`."""
        assert view in self.batch.teacher, f"the teacher is read on {view!r}, which is not in the method's `imitated`"
        return self.batch.teacher[view]

    def here(self, values: Tensor) -> Tensor:
        """Values of samples from the processor, on the device of the batch."""
        return sent(values, self.targets.device)

    @property
    def all_rows(self) -> Tensor:
        """Row numbers of the samples of all processes."""
        return self.rows if self.together is None else self.together.rows

    def gather(self, values: Tensor) -> Tensor:
        """Values of this process's samples -> those of the samples of all."""
        return values if self.together is None else self.together.gather(values)

    def own(self, values: Tensor) -> Tensor:
        """Values of the samples of all processes -> those of this one's."""
        return values if self.together is None else values[self.together.own]

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
        return Step(self.batch, partial(self.forward, parameters=parameters), self.views, self.together)


class Method(nn.Module):
    """Base of all methods, and by itself training without a teacher: L = task(z_S^both, y).

    A method declares its options as a class `Options` of its own, or has those of its base. Its own parameters (a
    projection, say) are those of the module; the student's optimiser trains them too, and they are thrown away
    afterwards.

    Attributes:
        views: those of each batch that the loss reads; the student computes them in one pass.
        imitated: those on which the loss compares the student's logits with the teacher's.
        internals: whether the student's outputs hold hidden states and attentions.
        kept: names of the terms whose every sample goes into the history, not the batch's mean alone.
        live_teacher: whether it runs the teacher, so that its file must say `teacher: model`.
        batch_is: what a batch is to the loss. `apart`: samples that do not know of each other; `related`: it may be
            split over processes, whose samples are gathered, but not computed in parts one after another; `whole`: it
            may not be split.

    Args:
        options: values of `Options`, by the names of the method's file.   setting: what it is trained in.
    """

    Options: ClassVar[type[MethodOptions]] = MethodOptions

    views: tuple[View, ...] = ("both",)
    imitated: tuple[View, ...] = ()
    internals: bool = False
    kept: tuple[str, ...] = ()
    live_teacher: bool = False
    batch_is: Literal["apart", "related", "whole"] = "apart"
    options: MethodOptions

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        super().__init__()
        self.options = self.Options.model_validate(options)
        self.setting = setting
        self.task: Task = setting.task
        self.teacher = setting.teacher

    def training_rows(self) -> Tensor:
        """Rows of the training split that the student is trained on: without a teacher those with a label, else all."""
        samples = self.setting.samples
        return torch.arange(samples.labelled if type(self).loss is Method.loss else len(samples))

    def has_label(self, step: Step) -> Tensor:
        """(B,) whether each sample of a batch has a label: pairs for transfer have none."""
        return step.here(step.rows < self.setting.samples.labelled)

    def batch(self, rows: Tensor) -> Batch:
        """The training samples `rows` (B,), on the processor."""
        samples = self.setting.samples
        return Batch(rows, samples.inputs(rows), samples.targets[rows], self.of_teacher(rows))

    def of_teacher(self, rows: Tensor) -> dict[str, Tensor]:
        """What the loss reads of the teacher on the training samples `rows` (B,): view -> logits (B, C) to imitate.

        It is read with the inputs, ahead of the step; a method that reads more of it adds it under other names.
        """
        return {view: self.target(view, rows) for view in self.imitated}

    def step(
        self,
        batch: Batch,
        streams: Callable[[], Sequence[torch.Generator]] = list,
        *,
        together: SharedBatch | None = None,
    ) -> Step:
        """A batch as the student sees it.

        Args:
            streams: of the dropout of each view, or none.   together: the batch of all processes, where it is split.
        """
        setting = self.setting

        def forward(views: Sequence[View], parameters: Mapping[str, Tensor] | None = None) -> dict[View, Output]:
            options = {"removal": setting.removal, "internals": self.internals, "streams": streams()}
            if parameters is None:
                return setting.student(batch.inputs, views, **options)
            return functional_call(setting.student, dict(parameters), (batch.inputs, views), options)

        return Step(batch, forward, self.views, together if self.batch_is == "related" else None)

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss per sample (B,), and named per-sample terms (B,) for the training history."""
        task = self.task_loss(step)
        return task, {"task": task}

    def task_loss(self, step: Step, view: View = "both") -> Tensor:
        """The loss against the gold labels on `view`, per sample (B,); 0 for one without a label."""
        loss = task_loss(step.logits(view), step.targets, task=self.task)
        return loss * self.has_label(step) if self.setting.samples.unlabelled else loss

    def target(self, view: View, rows: Tensor) -> Tensor:
        """The logits (B, C) that the student imitates on `view` of the training samples `rows` (B,): the teacher's."""
        return self.teacher.logits[view][rows]

    def divergence(self, view: View, step: Step, *, temperature: float) -> Tensor:
        """D(view) = T²·KL(target ‖ student), per sample (B,)."""
        return kd_divergence(step.logits(view), step.teacher(view), temperature=temperature, task=self.task)


def method_class(name: str) -> type[Method]:
    """The class `Method…` of msd/distill/methods/<name>.py: the one subclass of `Method` defined there."""
    known = plugin_names(methods)
    if name not in known:
        raise UserError(f"no method {name!r} in msd/distill/methods{nearest(name, known)}")
    return plugin_class(methods, name, Method)
