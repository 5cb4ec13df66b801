"""The section `teachers` of a study file: the hypothesis put to the teachers of an MSD study."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from msd.config.strict import Count, NotNegative, Positive, Seed, Strict, distinct
from msd.config.study import Study, load_study, number_of
from msd.errors import UserError, nearest
from msd.mfh.config import JointTraining

Part = Annotated[float, Field(gt=0, lt=1)]
Modality = Literal["image", "text"]


class UnimodalStudent(Strict):
    """A student that reads one modality: one hidden layer on frozen features, AdamW with linear decay."""

    hidden: Count = Field(description="width of the hidden layer")
    batch_size: Count = Field(description="samples of a step")
    learning_rate: Positive = Field(description="learning rate at the start")
    weight_decay: NotNegative = Field(description="weight decay")
    kd_weight: Part = Field(description="λ of (1 − λ) · task + λ · KD")
    temperature: Positive = Field(description="temperature T of KD")


class Teachers(Strict):
    """The hypothesis on the vision-language teachers of an MSD study."""

    study: str = Field(description="the MSD study's file, as config/demo.yaml")
    datasets: dict[str, Count] = Field(min_length=1, description="dataset of that study -> steps its students take")
    shares: list[Part] = Field(min_length=2, description="shares r of a teacher's channels that are silenced, beside 0")
    seeds: list[Seed] = Field(min_length=2, description="every student is trained with each")
    draws: int = Field(ge=100, description="draws of the bootstrap of pictures")
    generality: JointTraining = Field(description="Algorithm 1 on the teachers' features")
    student: UnimodalStudent = Field(description="every student")

    _once = field_validator("shares", "seeds")(distinct)

    @cached_property
    def msd(self) -> Study:
        """The MSD study whose teachers they are."""
        return load_study(self.study)

    def check(self) -> Teachers:
        """Raises UserError when the MSD study is faulty or lacks a dataset."""
        for name in self.datasets:
            if name not in self.msd.datasets:
                known = list(self.msd.datasets)
                raise UserError(f"teachers.datasets: {self.study} has no dataset {name!r}{nearest(name, known)}")
        return self

    def summary(self) -> str:
        """How many students are trained, in a line for `msd plan`."""
        # No teacher, or one of three views: regular, or of three kinds with a share of its channels silenced.
        students = 2 * (1 + 3 * (1 + 3 * len(self.shares)))
        count = len(self.datasets) * students * len(self.seeds)
        factors = f"{number_of(len(self.datasets), 'dataset')} × {students} × {number_of(len(self.seeds), 'seed')}"
        return f"{number_of(count, 'student')} of one modality: {factors}, of the teachers of {self.study}"

    def variants_params(self, dataset: str) -> dict[str, Any]:
        """Parameters of a `teacher_variants` job."""
        return {**self._params(dataset), "generality": self.generality.model_dump(mode="json")}

    def students_params(self, dataset: str, modality: Modality) -> dict[str, Any]:
        """Parameters of a `unimodal_students` job."""
        student = self.student.model_dump(mode="json") | {"steps": self.datasets[dataset]}
        return {**self._params(dataset), "modality": modality, "student": student}

    def _params(self, dataset: str) -> dict[str, Any]:
        shared = {"shares": sorted(self.shares), "seeds": self.seeds, "draws": self.draws}
        return {**self.msd.model_params(dataset).model_dump(mode="json"), **shared}

    def report_params(self) -> dict[str, Any]:
        """What the tables need besides the results."""
        configs = [self.msd.dataset_configs[name] for name in self.datasets]
        keys = {"name", "title", "task"}
        datasets = [config.model_dump(include=keys) | {"metric": config.training_metric} for config in configs]
        return {"datasets": datasets, "shares": sorted(self.shares), "seeds": self.seeds, "draws": self.draws}
