"""What a distillation method is: a class that turns one training step into a loss per sample."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from torch import Tensor

from msd.distill import methods
from msd.distill.losses import Task
from msd.errors import UserError
from msd.models.views import View


@dataclass(frozen=True)
class TeacherTargets:
    """The cached teacher on the training split: logits (N, C) per view, and saliency (N,) per modality."""

    logits: Mapping[str, Tensor]
    saliency: Mapping[str, Tensor]


@dataclass
class Step:
    """One batch: row numbers into the training split (B,), targets, and the student's logits by view.

    `forward` runs the student on one view; its result is kept, so a view is computed at most once a step.
    """

    rows: Tensor
    targets: Tensor
    forward: Callable[[View], Tensor]
    _logits: dict[View, Tensor] = field(default_factory=dict)

    def logits(self, view: View) -> Tensor:
        """The student's logits (B, C) on `view`."""
        if view not in self._logits:
            self._logits[view] = self.forward(view)
        return self._logits[view]


class Method:
    """Base of all methods: keeps the resolved parameters, the kind of task and the cached teacher."""

    def __init__(self, parameters: Mapping[str, Any], *, task: Task, teacher: TeacherTargets) -> None:
        self.parameters = parameters
        self.task: Task = task
        self.teacher = teacher

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss per sample (B,), and named per-sample terms (B,) for the training history."""
        raise TypeError(f"{type(self).__module__} defines no loss(step)")


def method_class(name: str) -> type[Method]:
    """The class `Method…` of msd/distill/methods/<name>.py: the one subclass of `Method` defined there."""
    known = [module.name for module in pkgutil.iter_modules(methods.__path__)]
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise UserError(
            f"no method {name!r} in msd/distill/methods; "
            + (f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}")
        )
    module = importlib.import_module(f"{methods.__name__}.{name}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Method) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise UserError(f"{module.__name__} must define exactly one subclass of Method, it defines {len(found)}")
    return found[0]
