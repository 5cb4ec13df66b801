"""The section `gaussian` of a study file: linear nets on drawn data, in the sweeps of three experiments."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from msd.config.claims import Published
from msd.config.strict import Count, NotNegative, Positive, Seed, Strict, distinct
from msd.config.study import number_of
from msd.mfh.config import JointTraining, published
from msd.mfh.gaussian.settings import settings

Shared = Annotated[int, Field(ge=0, le=10)]
Specific = Annotated[int, Field(ge=0, le=40)]
Channels = Annotated[int, Field(ge=0, le=50)]
EXPERIMENTS = ("exp1", "exp2", "table2")
FirstSeed = Annotated[Seed, Field(description="seed of the first run; the others count up from it")]


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
    channels: list[tuple[Channels, Channels]] = Field(
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

    runs: Count = Field(description="runs of each setting, each with a seed of its own")
    train: Count = Field(description="training samples")
    test: Count = Field(description="test samples")
    epochs: Count = Field(description="steps of gradient descent over all training samples")
    learning_rate: Positive = Field(description="learning rate")
    task_weight: NotNegative = Field(description="weight of the loss of the labels")
    kd_weight: Positive = Field(description="weight of the divergence from the teacher")
    kl: Literal["batch", "batch-and-classes"] = Field(description="what the sum of KL is divided by")
    device: str = Field(description="device of PyTorch: cpu, cuda")
    exp1: SharedSweep = Field(description="experiment 1: how many of 10 decisive channels both modalities share")
    exp2: SpecificSweep = Field(description="experiment 2: decisive channels that only the teacher's modality has")
    table2: Table2 = Field(description="table 2: teachers that read general or specific channels, for each γ")

    @property
    def experiments(self) -> dict[str, dict[str, Any]]:
        """Experiment -> its sweep and the seeds of its runs."""
        sweeps = {}
        for name in EXPERIMENTS:
            sweep = getattr(self, name).model_dump(mode="json")
            first = sweep.pop("first_seed")
            sweeps[name] = {**sweep, "seeds": list(range(first, first + self.runs))}
        return sweeps

    @cached_property
    def published(self) -> dict[str, dict[str, Any]]:
        """What config/claims.yaml has of each experiment: source, reading_error, values (setting -> method -> percent).

        released_gain: setting -> gain of regular KD in the released scripts, where they were run.
        """
        return {name: _published(published(f"gaussian_{name}")) for name in EXPERIMENTS}

    def params(self) -> dict[str, Any]:
        """Parameters of the `gaussian` job."""
        options = self.model_dump(mode="json", exclude={*EXPERIMENTS, "runs"})
        seeds = sorted({seed for sweep in self.experiments.values() for seed in sweep["seeds"]})
        return {**options, "seeds": seeds, "experiments": self.experiments}

    def generality_params(self, training: JointTraining) -> dict[str, Any]:
        """Parameters of the `generality` job, which ranks the channels of table 2's data."""
        table2 = self.experiments["table2"]
        return {
            "train": self.train,
            "training": training.model_dump(mode="json"),
            "seeds": table2["seeds"],
            "table2": table2,
        }

    def report_params(self) -> dict[str, Any]:
        """What the tables need besides the runs."""
        return {"kl": self.kl, "published": self.published}

    def summary(self) -> str:
        """How many nets are trained, in a line for `msd plan`."""
        swept = settings(self.experiments)
        nets = sum(len(setting.nets) * len(seeds) for setting, seeds in swept)
        size = f"{number_of(len(swept), 'setting')} × {number_of(self.runs, 'run')}"
        return f"{number_of(nets, 'linear net')}: {size}, data drawn"


def _published(entries: list[Published]) -> dict[str, Any]:
    """The published values of one experiment: of a figure or table, and differences that its scripts gave."""
    known: dict[str, Any] = {"source": None, "reading_error": 0, "values": {}, "released_gain": {}}
    for entry in entries:
        for method, values in entry.values.items():
            for setting, value in zip(entry.settings, values, strict=True):
                if entry.against is None:
                    known["values"].setdefault(setting, {})[method] = value
                else:
                    known["released_gain"][setting] = value
        if entry.against is None:
            known |= {"source": entry.source, "reading_error": entry.reading_error}
    return known
