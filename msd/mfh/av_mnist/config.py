"""The section `av_mnist` of a study of the Modality Focusing Hypothesis: its data, nets and training."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from msd.config.files import DatasetConfig
from msd.config.strict import Count, Strict, distinct
from msd.config.yaml_file import read_model
from msd.errors import UserError, nearest
from msd.mfh.crossmodal.config import CrossmodalDistillation, CrossmodalTraining

DATASETS = Path("config/datasets")
EMBEDDED = ("spoken-digits",)
"""Data sets that come in packages and play the role of AV-MNIST."""
ARCHIVE = [f"{kind}/{part}_data.npy" for kind in ("image", "audio") for part in ("train", "test")] + [
    f"{part}_labels.npy" for part in ("train", "test")
]
"""Files of the published archive, which `msd.mfh.av_mnist.archive` reads."""
Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0)]


class AvMnist(Strict):
    """Digits seen and heard: teachers of one or both modalities, students that hear.

    source: a data set of config/datasets, or the folder of the published archive. widths: channels of the first
    convolution. share: of the teacher's channels that Algorithm 1 silences.
    """

    source: str
    seeds: Annotated[list[Seed], Field(min_length=2)]
    teacher_width: Count
    student_width: Count
    share: Share
    training: CrossmodalTraining
    distillation: CrossmodalDistillation

    _once = field_validator("seeds")(distinct)

    @cached_property
    def dataset(self) -> DatasetConfig | None:
        """The embedded data set, or None where `source` is the folder of the published archive.

        Raises UserError where it is neither.
        """
        if self.source in EMBEDDED:
            return read_model(DatasetConfig, DATASETS / f"{self.source}.yaml")
        missing = [name for name in ARCHIVE if not (Path(self.source) / name).is_file()]
        if not missing:
            return None
        if Path(self.source).is_dir():
            raise UserError(f"av_mnist.source: the folder {self.source} has no file {missing[0]} of AV-MNIST's archive")
        raise UserError(
            f"av_mnist.source: {self.source!r} is neither a data set nor a folder{nearest(self.source, list(EMBEDDED))}"
        )

    @property
    def archive(self) -> list[str]:
        """The files of the published archive; none where an embedded data set is read."""
        return [] if self.dataset else [str(Path(self.source) / name) for name in ARCHIVE]

    def params(self) -> dict[str, Any]:
        """Parameters of the `av_mnist` job."""
        return self.model_dump(mode="json", exclude={"source"})
