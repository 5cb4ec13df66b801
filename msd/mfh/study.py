"""A study of the Modality Focusing Hypothesis as one validated object (`kind: mfh` in its file)."""

from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from msd.config.contracts.data import DatasetParams
from msd.config.fetching import FetchingStudy
from msd.config.files import DatasetConfig, EncoderConfig, Fetched
from msd.config.strict import Strict, Title
from msd.config.study import Study
from msd.config.yaml_file import read_model, read_yaml
from msd.errors import UserError
from msd.mfh.av_mnist.config import AvMnist, AvMnistTable
from msd.mfh.config import JointTraining
from msd.mfh.crossmodal.config import Crossmodal, CrossmodalParams, CrossmodalTable, read_crossmodal
from msd.mfh.gaussian.config import Gaussian, Normalisation, PublishedSweep
from msd.mfh.teachers.config import Teachers, TeacherTables


class ReportParams(Strict):
    """Stages `mfh_tables`, `mfh_figures` and `mfh_report`: `kl` and `published` are of the Gaussian part."""

    study: str
    title: str
    kl: Normalisation
    published: dict[str, PublishedSweep]
    av_mnist: AvMnistTable
    crossmodal: dict[str, CrossmodalTable]
    teachers: TeacherTables | None


class MfhStudy(FetchingStudy):
    """config/<study>.yaml: a study of the Modality Focusing Hypothesis, whose nets are drawn and trained at once.

    Each section is a part of the study, which gives the parameters of its own jobs and tables.
    """

    kind: Literal["mfh"] = Field(description="what makes it a study of this hypothesis")
    title: Title = Field(description="title of the report")
    gaussian: Gaussian = Field(description="linear nets on drawn data")
    generality: JointTraining = Field(description="Algorithm 1 on the data of table 2")
    av_mnist: AvMnist = Field(description="digits seen and heard")
    crossmodal: dict[str, str] = Field({}, description="name of a file in config/crossmodal -> folder of its data")
    teachers: Teachers | None = Field(None, description="the hypothesis on the teachers of an MSD study")

    readers = "msd.mfh.av_mnist"

    @property
    def reads(self) -> tuple[Study, ...]:
        """The study of its teachers, if it has any."""
        return () if self.teachers is None else (self.teachers.msd,)

    @cached_property
    def dataset_configs(self) -> dict[str, DatasetConfig]:
        """The data sets that are fetched, by name."""
        config = self.av_mnist.dataset
        return {config.name: config} if config else {}

    @property
    def datasets(self) -> list[str]:
        """Their names."""
        return list(self.dataset_configs)

    @property
    def encoder_configs(self) -> dict[str, EncoderConfig]:
        """Pretrained encoders: none."""
        return {}

    @property
    def sources(self) -> list[Fetched]:
        """All that is fetched."""
        return [*self.dataset_configs.values()]

    @property
    def devices(self) -> set[str]:
        """The values of `device` that its trainings have."""
        trainings = [self.av_mnist.training, *(config.training for config in self.crossmodal_configs.values())]
        return {self.gaussian.device, *(training.engine.device for training in trainings)}

    @property
    def rules(self) -> tuple[str, ...]:
        """The files of workflow/rules that run the study, in the order in which they use each other."""
        teachers = () if self.teachers is None else ("mfh_files", "mfh_teachers", "mfh_students")
        return ("mfh_gaussian", "mfh_av_mnist", "mfh_crossmodal", *teachers, "mfh_tables", "mfh_report")

    def summary(self) -> list[str]:
        """What the study trains, in lines for `msd plan`."""
        teachers = () if self.teachers is None else (self.teachers.summary(),)
        return [self.gaussian.summary(), self.av_mnist.summary(), *teachers]

    @cached_property
    def crossmodal_configs(self) -> dict[str, Crossmodal]:
        """The data sets whose folders are given."""
        return read_crossmodal(self.crossmodal)

    def prepare_params(self, dataset: str) -> DatasetParams:
        """What the job that prepares a data set is given."""
        return DatasetParams(name=dataset, prepare=self.dataset_configs[dataset].prepare)

    def crossmodal_params(self, name: str) -> CrossmodalParams:
        """What the `crossmodal` job of one data set is given."""
        return self.crossmodal_configs[name].params(self.crossmodal[name])

    def report_params(self) -> ReportParams:
        """What tables, figures and report are given."""
        return ReportParams(
            study=self.study,
            title=self.title,
            kl=self.gaussian.kl,
            published=self.gaussian.published,
            av_mnist=self.av_mnist.table_params(),
            crossmodal={name: config.table_params(name) for name, config in self.crossmodal_configs.items()},
            teachers=None if self.teachers is None else self.teachers.table_params(),
        )

    def resolved(self) -> dict[str, Any]:
        """The study with every file it names merged in."""
        files = {name: config.model_dump(mode="json") for name, config in self.crossmodal_configs.items()}
        published = {name: sweep.model_dump(mode="json") for name, sweep in self.gaussian.published.items()}
        own = self.model_dump(mode="json", exclude={"data_root"})
        return {"file": self.origin, **own, "crossmodal_files": files, "published": published}


def load_mfh_study(path: str | Path, overrides: dict[str, Any] | None = None) -> MfhStudy:
    """Read and validate a study file and all that it names; raises UserError with file, line, key and nearest name."""
    study = read_model(MfhStudy, path, {**read_yaml(path), **(overrides or {})})
    study._file = str(path)
    if study.teachers is not None:
        try:
            study.teachers.check()
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
    study.report_params()  # reads every file that the study names
    study.check_accepted()
    return study
