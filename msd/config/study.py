"""A study as one validated object: the one place for keys and defaults, and for what follows from them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, field_validator

from msd.config.contracts.data import FeaturesParams, PrepareParams
from msd.config.contracts.tables import CollectParams, ReportedDataset, ReportedMethod, ReportParams
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
from msd.config.files import DatasetConfig, EncoderConfig, MethodConfig, named_file, read_named
from msd.config.names import NamedStudy, block_name, check_run_names
from msd.config.sections import Data, Overrides, Report, SaliencyConfig, Student, Teacher, Training
from msd.config.strict import Count, Seed, Title, distinct
from msd.config.yaml_file import read_model, read_yaml, validated
from msd.errors import UserError, nearest

MOST_JOBS = 20_000


class Run(NamedTuple):
    """One job of the grid: a configuration with a block of seeds."""

    dataset: str
    method: str
    variant: str
    seeds: str


class Study(NamedStudy):
    """config/<study>.yaml: a study of modality-specific distillation."""

    title: Title = Field(description="title of the report")
    seeds: list[Seed] = Field(min_length=1, description="a student of every configuration is trained with each")
    seeds_per_job: Count = Field(description="seeds that one job trains, so that it reads its inputs once")
    datasets: dict[str, Overrides] = Field(min_length=1, description="names of files in config/datasets")
    methods: dict[str, dict[str, Any]] = Field(
        min_length=1, description="names of files in config/methods, with the parameters that differ in this study"
    )
    data: Data = Field(description="what the models read")
    saliency: SaliencyConfig = Field(description="how saliency is measured")
    teacher: Teacher = Field(description="the teacher of each dataset, which starts from the text encoder")
    student: Student = Field(description="every student, which starts from random weights")
    engine: EngineParams = Field(EngineParams(), description="where and how exactly models are trained")
    report: Report = Field(description="what tables and figures compare")

    _once = field_validator("seeds")(distinct)

    @cached_property
    def dataset_configs(self) -> dict[str, DatasetConfig]:
        """The study's datasets by name."""
        return {name: read_named(DatasetConfig, "datasets", name) for name in self.datasets}

    @property
    def primary(self) -> list[str]:
        """The datasets on which claims are decided."""
        return [name for name, changes in self.datasets.items() if changes.part == "primary"]

    @property
    def controls(self) -> list[str]:
        """The datasets of which the study predicts that claims do not hold."""
        return [name for name, changes in self.datasets.items() if changes.part == "control"]

    @cached_property
    def method_configs(self) -> dict[str, MethodConfig]:
        """The study's methods, with the study's own parameters."""
        return {name: self._method_config(name) for name in self.methods}

    def _method_config(self, name: str) -> MethodConfig:
        path = named_file("methods", name)
        content, changes = read_yaml(path), self.methods[name]
        read_named(MethodConfig, "methods", name)
        _check_keys(changes, content["parameters"], f"methods.{name}")
        changed = {**content, "parameters": {**content["parameters"], **changes}}
        return validated(MethodConfig, changed, self._file, ("methods", name))

    @cached_property
    def encoder_configs(self) -> dict[str, EncoderConfig]:
        """The study's encoders by name."""
        names = (self.data.extractor, self.data.text_encoder)
        return {name: read_named(EncoderConfig, "encoders", name) for name in names}

    def training(self, role: Literal["teacher", "student"], dataset: str) -> Any:
        """The Teacher or Training of one dataset: the study's values with the dataset's overrides."""
        base: Training = getattr(self, role)
        changes = getattr(self.datasets[dataset], role)
        _check_keys(changes, type(base).model_fields, f"datasets.{dataset}.{role}")
        return validated(type(base), {**base.model_dump(), **changes}, self._file, ("datasets", dataset, role))

    def engine_of(self, role: Literal["teacher", "student"], dataset: str) -> EngineParams:
        """Where the teacher or the students of a dataset are trained: the study's values with the role's."""
        changes = self.training(role, dataset).engine
        _check_keys(changes, EngineParams.model_fields, f"{role}.engine")
        return validated(EngineParams, {**self.engine.model_dump(), **changes}, self._file, (role, "engine"))

    @property
    def blocks(self) -> list[list[int]]:
        """The seeds of each job; later seeds make further blocks."""
        return [
            self.seeds[first : first + self.seeds_per_job] for first in range(0, len(self.seeds), self.seeds_per_job)
        ]

    @property
    def runs(self) -> list[Run]:
        """Every job of the grid."""
        return [
            Run(dataset, method, variant, block_name(block))
            for dataset in self.datasets
            for method, config in self.method_configs.items()
            for variant, _ in config.points
            for block in self.blocks
        ]

    @property
    def rules(self) -> tuple[str, ...]:
        """The files of workflow/rules that run the study, in the order in which they use each other."""
        trained = ("grid", "prepare", "features", "teacher", "outputs", "student")
        return (*trained, "collect", "cost", "tables", "figures", "targets", "report")

    @property
    def sources(self) -> list[DatasetConfig | EncoderConfig]:
        """All that is fetched: datasets, then encoders."""
        return [*self.dataset_configs.values(), *self.encoder_configs.values()]

    def summary(self) -> list[str]:
        """What the study trains, in lines for `msd plan`."""
        datasets, seeds = len(self.datasets), len(self.seeds)
        points = sum(len(config.points) for config in self.method_configs.values())
        factors = f"{number_of(datasets, 'dataset')} × {number_of(points, 'configuration')}"
        return [
            f"{number_of(datasets, 'teacher')}, one a dataset: {', '.join(self.datasets)}",
            f"{number_of(datasets * points * seeds, 'student')}: {factors} of {number_of(len(self.methods), 'method')}"
            f" × {number_of(seeds, 'seed')}, in {number_of(len(self.runs), 'job')}",
        ]

    def from_scratch(self, run: Run) -> Run:
        """The run of the student without a teacher, of the same seeds, that `teacher: student` learns from."""
        method = self.report.from_scratch
        return run._replace(method=method, variant=self.method_configs[method].points[0][0])

    def check(self) -> Study:
        """Read every file the study names, so that a fault shows before any job starts."""
        points = sum(len(config.points) for config in self.method_configs.values())
        if (jobs := len(self.datasets) * points * len(self.blocks)) > MOST_JOBS:
            raise UserError(f"{jobs:,} jobs are more than the {MOST_JOBS:,} that a study may have; raise seeds_per_job")
        check_run_names([*self.runs])
        named = [self.report.baseline, self.report.from_scratch, *self.report.best_of, self.report.learned]
        for name in named:
            if name is not None and name not in self.methods:
                raise UserError(f"report: {name!r} is none of the study's methods{nearest(name, list(self.methods))}")
        if self.method_configs[self.report.from_scratch].teacher == "student":
            raise UserError(f"report.from_scratch: {self.report.from_scratch!r} would be its own teacher")
        check_encoders(self)
        for dataset in self.datasets:
            self.training("teacher", dataset)
            self.training("student", dataset)
        return self

    def prepare_params(self, dataset: str) -> PrepareParams:
        """What the `prepare` job of a dataset is given."""
        config = self.dataset_configs[dataset]
        module = dataset.replace("-", "_")
        return PrepareParams(name=dataset, module=module, task=config.task, prepare=config.prepare)

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

    def teacher_params(self, dataset: str) -> TeacherParams:
        """What the `teacher` job of a dataset is given."""
        teacher: Teacher = self.training("teacher", dataset)
        return TeacherParams(
            **dict(self.model_params(dataset)),
            seed=teacher.seed,
            architecture=teacher.architecture(positions=self.data.max_tokens),
            schedule=teacher.schedule(),
            engine=self.engine_of("teacher", dataset),
        )

    def student_params(self, run: Run) -> StudentParams:
        """What the `student` job of a run is given."""
        student: Student = self.training("student", run.dataset)
        method = self.method_configs[run.method]
        return StudentParams(
            **dict(self.model_params(run.dataset)),
            method=run.method,
            implementation=method.implementation,
            variant=run.variant,
            parameters=dict(method.points)[run.variant],
            seeds=next(block for block in self.blocks if block_name(block) == run.seeds),
            architecture=student.architecture(positions=self.data.max_tokens),
            schedule=student.schedule(),
            words=student.words,
            engine=self.engine_of("student", run.dataset),
        )

    def collect_params(self, dataset: str, method: str) -> CollectParams:
        """What the `collect` job of one method on one dataset is given."""
        config, title = self.dataset_configs[dataset], self.method_configs[method].title
        names = {"study": self.study, "dataset": dataset, "method": method, "title": title}
        return CollectParams(**names, metric=config.metric, task=config.task)

    def report_params(self) -> ReportParams:
        """What tables, figures and report are given."""
        keys = set(ReportedDataset.model_fields)
        datasets = [
            ReportedDataset(**config.model_dump(include=keys), part=self.datasets[name].part)
            for name, config in self.dataset_configs.items()
        ]
        methods = [ReportedMethod(name=name, title=config.title) for name, config in self.method_configs.items()]
        return ReportParams(
            study=self.study,
            title=self.title,
            datasets=datasets,
            methods=methods,
            saliency_measure=self.saliency.measure,
            **self.report.model_dump(),
        )

    def resolved(self) -> dict[str, Any]:
        """The study with every file it names merged in."""
        files = {
            kind: {name: config.model_dump(exclude_none=True) for name, config in getattr(self, kind).items()}
            for kind in ("dataset_configs", "encoder_configs", "method_configs")
        }
        return {"file": self.origin, **self.model_dump(exclude_none=True), **files}


def number_of(count: int, noun: str) -> str:
    """A count with its noun in the singular or plural: "1 seed", "2 seeds"."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _check_keys(changes: dict[str, Any], known: Any, where: str) -> None:
    for key in changes:
        if key not in known:
            raise UserError(f"{where}: unknown key {key!r}{nearest(key, list(known))}")


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
