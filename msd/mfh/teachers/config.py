"""The section `teachers` of a study file: the hypothesis put to the teachers of an MSD study."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import Field, field_validator

from msd.config.contracts.data import DatasetTask
from msd.config.contracts.training import ModelParams
from msd.config.names import number_of
from msd.config.strict import (
    BatchSize,
    Count,
    Draws,
    LearningRate,
    Part,
    Seed,
    Strict,
    Temperature,
    Weight,
    Width,
    distinct,
)
from msd.config.study import Study, load_study
from msd.errors import UserError, nearest
from msd.mfh.config import JointTraining

Modality = Literal["image", "text"]


class UnimodalStudent(Strict):
    """A student that reads one modality: one hidden layer on frozen features, AdamW with linear decay."""

    hidden: Width = Field(description="width of the hidden layer")
    batch_size: BatchSize = Field(description="samples of a step")
    learning_rate: LearningRate = Field(description="learning rate at the start")
    weight_decay: Weight = Field(description="weight decay")
    kd_weight: Part = Field(description="λ of (1 − λ) · task + λ · KD")
    temperature: Temperature = Field(description="temperature T of KD")


class StudentTraining(UnimodalStudent):
    """The same in a job, with the steps of its dataset."""

    steps: Count


class DatasetTeachers(ModelParams):
    """What both stages are given: a dataset, the shares r, students' seeds, and draws of the bootstrap of pictures."""

    shares: list[Part]
    seeds: list[Seed]
    draws: Draws


class VariantsParams(DatasetTeachers):
    """Stage `teacher_variants`, of one teacher: `seeds` are those of its students."""

    generality: JointTraining


class StudentsParams(DatasetTeachers):
    """Stage `unimodal_students`. teachers: for each of `seeds` the seed of the teacher that the student learns from."""

    teachers: list[Seed]
    modality: Modality
    student: StudentTraining


class TeacherDataset(Strict):
    """A dataset as the tables name it. teachers: for each of the study's seeds that of the student's teacher."""

    name: str
    title: str
    task: DatasetTask
    metric: str
    teachers: list[Seed]


class TeacherTables(Strict):
    """What the tables are given besides the results."""

    datasets: list[TeacherDataset]
    shares: list[Part]
    seeds: list[Seed]
    draws: Draws


class Teachers(Strict):
    """The hypothesis on the vision-language teachers of an MSD study."""

    study: str = Field(description="the MSD study's file, as config/demo.yaml")
    datasets: dict[str, Count] = Field(min_length=1, description="dataset of that study -> steps its students take")
    shares: list[Part] = Field(min_length=2, description="shares r of a teacher's channels that are silenced, beside 0")
    seeds: list[Seed] = Field(
        min_length=2, description="every student is trained with each; dealt to a dataset's teachers in turn"
    )
    draws: Draws = Field(description="draws of the bootstrap of pictures")
    generality: JointTraining = Field(description="Algorithm 1 on the teachers' features")
    student: UnimodalStudent = Field(description="every student")

    _once = field_validator("shares", "seeds")(distinct)

    @cached_property
    def msd(self) -> Study:
        """The MSD study whose teachers they are."""
        return load_study(self.study)

    def check(self) -> Teachers:
        """Raises UserError when the MSD study is faulty, or lacks a dataset, or a teacher would have no student."""
        for name in self.datasets:
            if name not in self.msd.datasets:
                known = list(self.msd.datasets)
                raise UserError(f"teachers.datasets: {self.study} has no dataset {name!r}{nearest(name, known)}")
            count = len(self.msd.teacher_seeds(name))
            if count > len(self.seeds):
                raise UserError(
                    f"teachers.seeds: {name} has {number_of(count, 'teacher')} in {self.study}, each of which needs a "
                    f"student; give as many seeds, not {len(self.seeds)}"
                )
        return self

    def dealt(self, dataset: str) -> list[int]:
        """The seed of the teacher that each of `seeds` learns from: they are dealt to the dataset's in turn."""
        known = self.msd.teacher_seeds(dataset)
        return [known[place % len(known)] for place in range(len(self.seeds))]

    def summary(self) -> str:
        """How many students are trained, in a line for `msd plan`."""
        # No teacher, or one of three views: regular, or of three kinds with a share of its channels silenced.
        students = 2 * (1 + 3 * (1 + 3 * len(self.shares)))
        count = len(self.datasets) * students * len(self.seeds)
        factors = f"{number_of(len(self.datasets), 'dataset')} × {students} × {number_of(len(self.seeds), 'seed')}"
        return f"{number_of(count, 'student')} of one modality: {factors}, of the teachers of {self.study}"

    def variants_params(self, dataset: str, teacher: int) -> VariantsParams:
        """What the `teacher_variants` job of the teacher of that seed is given."""
        dealt = zip(self.seeds, self.dealt(dataset), strict=True)
        own = {"seeds": [seed for seed, given in dealt if given == teacher]}
        return VariantsParams(**self._params(dataset) | own, generality=self.generality)

    def students_params(self, dataset: str, modality: Modality) -> StudentsParams:
        """What a `unimodal_students` job is given."""
        student = StudentTraining(**self.student.model_dump(), steps=self.datasets[dataset])
        teachers = self.dealt(dataset)
        return StudentsParams(**self._params(dataset), teachers=teachers, modality=modality, student=student)

    def _params(self, dataset: str) -> dict[str, Any]:
        return {**self.msd.model_params(dataset).model_dump(), **self._shared()}

    def _shared(self) -> dict[str, Any]:
        return {"shares": sorted(self.shares), "seeds": self.seeds, "draws": self.draws}

    def table_params(self) -> TeacherTables:
        """What the tables are given."""
        return TeacherTables(datasets=[self._dataset(name) for name in self.datasets], **self._shared())

    def _dataset(self, name: str) -> TeacherDataset:
        config = self.msd.dataset_configs[name]
        return TeacherDataset(
            name=name, title=config.title, task=config.task, metric=config.training_metric, teachers=self.dealt(name)
        )
