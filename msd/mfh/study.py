"""A study of the Modality Focusing Hypothesis as one validated object (`kind: mfh` in its file)."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from msd.config.claims import Published, read_claims
from msd.config.files import DatasetConfig, EncoderConfig
from msd.config.strict import Count, Positive, Strict, distinct
from msd.config.study import number_of
from msd.config.yaml_file import read_model, read_yaml
from msd.errors import UserError
from msd.mfh.av_mnist.config import AvMnist
from msd.mfh.crossmodal.config import Crossmodal, crossmodal_params, published_of, read_crossmodal
from msd.mfh.teachers.config import GeneralityTraining, Teachers

Share = Annotated[int, Field(ge=0, le=10)]
Specific = Annotated[int, Field(ge=0, le=40)]
Channels = Annotated[int, Field(ge=0, le=50)]
Seed = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
CLAIMS = Path("config/claims.yaml")
EXPERIMENTS = ("exp1", "exp2", "table2")


class SharedSweep(Strict):
    """Experiment 1: how many of 10 decisive channels both modalities share."""

    first_seed: Seed
    shared: Annotated[list[Share], Field(min_length=1)]

    _once = field_validator("shared")(distinct)


class SpecificSweep(Strict):
    """Experiment 2: how many decisive channels the teacher's modality has beside the 10 shared ones."""

    first_seed: Seed
    specific: Annotated[list[Specific], Field(min_length=1)]

    _once = field_validator("specific")(distinct)


class Table2(Strict):
    """Table 2: decisive channels of the teacher's modality alone, and of both, for each γ."""

    first_seed: Seed
    channels: Annotated[list[tuple[Channels, Channels]], Field(min_length=1)]

    @field_validator("channels")
    @classmethod
    def _fit(cls, channels: list[tuple[int, int]]) -> list[tuple[int, int]]:
        for specific, shared in channels:
            if shared < 1 or specific + shared > 50:
                raise ValueError(f"[{specific}, {shared}]: at least one channel is shared, and both together are ≤ 50")
        gammas = [shared / (specific + shared) for specific, shared in channels]
        if len(set(gammas)) < len(gammas):
            raise ValueError(f"two settings have the same γ: {[list(counts) for counts in channels]}")
        return channels


class Gaussian(Strict):
    """The synthetic study: sizes, training, and the sweeps of its three parts."""

    runs: Count
    train: Count
    test: Count
    epochs: Count
    learning_rate: Positive
    task_weight: Weight
    kd_weight: Positive
    kl: Literal["batch", "batch-and-classes"]
    device: str
    exp1: SharedSweep
    exp2: SpecificSweep
    table2: Table2


class MfhStudy(Strict):
    """config/<study>.yaml: a study of the Modality Focusing Hypothesis, whose nets are drawn and trained at once."""

    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    kind: Literal["mfh"]
    title: str
    gaussian: Gaussian
    generality: GeneralityTraining
    av_mnist: AvMnist
    crossmodal: dict[str, str] = Field(default_factory=dict)  # data set of config/crossmodal -> folder of its files
    teachers: Teachers | None = None

    @cached_property
    def published(self) -> dict[str, dict[str, Any]]:
        """What config/claims.yaml has of each experiment: source, reading_error, values (setting -> method -> percent).

        released_gain: setting -> gain of regular KD in the released scripts, where they were run.
        """
        items = read_claims(CLAIMS).published.values()
        return {name: _published([item for item in items if item.table == f"gaussian_{name}"]) for name in EXPERIMENTS}

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
    def sources(self) -> list[DatasetConfig | EncoderConfig]:
        """All that is fetched."""
        return [*self.dataset_configs.values()]

    @property
    def rules(self) -> tuple[str, ...]:
        """The files of workflow/rules that run the study, in the order in which they use each other."""
        teachers = () if self.teachers is None else ("mfh_teachers",)
        return ("mfh_av_mnist", "mfh_crossmodal", *teachers, "mfh")

    def summary(self) -> list[str]:
        """What the study trains, in lines for `msd plan`."""
        from msd.mfh.gaussian.data import settings  # loads torch, which the workflow need not wait for

        drawn = settings(self.experiments)
        nets = sum(len(setting.nets) * len(seeds) for setting, seeds in drawn)
        size = f"{number_of(len(drawn), 'setting')} × {number_of(self.gaussian.runs, 'run')}"
        digits = ", ".join(self.datasets) or self.av_mnist.source
        return [
            f"{number_of(nets, 'linear net')}: {size}, data drawn",
            f"digits seen and heard: {digits}, {number_of(len(self.av_mnist.seeds), 'seed')}",
            *(() if self.teachers is None else (self.teachers.summary(),)),
        ]

    def prepare_params(self, dataset: str) -> dict[str, Any]:
        """Parameters of a job that prepares a data set."""
        return {"name": dataset, "prepare": self.dataset_configs[dataset].prepare}

    @cached_property
    def av_mnist_about(self) -> dict[str, Any]:
        """What the table of digits seen and heard says of its data, and what config/claims.yaml has of it."""
        config, share = self.av_mnist.dataset, self.av_mnist.share
        [item] = [item for item in read_claims(CLAIMS).published.values() if item.table == "av_mnist"]
        paper = {"source": item.source, "values": {method: value for method, [value] in item.values.items()}}
        name, title = (config.name, config.title) if config else (item.dataset, "AV-MNIST")
        return {"dataset": name, "title": title, "is_embedded": config is not None, "share": share, "paper": paper}

    def gaussian_params(self) -> dict[str, Any]:
        """Parameters of the `gaussian` job."""
        settings = self.gaussian.model_dump(mode="json", exclude={"exp1", "exp2", "table2", "runs"})
        experiments = self.experiments
        seeds = sorted({seed for experiment in experiments.values() for seed in experiment["seeds"]})
        return {**settings, "seeds": seeds, "experiments": experiments}

    def generality_params(self) -> dict[str, Any]:
        """Parameters of the `generality` job."""
        table2 = self.experiments["table2"]
        training = self.generality.model_dump(mode="json")
        return {"train": self.gaussian.train, "training": training, "seeds": table2["seeds"], "table2": table2}

    @cached_property
    def crossmodal_configs(self) -> dict[str, Crossmodal]:
        """The data sets whose folders are given."""
        return read_crossmodal(self.crossmodal)

    def crossmodal_params(self, name: str) -> dict[str, Any]:
        """Parameters of the `crossmodal` job of one data set."""
        return crossmodal_params(self.crossmodal_configs[name], self.crossmodal[name])

    @cached_property
    def crossmodal_about(self) -> dict[str, Any]:
        """What the table of a user's data sets says of each, and what config/claims.yaml has of it."""
        told = {"title", "share", "not_known", "differs"}
        return {
            name: {
                **config.model_dump(mode="json", include=told),
                "metric": config.metric,
                "published": published_of(name, CLAIMS),
            }
            for name, config in self.crossmodal_configs.items()
        }

    @property
    def experiments(self) -> dict[str, dict[str, Any]]:
        """Experiment -> its sweep and the seeds of its runs."""
        found = {}
        for name in EXPERIMENTS:
            sweep = getattr(self.gaussian, name).model_dump(mode="json")
            first = sweep.pop("first_seed")
            found[name] = {**sweep, "seeds": list(range(first, first + self.gaussian.runs))}
        return found

    def report_params(self) -> dict[str, Any]:
        """Parameters that tables, figures and report share."""
        teachers = None if self.teachers is None else self.teachers.report_params()
        return {
            **{"study": self.study, "title": self.title, "kl": self.gaussian.kl, "published": self.published},
            "av_mnist": self.av_mnist_about,
            "crossmodal": self.crossmodal_about,
            "teachers": teachers,
        }

    def resolved(self) -> dict[str, Any]:
        """The study with every file it names merged in."""
        files = {name: config.model_dump(mode="json") for name, config in self.crossmodal_configs.items()}
        return {**self.model_dump(mode="json"), "crossmodal_files": files, "published": self.published}


def _published(items: list[Published]) -> dict[str, Any]:
    """The published values of one experiment: of a figure or table, and differences that its scripts gave."""
    found: dict[str, Any] = {"source": None, "reading_error": 0, "values": {}, "released_gain": {}}
    for item in items:
        for method, values in item.values.items():
            for setting, value in zip(item.settings, values, strict=True):
                if item.against is None:
                    found["values"].setdefault(setting, {})[method] = value
                else:
                    found["released_gain"][setting] = value
        if item.against is None:
            found |= {"source": item.source, "reading_error": item.reading_error}
    return found


def load_mfh_study(path: str | Path, overrides: dict[str, Any] | None = None) -> MfhStudy:
    """Read and validate a study file, and the published values that it is held against.

    Raises:
        UserError: one sentence that names file, line, key and the nearest valid name.
    """
    study = read_model(MfhStudy, path, {**read_yaml(path), **(overrides or {})})
    if study.teachers is not None:
        try:
            study.teachers.check()
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
    study.report_params()  # reads every file that the study names
    return study
