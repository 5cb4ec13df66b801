"""What the stages that train and run models are given."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from msd.config.contracts.data import DatasetTask
from msd.config.strict import (
    BatchSize,
    Count,
    CountOrNone,
    Device,
    Fraction,
    LearningRate,
    Positive,
    Scalar,
    Seed,
    Side,
    Strict,
    Weight,
)

Removal = Literal["mask", "zero"]
Measure = Literal["kl", "js", "l1"]
Words = Literal["scratch", "pca"]
Pool = Literal["modality-means", "first", "last-word"]
MaxTokens = Annotated[int, Field(ge=4, le=512)]
Channels = Annotated[list[float], Field(min_length=3, max_length=3)]
MOST_WEIGHTS = 10**9
"""Of a model: with AdamW's moments and the gradient they take 16 GB."""


def _is_none(value: object) -> bool:
    """Whether a key is left out of what a job is given: jobs that do not have it stay what they were."""
    return value is None


def check_sizes(layers: int, width: int, heads: int, feed_forward: int) -> None:
    """Raise ValueError for sizes that no model can have, or none that is trained here."""
    if width % heads:
        raise ValueError(f"width {width} is no multiple of heads {heads}")
    weights = layers * width * (4 * width + 2 * feed_forward)
    if weights > MOST_WEIGHTS:
        raise ValueError(f"layers, width and feed_forward make {weights:,} weights, more than {MOST_WEIGHTS:,}")


class Shape(Strict, use_attribute_docstrings=True):
    """Sizes of a model that do not depend on the dataset."""

    layers: Count
    """number of layers"""
    width: Count
    """width of a token; a multiple of `heads`"""
    heads: Count
    """attention heads of a layer"""
    feed_forward: Count
    """width of the feed-forward part of a layer"""
    dropout: Fraction
    """share of activations that dropout removes"""
    pool: Pool
    """means of both modalities and their product, or VisualBERT's pooled first token"""
    visual_type: Literal[0, 1] = Field(default=1, exclude_if=lambda value: value == 1)
    head: Literal["linear", "transform"] = Field(default="linear", exclude_if=lambda value: value == "linear")

    @model_validator(mode="after")
    def _fits(self) -> Shape:
        check_sizes(self.layers, self.width, self.heads, self.feed_forward)
        return self


class Architecture(Shape):
    """The keys of a model's config.json that do not depend on the dataset."""

    positions: MaxTokens


class Adapted(Strict):
    """A model of transformers that reads pixels, whose sizes are in its own config.json; normalised by channel."""

    adapter: Literal["vilt", "clip"]
    mean: Channels
    std: Channels
    positions: MaxTokens


class ConvertParams(Strict):
    """Stage `convert`: pretrained weights as they were published, brought to one form.

    `weights` is the file among the fetched ones that has them. Of `visualbert` its sizes, `region_width` where it has a
    projection of regions, and `labels` where it has a head.
    """

    name: str
    architecture: Literal["visualbert", "vilt", "clip"]
    weights: str
    shape: Architecture | None = None
    region_width: Count | None = None
    labels: Count | None = None


class Schedule(Strict, use_attribute_docstrings=True):
    """AdamW with linear warm-up and linear decay."""

    epochs: Count
    """passes over the training samples"""
    batch_size: BatchSize
    """samples of a step"""
    learning_rate: LearningRate
    """peak learning rate of AdamW"""
    weight_decay: Weight
    """weight decay of AdamW"""
    warmup: Fraction
    """share of the steps in which the learning rate rises; it then falls to zero"""
    clip: Positive
    """largest norm of the gradient"""
    max_steps: Count | None = None
    """steps after which training ends, if the epochs take more"""
    stop: Count | None = None
    """epochs after which training ends, its rates still decaying as for all of them"""

    @model_validator(mode="after")
    def _stops_in_time(self) -> Schedule:
        if self.stop is not None and self.stop > self.epochs:
            raise ValueError(f"stop: {self.stop} epochs are more than the {self.epochs} that there are")
        return self


class EngineParams(Strict, use_attribute_docstrings=True):
    """Where a training runs, and how exactly. What it computes is the same, but for rounding and dropout's masks."""

    device: Device = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"
    """of matrix products in training"""
    accumulate: Count = 1
    """parts of a batch, computed one after another to save memory"""
    processes: Count = 1
    """processes that each compute a part of every batch, one a GPU"""
    compile: bool = Field(default=False, strict=True)
    """whether PyTorch compiles the model"""


class TeacherSchedule(Schedule):
    """A schedule with a learning rate of their own for the parameters that are copied from the text encoder."""

    epochs: CountOrNone
    pretrained_learning_rate: LearningRate


class Reading(Strict):
    """How samples are read: a picture becomes `regions` × `regions`, a text is cut to `max_tokens` word pieces.

    With `pixels` a picture is not regions but itself, that many pixels a side.
    """

    regions: Count
    max_tokens: MaxTokens
    pixels: Side | None = Field(default=None, exclude_if=_is_none)


class ModelParams(Strict):
    """Every stage that reads a dataset for a model: `probe`, and those that extend it."""

    dataset: str
    dataset_task: DatasetTask
    metric: str
    removal: Removal
    data: Reading


class TeacherParams(ModelParams):
    """Stage `teacher`. `pretrained` names the file of config/models that it starts from, if it has one."""

    seed: Seed
    architecture: Architecture | Adapted
    pretrained: str | None = Field(default=None, exclude_if=_is_none)
    schedule: TeacherSchedule
    engine: EngineParams = EngineParams()


class OutputsForm(Strict, use_attribute_docstrings=True):
    """How a teacher's outputs are stored."""

    dtype: Literal["float32", "float16"] = "float32"
    """of logits and features"""
    top: Count | None = None
    """largest logits of a sample that are kept, all if null"""


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
    it learns from. `pretrained` names the file of config/models that it starts from, if it has one; `teacher_data` is
    how the teacher reads, where that is not how the student does.
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
    pretrained: str | None = Field(default=None, exclude_if=_is_none)
    teacher_data: Reading | None = Field(default=None, exclude_if=_is_none)
    engine: EngineParams = EngineParams()
