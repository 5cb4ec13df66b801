"""What the stages that train and run models are given."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from msd.config.contracts.data import DatasetTask
from msd.config.strict import BatchSize, Count, Device, Fraction, LearningRate, Positive, Scalar, Seed, Strict, Weight

Removal = Literal["mask", "zero"]
Measure = Literal["kl", "js", "l1"]
Words = Literal["scratch", "pca"]
MaxTokens = Annotated[int, Field(ge=4, le=512)]
MOST_WEIGHTS = 10**9
"""Of a model: with AdamW's moments and the gradient they take 16 GB."""


class Shape(Strict):
    """Sizes of a model that do not depend on the dataset."""

    layers: Count
    width: Count
    heads: Count
    feed_forward: Count
    dropout: Fraction
    pool: Literal["modality-means", "first"]

    @model_validator(mode="after")
    def _fits(self) -> Shape:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        weights = self.layers * self.width * (4 * self.width + 2 * self.feed_forward)
        if weights > MOST_WEIGHTS:
            raise ValueError(f"layers, width and feed_forward make {weights:,} weights, more than {MOST_WEIGHTS:,}")
        return self


class Architecture(Shape):
    """The keys of a model's config.json that do not depend on the dataset."""

    positions: MaxTokens


class Schedule(Strict):
    """AdamW with linear warm-up and linear decay."""

    epochs: Count
    batch_size: BatchSize
    learning_rate: LearningRate
    weight_decay: Weight
    warmup: Fraction
    clip: Positive
    max_steps: Count | None = None
    stop: Count | None = Field(
        default=None, description="epochs after which training ends, its rates still decaying as for all of them"
    )

    @model_validator(mode="after")
    def _stops_in_time(self) -> Schedule:
        if self.stop is not None and self.stop > self.epochs:
            raise ValueError(f"stop: {self.stop} epochs are more than the {self.epochs} that there are")
        return self


class EngineParams(Strict):
    """Where a training runs, and how exactly. What it computes is the same, but for rounding and dropout's masks."""

    device: Device = "auto"
    precision: Literal["fp32", "bf16"] = Field(default="fp32", description="of matrix products in training")
    accumulate: Count = Field(default=1, description="parts of a batch, computed one after another to save memory")
    processes: Count = Field(default=1, description="processes that each compute a part of every batch, one a GPU")
    compile: bool = Field(default=False, strict=True, description="whether PyTorch compiles the model")


class TeacherSchedule(Schedule):
    """A schedule with a learning rate of their own for the parameters that are copied from the text encoder."""

    pretrained_learning_rate: LearningRate


class Reading(Strict):
    """How samples are read: a picture becomes `regions` × `regions`, a text is cut to `max_tokens` word pieces."""

    regions: Count
    max_tokens: MaxTokens


class ModelParams(Strict):
    """Every stage that reads a dataset for a model: `probe`, and those that extend it."""

    dataset: str
    dataset_task: DatasetTask
    metric: str
    removal: Removal
    data: Reading


class TeacherParams(ModelParams):
    """Stage `teacher`."""

    seed: Seed
    architecture: Architecture
    schedule: TeacherSchedule
    engine: EngineParams = EngineParams()


class OutputsForm(Strict):
    """How a teacher's outputs are stored. The study of teachers needs them whole and in float32."""

    dtype: Literal["float32", "float16"] = Field(default="float32", description="of logits and features")
    top: Count | None = Field(default=None, description="largest logits of a sample that are kept, all if null")

    @property
    def is_whole(self) -> bool:
        """Whether nothing is lost."""
        return self == OutputsForm()


class OutputsParams(ModelParams):
    """Stage `teacher_outputs`."""

    outputs: OutputsForm = OutputsForm()
    device: Device = "auto"


class SaliencyParams(ModelParams):
    """Stage `saliency`."""

    measure: Measure


class StudentParams(ModelParams):
    """Stages `student` and `cost`: one configuration of a method, and the seeds of one job.

    `parameters` are the values of the `Options` of msd/distill/methods/<implementation>.py; those of the variant
    `chosen` stand in the file that the job `choose` wrote. `teachers`: for each of `seeds` the seed of the teacher that
    it learns from.
    """

    method: str
    implementation: str
    variant: str
    parameters: dict[str, Scalar]
    seeds: Annotated[list[Seed], Field(min_length=1)]
    teachers: Annotated[list[Seed], Field(min_length=1)]
    architecture: Architecture
    schedule: Schedule
    words: Words = "scratch"
    engine: EngineParams = EngineParams()
