"""The files that a study names: datasets, encoders, methods; and the training of a model."""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from msd.config.contracts.data import DatasetTask, FetchParams, Licence, Source
from msd.config.contracts.training import Architecture, Schedule, Shape, TeacherSchedule
from msd.config.strict import Count, Positive, Scalar, Seed, Strict
from msd.measure.metric import METRICS, primary_metrics


class DatasetConfig(Strict):
    """config/datasets/<name>.yaml: a dataset and how its splits are made."""

    name: str
    title: str
    role: str
    sources: Annotated[list[Source], Field(min_length=1)]
    licence: Licence
    citation: str
    task: DatasetTask
    metric: str
    labels: str
    prepare: dict[str, Any]

    @model_validator(mode="after")
    def _metric_fits_task(self) -> DatasetConfig:
        if self.metric not in (fitting := primary_metrics(self.task)):
            raise ValueError(f"metric {self.metric!r} does not fit the task {self.task!r}: {fitting}")
        return self

    @property
    def training_metric(self) -> str:
        """The metric, or where it is of people's answers, which training does not see, that of its targets."""
        return "accuracy" if METRICS[self.metric].of_answers else self.metric


class EncoderConfig(Strict):
    """config/encoders/<name>.yaml: pretrained weights and what is fixed by them."""

    name: str
    title: str
    role: str
    sources: Annotated[list[Source], Field(min_length=1, max_length=1)]
    licence: Licence
    citation: str
    parameters: Count
    dims: Count
    module: str | None = None
    size: Count | None = None
    layers: Count | None = None


def fetch_params(config: DatasetConfig | EncoderConfig) -> FetchParams:
    """What the `fetch` job of a dataset or an encoder is given."""
    return FetchParams(name=config.name, sources=config.sources, licence=config.licence, citation=config.citation)


class MethodConfig(Strict):
    """config/methods/<name>.yaml: a method's code and parameters; a parameter given as a list is a grid axis.

    `teacher`: what the method learns from: the teacher's cached outputs, these and the model itself, or in place of
    both the outputs of the student that the study trains from scratch with the same seed.
    """

    name: str
    title: str
    source: str
    implementation: str
    teacher: Literal["outputs", "model", "student"] = "outputs"
    parameters: dict[str, Scalar | list[Scalar]]

    @field_validator("parameters")
    @classmethod
    def _are_grids(cls, parameters: dict[str, Scalar | list[Scalar]]) -> dict[str, Scalar | list[Scalar]]:
        for name, values in parameters.items():
            if values == []:
                raise ValueError(f"{name} is an empty grid; give at least one value")
            if isinstance(values, list) and len(set(values)) < len(values):
                raise ValueError(f"{name} lists a value twice: {values}")
        return parameters

    @property
    def points(self) -> list[tuple[str, dict[str, Scalar]]]:
        """(variant, parameters) of every grid point; the variant names the values of the axes."""
        axes = {name: value for name, value in self.parameters.items() if isinstance(value, list)}
        fixed = {name: value for name, value in self.parameters.items() if not isinstance(value, list)}
        points = []
        for values in itertools.product(*axes.values()):
            chosen = dict(zip(axes, values, strict=True))
            label = "_".join(f"{name}-{value}" for name, value in chosen.items()) or "default"
            points.append((label, {**fixed, **chosen}))
        return points


class Training(Schedule, Shape):
    """Architecture and schedule of a model."""

    def architecture(self, *, positions: int) -> Architecture:
        """The model's sizes, for texts of that many word pieces."""
        return Architecture(**self.model_dump(include=set(Shape.model_fields)), positions=positions)

    def schedule(self) -> Schedule:
        """How the model is trained."""
        return Schedule(**self.model_dump(include=set(Schedule.model_fields)))


class Teacher(Training):
    """The teacher starts from the text encoder, whose parameters have a learning rate of their own."""

    seed: Seed
    pretrained_learning_rate: Positive

    def schedule(self) -> TeacherSchedule:
        """How the teacher is trained."""
        return TeacherSchedule(**self.model_dump(include=set(TeacherSchedule.model_fields)))
