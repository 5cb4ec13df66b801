"""The section `av_mnist` of a study of the Modality Focusing Hypothesis: its data, nets and training."""

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from msd.config.files import DatasetConfig, read_named
from msd.config.names import number_of
from msd.config.strict import Part, Seed, Strict, distinct
from msd.data.findings import Records
from msd.errors import UserError, nearest
from msd.mfh.config import Distillation, NetTraining, published

EMBEDDED = ("spoken-digits",)
"""Data sets that come in packages and play the role of AV-MNIST."""
Channels = Annotated[int, Field(ge=1, le=1024)]
ARCHIVE = [f"{kind}/{part}_data.npy" for kind in ("image", "audio") for part in ("train", "test")] + [
    f"{part}_labels.npy" for part in ("train", "test")
]
"""Files of the published archive, which `msd.mfh.av_mnist.archive` reads."""


class AvMnistParams(Records):
    """Stage `av_mnist`."""

    seeds: list[Seed]
    teacher_width: Channels
    student_width: Channels
    share: Part
    training: NetTraining
    distillation: Distillation


class PublishedDigits(Strict):
    """The paper's values: method -> percent."""

    source: str
    values: dict[str, float | None]


class AvMnistTable(Strict):
    """What the table is given besides the runs: what was read, and the paper's values."""

    dataset: str
    title: str
    is_embedded: bool
    share: Part
    paper: PublishedDigits


class AvMnist(Records):
    """Digits seen and heard: teachers of one or both modalities, students that hear."""

    source: str = Field(description="spoken-digits of config/datasets, or the folder of AV-MNIST's published archive")
    seeds: list[Seed] = Field(min_length=2, description="every net is trained with each")
    teacher_width: Channels = Field(description="channels of a teacher's first convolution")
    student_width: Channels = Field(description="channels of a student's first convolution")
    share: Part = Field(description="share r of the teacher's channels that Algorithm 1 silences")
    training: NetTraining = Field(description="how every net is trained")
    distillation: Distillation = Field(description="what students learn from")

    _once = field_validator("seeds")(distinct)

    @cached_property
    def dataset(self) -> DatasetConfig | None:
        """The embedded data set, None where `source` is the archive's folder; raises UserError where it is neither."""
        if self.source in EMBEDDED:
            return read_named(DatasetConfig, "datasets", self.source)
        missing = [name for name in ARCHIVE if not os.path.isfile(Path(self.source) / name)]
        if not missing:
            return None
        if os.path.isdir(self.source):
            raise UserError(f"av_mnist.source: the folder {self.source} has no file {missing[0]} of AV-MNIST's archive")
        raise UserError(
            f"av_mnist.source: {self.source!r} is neither a data set nor a folder{nearest(self.source, list(EMBEDDED))}"
        )

    @property
    def archive(self) -> list[str]:
        """The files of the published archive; none where an embedded data set is read."""
        return [] if self.dataset else [str(Path(self.source) / name) for name in ARCHIVE]

    def params(self) -> AvMnistParams:
        """What the job is given."""
        return AvMnistParams(**self.model_dump(exclude={"source"}))

    def table_params(self) -> AvMnistTable:
        """What the table is given."""
        config = self.dataset
        [entry] = published("av_mnist")
        paper = PublishedDigits(source=entry.source, values={method: value for method, [value] in entry.values.items()})
        name, title = (config.name, config.title) if config else (entry.dataset, "AV-MNIST")
        return AvMnistTable(dataset=name, title=title, is_embedded=config is not None, share=self.share, paper=paper)

    def summary(self) -> str:
        """What it reads and how often it trains, in a line for `msd plan`."""
        return f"digits seen and heard: {self.source}, {number_of(len(self.seeds), 'seed')}"
