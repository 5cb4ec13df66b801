"""The auxiliary terms of MSD: the teacher is imitated on image alone and on text alone."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator
from torch import Tensor

from msd.distill.method import Method, Setting, Step
from msd.distill.options import Lambda, MethodOptions, Strength, Temperature, Weighting
from msd.distill.weighting import MODALITIES, WEIGHTINGS
from msd.models.views import VIEWS, View


class AuxiliaryMethod(Method):
    """Base of methods that add w_image·D(image) + w_text·D(text), D = T²·KL(teacher ‖ student) per sample.

    Without a `weighting`, or where λ or c is 0, nothing is added. A control says with `target` or `unimodal` what
    stands in place of D.
    """

    class Options(MethodOptions):
        """Of the auxiliary terms: all four of them, or none."""

        weighting: Weighting | None = Field(None, description="what the weights follow: nothing, or modality saliency")
        share: Lambda = 0
        temperature: Temperature = 1
        strength: Strength = 0

        @model_validator(mode="after")
        def _are_together(self) -> Self:
            missing = {"weighting", "share", "temperature", "strength"} - self.model_fields_set
            if 0 < len(missing) < 4:
                names = ", ".join(sorted("lambda" if name == "share" else name for name in missing))
                raise ValueError(f"the auxiliary terms of MSD need {names} too")
            return self

    options: Options

    auxiliary = "kd"
    """What the two terms are called in the history."""

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        super().__init__(options, setting)
        self.weights: dict[str, Tensor] = {}
        if self.options.weighting is not None and self.options.share * self.options.strength > 0:
            weights = WEIGHTINGS[self.options.weighting](self.teacher.saliency, strength=self.options.strength)
            self.weights = {modality: weights[modality].expand(len(setting.samples)) for modality in MODALITIES}
            self.views, self.imitated = VIEWS, (*self.imitated, *MODALITIES)

    def of_teacher(self, rows: Tensor) -> dict[str, Tensor]:
        """The logits of `imitated`, and `weight/<modality>` (B,) of each auxiliary term."""
        weights = {f"weight/{modality}": weights[rows] for modality, weights in self.weights.items()}
        return super().of_teacher(rows) | weights

    def unimodal(self, view: View, step: Step) -> Tensor:
        """The auxiliary term of image or text, per sample (B,): D(view)."""
        return self.divergence(view, step, temperature=self.options.temperature)

    def with_auxiliary(self, loss: Tensor, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """`loss` (B,) with the weighted terms on top, and terms and weights (B,) by name."""
        terms: dict[str, Tensor] = {}
        for modality in MODALITIES if self.weights else ():
            weight, term = step.batch.teacher[f"weight/{modality}"], self.unimodal(modality, step)
            terms |= {f"weight/{modality}": weight, f"{self.auxiliary}/{modality}": term}
            loss = loss + weight * term
        return loss, terms
