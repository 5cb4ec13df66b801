"""A study of the Modality Focusing Hypothesis as one validated object (`kind: mfh` in its file)."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from msd.configs import Count, Positive, Strict
from msd.errors import UserError
from msd.study import named_file
from msd.yaml_file import read_model, read_yaml

Share = Annotated[int, Field(ge=0, le=10)]
Specific = Annotated[int, Field(ge=0, le=40)]
Channels = Annotated[int, Field(ge=0, le=50)]
Seed = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100)]
Method = Literal["teacher-regular", "teacher-general", "no-kd", "kd-regular", "kd-general", "kd-specific"]


def _distinct(values: list[int]) -> list[int]:
    if len(set(values)) < len(values):
        raise ValueError(f"a setting is given twice: {values}")
    return values


class SharedSweep(Strict):
    """Experiment 1: how many of 10 decisive channels both modalities share."""

    first_seed: Seed
    shared: Annotated[list[Share], Field(min_length=1)]

    _once = field_validator("shared")(_distinct)


class SpecificSweep(Strict):
    """Experiment 2: how many decisive channels the teacher's modality has beside the 10 shared ones."""

    first_seed: Seed
    specific: Annotated[list[Specific], Field(min_length=1)]

    _once = field_validator("specific")(_distinct)


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


class GeneralityTraining(Strict):
    """Algorithm 1: how the two nets are trained together before channels are permuted."""

    epochs: Count
    learning_rate: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)]


class PublishedExperiment(Strict):
    """Published accuracies of one experiment: γ or α as printed -> method -> percent."""

    source: str
    reading_error: Weight
    values: dict[float, dict[Method, Percent]]
    released_gain: dict[float, float]


class Published(Strict):
    """config/published/<name>.yaml: values of the paper, and what its released scripts gave."""

    exp1: PublishedExperiment
    exp2: PublishedExperiment
    table2: PublishedExperiment


class MfhStudy(Strict):
    """config/<study>.yaml: a study of the Modality Focusing Hypothesis, whose nets are drawn and trained at once."""

    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    kind: Literal["mfh"]
    title: str
    published: str
    gaussian: Gaussian
    generality: GeneralityTraining

    @cached_property
    def published_values(self) -> Published:
        """The published values that the study's tables are held against."""
        return read_model(Published, named_file("published", self.published))

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

    @property
    def experiments(self) -> dict[str, dict[str, Any]]:
        """Experiment -> its sweep and the seeds of its runs."""
        found = {}
        for name in ("exp1", "exp2", "table2"):
            sweep = getattr(self.gaussian, name).model_dump(mode="json")
            first = sweep.pop("first_seed")
            found[name] = {**sweep, "seeds": list(range(first, first + self.gaussian.runs))}
        return found

    def report_params(self) -> dict[str, Any]:
        """Parameters that tables, figures and report share."""
        published = self.published_values.model_dump(mode="json")
        return {"study": self.study, "title": self.title, "kl": self.gaussian.kl, "published": published}

    def resolved(self) -> dict[str, Any]:
        """The study with every file it names merged in."""
        return {**self.model_dump(mode="json"), "published_values": self.published_values.model_dump(mode="json")}


def load_mfh_study(path: str | Path, overrides: dict[str, Any] | None = None) -> MfhStudy:
    """Read and validate a study file and the published values it names.

    Raises:
        UserError: one sentence that names file, line, key and the nearest valid name.
    """
    content = {**read_yaml(path), **(overrides or {})}
    study = read_model(MfhStudy, path, content)
    try:
        assert study.published_values
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return study
