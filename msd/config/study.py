"""A study as one validated object: the one place for keys and defaults, and for what follows from them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from pydantic import Field

from msd.config.contracts.data import FeaturesParams, PrepareParams, TransferParams
from msd.config.contracts.tables import CHOSEN, CollectParams, ReportedDataset, ReportedMethod, ReportParams
from msd.config.contracts.training import (
    Architecture,
    EngineParams,
    ModelParams,
    OutputsParams,
    SaliencyParams,
    StudentParams,
    TeacherParams,
)
from msd.config.encoders import check_encoders
from msd.config.files import EncoderConfig, Fetched, read_named
from msd.config.grid import Grid, Run, check_keys
from msd.config.models import ModelConfig, Role, built_of, check_models, read_by
from msd.config.names import block_name, number_of
from msd.config.sections import Data, Report, SaliencyConfig, Sizes, Student, Teacher, TrainingConfig, Transfer
from msd.config.strict import Title
from msd.config.yaml_file import read_model, read_yaml, validated
from msd.errors import UserError, nearest


class Study(Grid):
    """config/<study>.yaml: a study of modality-specific distillation."""

    title: Title = Field(description="title of the report")
    data: Data = Field(description="what the models read")
    saliency: SaliencyConfig = Field(description="how saliency is measured")
    transfer: Transfer = Field(Transfer(pairs=0), description="training texts and pictures paired anew, without labels")
    teacher: Teacher = Field(description="of each dataset; starts from `model`, or its text side from the text encoder")
    student: Student = Field(description="starts from `model`, or from random weights, but for its words")
    engine: EngineParams = Field(EngineParams(), description="where and how exactly models are trained")
    report: Report = Field(description="what tables and figures compare")

    @property
    def trains(self) -> tuple[Study, ...]:
        """Itself."""
        return (self,)

    @cached_property
    def encoder_configs(self) -> dict[str, EncoderConfig]:
        """The study's encoders by name."""
        own = [changes.extractor or self.data.extractor for changes in self.datasets.values()]
        names = dict.fromkeys((*own, self.data.text_encoder))
        return {name: read_named(EncoderConfig, "encoders", name) for name in names}

    @cached_property
    def model_configs(self) -> dict[str, ModelConfig]:
        """The pretrained models that its teachers and students start from, by name."""
        names = [self.training(role, name).model for name in self.datasets for role in get_args(Role)]
        return {name: read_named(ModelConfig, "models", name) for name in dict.fromkeys(names) if name is not None}

    def model_of(self, role: Role, dataset: str) -> ModelConfig | None:
        """The pretrained model that a dataset's teacher or students start from, if they do."""
        name = self.training(role, dataset).model
        return None if name is None else self.model_configs[name]

    def extractor(self, dataset: str) -> EncoderConfig:
        """The encoder of a dataset's pictures."""
        return self.encoder_configs[self.datasets[dataset].extractor or self.data.extractor]

    @property
    def extracted(self) -> dict[str, EncoderConfig]:
        """The encoder of each dataset's pictures."""
        return {name: self.extractor(name) for name in self.datasets}

    def training(self, role: Role, dataset: str) -> Any:
        """The Teacher or TrainingConfig of one dataset: the study's values with the dataset's overrides."""
        base: TrainingConfig = getattr(self, role)
        changes = getattr(self.datasets[dataset], role)
        check_keys(changes, type(base).model_fields, f"datasets.{dataset}.{role}")
        kept = base.model_dump(exclude=set(Sizes.model_fields) if "model" in changes else None)
        return validated(type(base), {**kept, **changes}, self._file, ("datasets", dataset, role))

    @cached_property
    def _teacher_seeds(self) -> dict[str, list[int]]:
        return {dataset: self.training("teacher", dataset).seeds for dataset in self.datasets}

    def teacher_seeds(self, dataset: str) -> list[int]:
        """The seeds of a dataset's teachers."""
        return self._teacher_seeds[dataset]

    def engine_of(self, role: Role, dataset: str) -> EngineParams:
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
        models = ("models",) if self.model_configs else ()
        trained = ("grid", "model_files", "prepare", *models, "features", "teacher", "outputs", "transfer", "student")
        return (*trained, "collect", "cost", "tables", "figures", "targets", "report")

    @property
    def sources(self) -> list[Fetched]:
        """All that is fetched: datasets, then encoders, then models."""
        return [*self.dataset_configs.values(), *self.encoder_configs.values(), *self.model_configs.values()]

    def summary(self) -> list[str]:
        """What the study trains, in lines for `msd plan`."""
        teachers = {name: self.teacher_seeds(name) for name in self.datasets}
        each = [f"{name}: {number_of(len(seeds), 'teacher')}, {self.counted(name)}" for name, seeds in teachers.items()]
        return [number_of(sum(map(len, teachers.values())), "teacher"), *each]

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
        check_models(self)
        self.check_accepted()
        return self

    def _check_compared(self, dataset: str) -> None:
        """Every dataset has what all else is compared with, and students that others learn from have their seeds."""
        methods, scratch = self.methods_of(dataset), self.report.from_scratch
        for name in (self.report.baseline, scratch):
            if name not in methods:
                raise UserError(f"datasets.{dataset}.methods: {name!r} is missing, which the report compares with")
        learning = [name for name in methods if self.method_configs[name].teacher == "student"]
        if any(len(self.seeds_of(dataset, name)) > len(self.seeds_of(dataset, scratch)) for name in learning):
            raise UserError(f"methods.{scratch}.seeds: {learning[0]} learns from its students and has more seeds")
        for name in learning:
            if len(self.points(dataset, scratch)) > 1 or (len(self.points(dataset, name)) > 1 and self.search_seeds):
                raise UserError(f"methods: {name} learns from the students of {scratch}; give both one point, no grid")

    def prepare_params(self, dataset: str) -> PrepareParams:
        """What the `prepare` job of a dataset is given."""
        config = self.dataset_configs[dataset]
        return PrepareParams(name=dataset, module=config.reader, task=config.task, prepare=config.prepare)

    def features_params(self, dataset: str) -> FeaturesParams:
        """What the `features` job of a dataset is given."""
        encoder, size = self.extractor(dataset), self.dataset_configs[dataset].size
        assert encoder.module is not None, "checked by check_encoders"
        return FeaturesParams(
            extractor=encoder.name,
            module=encoder.module,
            size=None if encoder.boxes else size or encoder.size,
            boxes=encoder.boxes,
            dims=encoder.dims,
            device=self.engine.device,
            processes=self.data.processes,
        )

    def model_params(self, dataset: str, role: Role | None = None) -> ModelParams:
        """What every job that runs a model is given; without a role, one that starts from the text encoder."""
        config = self.dataset_configs[dataset]
        return ModelParams(
            dataset=dataset,
            dataset_task=config.task,
            metric=config.training_metric,
            removal=self.data.removal,
            data=read_by(self, role, dataset),
        )

    def outputs_params(self, dataset: str) -> OutputsParams:
        """What the `teacher_outputs` job of a dataset is given."""
        teacher: Teacher = self.training("teacher", dataset)
        device = self.engine_of("teacher", dataset).device
        return OutputsParams(**dict(self.model_params(dataset, "teacher")), outputs=teacher.outputs, device=device)

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
            **dict(self.model_params(dataset, "teacher")),
            seed=seed,
            architecture=built_of(self, "teacher", dataset),
            pretrained=teacher.model,
            schedule=teacher.schedule(),
            engine=self.engine_of("teacher", dataset),
        )

    def student_params(self, run: Run) -> StudentParams:
        """What the `student` job of a run is given."""
        student: Student = self.training("student", run.dataset)
        method = self.cell_configs[run.dataset, run.method]
        own, of_teacher = (read_by(self, role, run.dataset) for role in ("student", "teacher"))
        architecture = built_of(self, "student", run.dataset)
        assert isinstance(architecture, Architecture), "checked by check_models"
        return StudentParams(
            **dict(self.model_params(run.dataset, "student")),
            method=run.method,
            implementation=method.implementation,
            variant=run.variant,
            parameters={} if run.variant == CHOSEN else dict(method.points)[run.variant],
            teachers=self.teachers_of(run),
            seeds=self.block(run),
            architecture=architecture,
            schedule=student.schedule(),
            words=student.words,
            pretrained=student.model,
            teacher_data=None if of_teacher == own else of_teacher,
            engine=self.engine_of("student", run.dataset),
        )

    def trainings(self, rule: str) -> Iterator[TeacherParams | StudentParams]:
        """What each job of a rule is given, if it trains a teacher or students."""
        if rule == "teacher":
            yield from (self.teacher_params(name, seed) for name in self.datasets for seed in self.teacher_seeds(name))
        elif rule == "student":
            yield from map(self.student_params, self.runs)

    def collect_params(self, dataset: str, method: str) -> CollectParams:
        """What the `choose` and `collect` jobs of one method on one dataset are given."""
        config, title = self.dataset_configs[dataset], self.method_configs[method].title
        names = {"study": self.study, "dataset": dataset, "method": method, "title": title}
        searching = self.searching_seeds(dataset, method)
        return CollectParams(**names, metric=config.metric, task=config.task, search_seeds=searching)

    def report_params(self) -> ReportParams:
        """What tables, figures and report are given."""
        datasets = [
            ReportedDataset(
                **config.model_dump(include=set(ReportedDataset.model_fields)),
                choices={**config.choices, "regions": f"{self.extractor(name).title}, {self.data.regions}²"},
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
            for kind in ("dataset_configs", "encoder_configs", "model_configs", "method_configs")
            if getattr(self, kind)
        }
        return {"file": self.origin, **self.model_dump(exclude_none=True, exclude={"data_root"}), **files}


def load_study(path: str | Path, overrides: dict[str, Any] | None = None) -> Study:
    """Read, validate and check a study file; `overrides` replace its top-level keys.

    Raises UserError: one sentence that names file, line, key and the nearest valid name.
    """
    content = {**read_yaml(path), **(overrides or {})}
    try:
        study = read_model(Study, path, content)
        study._file = str(path)
        return study.check()
    except UserError as error:
        raise UserError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
