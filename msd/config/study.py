"""A study as one validated object: the one place for keys and defaults, and for what follows from them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from msd.config.contracts.data import FeaturesParams, PrepareParams, TransferParams
from msd.config.contracts.tables import CHOSEN, CollectParams, ReportedDataset, ReportedMethod, ReportParams
from msd.config.contracts.training import (
    EngineParams,
    ModelParams,
    OutputsParams,
    Reading,
    SaliencyParams,
    StudentParams,
    TeacherParams,
)
from msd.config.encoders import check_encoders
from msd.config.files import DatasetConfig, EncoderConfig, read_named
from msd.config.grid import Grid, Run, check_keys
from msd.config.names import block_name
from msd.config.sections import Data, Report, SaliencyConfig, Student, Teacher, Training, Transfer
from msd.config.strict import Title
from msd.config.yaml_file import read_model, read_yaml, validated
from msd.errors import UserError, nearest


class Study(Grid):
    """config/<study>.yaml: a study of modality-specific distillation."""

    title: Title = Field(description="title of the report")
    data: Data = Field(description="what the models read")
    saliency: SaliencyConfig = Field(description="how saliency is measured")
    transfer: Transfer = Field(Transfer(pairs=0), description="training texts and pictures paired anew, without labels")
    teacher: Teacher = Field(description="the teacher of each dataset, which starts from the text encoder")
    student: Student = Field(description="every student, which starts from random weights, but for its words")
    engine: EngineParams = Field(EngineParams(), description="where and how exactly models are trained")
    report: Report = Field(description="what tables and figures compare")

    @property
    def primary(self) -> list[str]:
        """The datasets on which claims are decided."""
        return [name for name, changes in self.datasets.items() if changes.part == "primary"]

    @property
    def controls(self) -> list[str]:
        """The datasets of which the study predicts that claims do not hold."""
        return [name for name, changes in self.datasets.items() if changes.part == "control"]

    @cached_property
    def encoder_configs(self) -> dict[str, EncoderConfig]:
        """The study's encoders by name."""
        names = (self.data.extractor, self.data.text_encoder)
        return {name: read_named(EncoderConfig, "encoders", name) for name in names}

    def training(self, role: Literal["teacher", "student"], dataset: str) -> Any:
        """The Teacher or Training of one dataset: the study's values with the dataset's overrides."""
        base: Training = getattr(self, role)
        changes = getattr(self.datasets[dataset], role)
        check_keys(changes, type(base).model_fields, f"datasets.{dataset}.{role}")
        return validated(type(base), {**base.model_dump(), **changes}, self._file, ("datasets", dataset, role))

    @cached_property
    def _teacher_seeds(self) -> dict[str, list[int]]:
        return {dataset: self.training("teacher", dataset).seeds for dataset in self.datasets}

    def teacher_seeds(self, dataset: str) -> list[int]:
        """The seeds of a dataset's teachers."""
        return self._teacher_seeds[dataset]

    def engine_of(self, role: Literal["teacher", "student"], dataset: str) -> EngineParams:
        """Where the teacher or the students of a dataset are trained: the study's values with the role's."""
        changes = self.training(role, dataset).engine
        check_keys(changes, EngineParams.model_fields, f"{role}.engine")
        return validated(EngineParams, {**self.engine.model_dump(), **changes}, self._file, (role, "engine"))

    @property
    def devices(self) -> set[str]:
        """The values of `engine.device` that its trainings have."""
        return {self.engine_of(role, name).device for role in ("teacher", "student") for name in self.datasets}

    @property
    def rules(self) -> tuple[str, ...]:
        """The files of workflow/rules that run the study, in the order in which they use each other."""
        trained = ("grid", "prepare", "features", "teacher", "outputs", "transfer", "student")
        return (*trained, "collect", "cost", "tables", "figures", "targets", "report")

    @property
    def sources(self) -> list[DatasetConfig | EncoderConfig]:
        """All that is fetched: datasets, then encoders."""
        return [*self.dataset_configs.values(), *self.encoder_configs.values()]

    def summary(self) -> list[str]:
        """What the study trains, in lines for `msd plan`."""
        teachers = {name: self.teacher_seeds(name) for name in self.datasets}
        lines = [f"{number_of(sum(map(len, teachers.values())), 'teacher')}"]
        for name, seeds in teachers.items():
            runs = [run for run in self.runs if run.dataset == name]
            students = sum(len(self.block(run)) for run in runs)
            points = sum(len(self.points(name, method)) for method in self.methods_of(name))
            lines.append(
                f"{name}: {number_of(len(seeds), 'teacher')}, {number_of(students, 'student')} of "
                f"{number_of(len(self.methods_of(name)), 'method')}, {number_of(points, 'configuration')} and "
                f"{number_of(len(self.seeds_of(name)), 'seed')}, in {number_of(len(runs), 'job')}"
            )
        return lines

    def from_scratch(self, run: Run) -> Run:
        """The run of the student without a teacher, of the same seeds, that `teacher: student` learns from."""
        method, seed = self.report.from_scratch, self.block(run)[0]
        searching, _ = self.blocks(run.dataset, method)  # it has one point, which all seeds choose
        block = next(block for block in searching if seed in block)
        return Run(run.dataset, method, self.points(run.dataset, method)[0][0], block_name(block))

    def check(self) -> Study:
        """Read every file the study names, so that a fault shows before any job starts."""
        self.check_grid()
        named = [self.report.baseline, self.report.from_scratch, *self.report.best_of, self.report.learned]
        for name in named:
            if name is not None and name not in self.methods:
                raise UserError(f"report: {name!r} is none of the study's methods{nearest(name, list(self.methods))}")
        if self.method_configs[self.report.from_scratch].teacher == "student":
            raise UserError(f"report.from_scratch: {self.report.from_scratch!r} would be its own teacher")
        for dataset in self.datasets:
            self._check_compared(dataset)
        check_encoders(self)
        self.check_accepted()
        for dataset in self.datasets:
            self.training("teacher", dataset)
            self.training("student", dataset)
        return self

    def _check_compared(self, dataset: str) -> None:
        """Every dataset has what all else is compared with, and students that others learn from have their seeds."""
        methods, scratch = self.methods_of(dataset), self.report.from_scratch
        for name in (self.report.baseline, scratch):
            if name not in methods:
                raise UserError(f"datasets.{dataset}.methods: {name!r} is missing, which the report compares with")
        taught = [name for name in methods if self.method_configs[name].teacher == "student"]
        if any(len(self.seeds_of(dataset, name)) > len(self.seeds_of(dataset, scratch)) for name in taught):
            raise UserError(f"methods.{scratch}.seeds: {taught[0]} learns from its students and has more seeds")
        for name in taught:
            if len(self.points(dataset, scratch)) > 1 or (len(self.points(dataset, name)) > 1 and self.search_seeds):
                raise UserError(f"methods: {name} learns from the students of {scratch}; give both one point, no grid")

    def prepare_params(self, dataset: str) -> PrepareParams:
        """What the `prepare` job of a dataset is given."""
        config = self.dataset_configs[dataset]
        return PrepareParams(name=dataset, module=config.reader, task=config.task, prepare=config.prepare)

    def features_params(self, dataset: str) -> FeaturesParams:
        """What the `features` job of a dataset is given."""
        encoder = self.encoder_configs[self.data.extractor]
        assert encoder.module is not None, "checked by check_encoders"
        assert encoder.size is not None, "checked by check_encoders"
        size = self.dataset_configs[dataset].size or encoder.size
        return FeaturesParams(extractor=encoder.name, module=encoder.module, size=size, processes=self.data.processes)

    def model_params(self, dataset: str) -> ModelParams:
        """What every job that runs a model is given."""
        config = self.dataset_configs[dataset]
        return ModelParams(
            dataset=dataset,
            dataset_task=config.task,
            metric=config.training_metric,
            removal=self.data.removal,
            data=Reading(regions=self.data.regions, max_tokens=self.data.max_tokens),
        )

    def outputs_params(self, dataset: str) -> OutputsParams:
        """What the `teacher_outputs` job of a dataset is given."""
        teacher: Teacher = self.training("teacher", dataset)
        device = self.engine_of("teacher", dataset).device
        return OutputsParams(**dict(self.model_params(dataset)), outputs=teacher.outputs, device=device)

    def saliency_params(self, dataset: str) -> SaliencyParams:
        """What the `saliency` job of a dataset is given."""
        return SaliencyParams(**dict(self.model_params(dataset)), measure=self.saliency.measure)

    def pairs(self, dataset: str) -> int:
        """Pairs for transfer of each training sample of a dataset; 0: its students learn from none."""
        return (self.datasets[dataset].transfer or self.transfer).pairs

    def transfer_params(self, dataset: str) -> TransferParams:
        """What the `transfer` job of a dataset is given."""
        return TransferParams(dataset=dataset, pairs=self.pairs(dataset))

    def teacher_params(self, dataset: str, seed: int) -> TeacherParams:
        """What a `teacher` job of a dataset is given."""
        teacher: Teacher = self.training("teacher", dataset)
        return TeacherParams(
            **dict(self.model_params(dataset)),
            seed=seed,
            architecture=teacher.architecture(positions=self.data.max_tokens),
            schedule=teacher.schedule(),
            engine=self.engine_of("teacher", dataset),
        )

    def student_params(self, run: Run) -> StudentParams:
        """What the `student` job of a run is given."""
        student: Student = self.training("student", run.dataset)
        method = self.cell_configs[run.dataset, run.method]
        return StudentParams(
            **dict(self.model_params(run.dataset)),
            method=run.method,
            implementation=method.implementation,
            variant=run.variant,
            parameters={} if run.variant == CHOSEN else dict(method.points)[run.variant],
            teachers=self.teachers_of(run),
            seeds=self.block(run),
            architecture=student.architecture(positions=self.data.max_tokens),
            schedule=student.schedule(),
            words=student.words,
            engine=self.engine_of("student", run.dataset),
        )

    def collect_params(self, dataset: str, method: str) -> CollectParams:
        """What the `choose` and `collect` jobs of one method on one dataset are given."""
        config, title = self.dataset_configs[dataset], self.method_configs[method].title
        names = {"study": self.study, "dataset": dataset, "method": method, "title": title}
        searching = self.searching_seeds(dataset, method)
        return CollectParams(**names, metric=config.metric, task=config.task, search_seeds=searching)

    def report_params(self) -> ReportParams:
        """What tables, figures and report are given."""
        keys = set(ReportedDataset.model_fields)
        datasets = [
            ReportedDataset(
                **config.model_dump(include=keys),
                part=self.datasets[name].part,
                teachers=self.teacher_seeds(name),
                methods=self.methods_of(name),
            )
            for name, config in self.dataset_configs.items()
        ]
        methods = [ReportedMethod(name=name, title=config.title) for name, config in self.method_configs.items()]
        return ReportParams(
            study=self.study,
            title=self.title,
            datasets=datasets,
            methods=methods,
            search_seeds=self.search_seeds,
            saliency_measure=self.saliency.measure,
            **self.report.model_dump(),
        )

    def resolved(self) -> dict[str, Any]:
        """The study with every file it names merged in."""
        files = {
            kind: {name: config.model_dump(exclude_none=True) for name, config in getattr(self, kind).items()}
            for kind in ("dataset_configs", "encoder_configs", "method_configs")
        }
        own = self.model_dump(exclude_none=True, exclude={"data_root"})
        return {"file": self.origin, **own, **files}


def number_of(count: int, noun: str) -> str:
    """A count with its noun in the singular or plural: "1 seed", "2 seeds"."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def load_study(path: str | Path, overrides: dict[str, Any] | None = None) -> Study:
    """Read, validate and check a study file; `overrides` replace its top-level keys.

    Raises:
        UserError: one sentence that names file, line, key and the nearest valid name.
    """
    content = {**read_yaml(path), **(overrides or {})}
    try:
        study = read_model(Study, path, content)
        study._file = str(path)
        return study.check()
    except UserError as error:
        raise UserError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
