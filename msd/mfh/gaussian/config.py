"""The section `gaussian` of a study file: linear nets on drawn data, in the sweeps of three experiments."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from msd.config.names import number_of
from msd.config.published import Published
from msd.config.strict import Count, Device, LearningRate, PositiveWeight, Seed, Strict, Weight, distinct
from msd.mfh.config import JointTraining, published
from msd.mfh.gaussian.settings import settings

Shared = Annotated[int, Field(ge=0, le=10)]
Specific = Annotated[int, Field(ge=0, le=40)]
Channels = Annotated[int, Field(ge=0, le=50)]
Pair = Annotated[tuple[Channels, Channels], Field(strict=False)]
Normalisation = Literal["batch", "batch-and-classes"]
FirstSeed = Annotated[Seed, Field(le=2**62, description="seed of the first run; the others count up from it")]


class SharedRuns(Strict):
    """Experiment 1 of a job: shared channels of each setting, seeds of its runs."""

    shared: list[Shared]
    seeds: list[Seed]


class SpecificRuns(Strict):
    """Experiment 2 of a job: specific channels of each setting, seeds of its runs."""

    specific: list[Specific]
    seeds: list[Seed]


class Table2Runs(Strict):
    """Table 2 of a job: [specific, shared] channels of each setting, seeds of its runs."""

    channels: list[Pair]
    seeds: list[Seed]


class Experiments(Strict):
    """The sweeps of a job."""

    exp1: SharedRuns
    exp2: SpecificRuns
    table2: Table2Runs


class GaussianParams(Strict):
    """Stage `gaussian`."""

    train: Count
    test: Count
    epochs: Count
    learning_rate: LearningRate
    task_weight: Weight
    kd_weight: PositiveWeight
    kl: Normalisation
    device: Device
    seeds: list[Seed]
    experiments: Experiments


class GeneralityParams(Strict):
    """Stage `generality`, which ranks the channels of table 2's data."""

    train: Count
    training: JointTraining
    seeds: list[Seed]
    table2: Table2Runs


class PublishedSweep(Strict):
    """An experiment in config/published.yaml: setting as printed -> method -> percent, and the scripts' gains."""

    source: str | None
    reading_error: int | float
    values: dict[str, dict[str, float | None]]
    released_gain: dict[str, float | None]

    @classmethod
    def of(cls, entries: list[Published]) -> PublishedSweep:
        """The values of one experiment: of a figure or table, and differences that its scripts gave."""
        about: dict[str, Any] = {"source": None, "reading_error": 0}
        values: dict[str, dict[str, float | None]] = {}
        gains: dict[str, float | None] = {}
        for entry in entries:
            if entry.against is None:
                about = {"source": entry.source, "reading_error": entry.reading_error}
            for method, numbers in entry.values.items():
                for setting, number in zip(entry.settings, numbers, strict=True):
                    if entry.against is None:
                        values.setdefault(setting, {})[method] = number
                    else:
                        gains[setting] = number
        return cls(**about, values=values, released_gain=gains)


class SharedSweep(Strict):
    """Experiment 1: how many of 10 decisive channels both modalities share."""

    first_seed: FirstSeed
    shared: list[Shared] = Field(min_length=1, description="shared channels o of each setting: γ = o / (20 − o)")

    _once = field_validator("shared")(distinct)


class SpecificSweep(Strict):
    """Experiment 2: how many decisive channels the teacher's modality has beside the 10 shared ones."""

    first_seed: FirstSeed
    specific: list[Specific] = Field(min_length=1, description="such channels s of each setting: α = s / (s + 10)")

    _once = field_validator("specific")(distinct)


class Table2(Strict):
    """Table 2: decisive channels of the teacher's modality alone, and of both, for each γ."""

    first_seed: FirstSeed
    channels: list[Pair] = Field(
        min_length=1, description="[specific, shared] channels of each setting: γ = shared / (specific + shared)"
    )

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

    runs: int = Field(ge=1, le=1000, description="runs of each setting, each with a seed of its own")
    train: Count = Field(description="training samples")
    test: Count = Field(description="test samples")
    epochs: Count = Field(description="steps of gradient descent over all training samples")
    learning_rate: LearningRate = Field(description="learning rate")
    task_weight: Weight = Field(description="weight of the loss of the labels")
    kd_weight: PositiveWeight = Field(description="weight of the divergence from the teacher")
    kl: Normalisation = Field(description="what the sum of KL is divided by")
    device: Device
    exp1: SharedSweep = Field(description="experiment 1: how many of 10 decisive channels both modalities share")
    exp2: SpecificSweep = Field(description="experiment 2: decisive channels that only the teacher's modality has")
    table2: Table2 = Field(description="table 2: teachers that read general or specific channels, for each γ")

    @property
    def experiments(self) -> Experiments:
        """The sweeps, each with the seeds of its runs."""

        def seeds(first: int) -> list[int]:
            return list(range(first, first + self.runs))

        return Experiments(
            exp1=SharedRuns(shared=self.exp1.shared, seeds=seeds(self.exp1.first_seed)),
            exp2=SpecificRuns(specific=self.exp2.specific, seeds=seeds(self.exp2.first_seed)),
            table2=Table2Runs(channels=self.table2.channels, seeds=seeds(self.table2.first_seed)),
        )

    @cached_property
    def published(self) -> dict[str, PublishedSweep]:
        """What config/published.yaml has of each experiment."""
        return {name: PublishedSweep.of(published(f"gaussian_{name}")) for name in Experiments.model_fields}

    def params(self) -> GaussianParams:
        """What the `gaussian` job is given."""
        own = self.model_dump(include=set(GaussianParams.model_fields))
        seeds = sorted({seed for _, sweep in self.experiments for seed in sweep.seeds})
        return GaussianParams(**own, seeds=seeds, experiments=self.experiments)

    def generality_params(self, training: JointTraining) -> GeneralityParams:
        """What the `generality` job is given."""
        table2 = self.experiments.table2
        return GeneralityParams(train=self.train, training=training, seeds=table2.seeds, table2=table2)

    def summary(self) -> str:
        """How many nets are trained, in a line for `msd plan`."""
        swept = settings(self.experiments)
        nets = sum(len(setting.nets) * len(seeds) for setting, seeds in swept)
        size = f"{number_of(len(swept), 'setting')} × {number_of(self.runs, 'run')}"
        return f"{number_of(nets, 'linear net')}: {size}, data drawn"
