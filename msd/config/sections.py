"""The sections of an MSD study's file."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from msd.config.contracts.tables import Part
from msd.config.contracts.training import (
    MaxTokens,
    Measure,
    OutputsForm,
    Pool,
    Removal,
    Schedule,
    TeacherSchedule,
    Words,
    check_sizes,
)
from msd.config.strict import Count, CountOrNone, Draws, Fraction, LearningRate, Seeds, Strict, distinct


class Data(Strict):
    """What the models read."""

    extractor: str = Field(description="encoder of config/encoders that turns a picture into regions")
    text_encoder: str = Field(description="encoder of config/encoders that has the vocabulary and the teacher's start")
    processes: Count = Field(default=1, description="processes of one job that turn pictures into regions")
    regions: Count = Field(
        description="side of the square of regions that a picture becomes, averages of neighbours; of boxes, the first "
        "regions² of each picture"
    )
    max_tokens: MaxTokens = Field(description="word pieces to which a text is cut")
    removal: Removal = Field(description="how a view lacks a modality: out of the attention, or zeros in its place")


class SaliencyConfig(Strict):
    """How saliency is measured."""

    measure: Measure = Field(description="distance of the teacher's predictions with and without a modality")


class Transfer(Strict):
    """Samples without labels, of which students learn what the teacher says."""

    pairs: int = Field(
        0, ge=0, le=1000, description="random pairs of a training picture and a training text for each training sample"
    )


SEEDS = "seeds"
"""The key of a method in a study that is none of its parameters: how many seeds it gets, the first ones."""


def _counted(methods: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    for name, changes in methods.items():
        count = changes.get(SEEDS, 1)
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ValueError(f"{name}.{SEEDS}: give a number of seeds, at least 1 (given: {count})")
    return methods


MethodChanges = Annotated[dict[str, dict[str, Any]], AfterValidator(_counted)]
"""Method -> parameters that differ from its file, and `SEEDS`."""


class Overrides(Strict):
    """Values for one dataset alone."""

    part: Part = Field(
        "primary", description="claims are decided on primary datasets; a control is one where a claim should not hold"
    )
    seeds: Seeds | None = Field(None, description="seeds of its students, those of the study if null")
    extractor: str | None = Field(None, description="encoder of its pictures, that of `data` if null")
    methods: MethodChanges | None = Field(
        None, description="the methods that run on it, all if null, with the parameters that differ for this dataset"
    )
    transfer: Transfer | None = Field(None, description="pairs for transfer, those of the study if null")
    teacher: dict[str, Any] = Field({}, description="keys of `teacher` that differ for this dataset")
    student: dict[str, Any] = Field({}, description="keys of `student` that differ for this dataset")


class Report(Strict):
    """What the tables and figures compare."""

    baseline: str = Field(description="method that differences are against")
    from_scratch: str = Field(description="method of the student that has no teacher")
    best_of: list[str] = Field(min_length=1, description="methods of which figures show the best one on validation")
    draws: Draws = Field(description="draws of the bootstrap of pictures")
    learned: str | None = Field(None, description="method whose learned weights a figure shows")

    _once = field_validator("best_of")(distinct)


SIZES = ("layers", "width", "heads", "feed_forward")


class Sizes(Strict):
    """What a model is: one of config/models, or one of sizes of its own."""

    model: str | None = Field(None, description="file of config/models whose weights it starts from; none if null")
    layers: Count | None = Field(None, description="number of layers; those of `model` if null")
    width: Count | None = Field(None, description="width of a token, a multiple of `heads`; that of `model` if null")
    heads: Count | None = Field(None, description="attention heads of a layer; those of `model` if null")
    feed_forward: Count | None = Field(
        None, description="width of the feed-forward part of a layer; that of `model` if null"
    )
    dropout: Fraction | None = Field(
        None, description="share of activations that dropout removes; that of `model` if null"
    )
    pool: Pool | None = Field(
        None,
        description="what the head reads: means of both modalities and their product, VisualBERT's pooled first token, "
        "or the last word piece as MMF does for VQA; that of `model` if null",
    )

    @model_validator(mode="after")
    def _has_sizes(self) -> Self:
        own = {name: getattr(self, name) for name in (*SIZES, "dropout", "pool")}
        if self.model is not None:
            for name in ("width", "heads", "feed_forward"):
                if own[name] is not None:
                    raise ValueError(f"{name} is that of the model {self.model}; leave it out")
            return self
        for name, value in own.items():
            if value is None:
                raise ValueError(f"the key {name!r} is missing, which a model of its own sizes needs")
        check_sizes(*(own[name] for name in SIZES))
        return self

    @property
    def own_shape(self) -> dict[str, Any]:
        """Those of its sizes that are given."""
        return {name: getattr(self, name) for name in (*SIZES, "dropout", "pool") if getattr(self, name) is not None}


class TrainingConfig(Schedule, Sizes):
    """Architecture and schedule of a model."""

    engine: dict[str, Any] = Field({}, description="keys of `engine` that differ for this role")

    def schedule(self) -> Schedule:
        """How the model is trained."""
        return Schedule(**self.model_dump(include=set(Schedule.model_fields)))


class Student(TrainingConfig):
    """A student, which starts from `model`, or from random weights, its words perhaps from the text encoder's."""

    words: Words = Field("scratch", description="start of its words: random, or principal components of the encoder's")


class Teacher(TrainingConfig):
    """The teacher, which starts from `model`, or its text side from the text encoder."""

    epochs: CountOrNone = Field(description="passes over the training samples; 0 takes a fine-tuned `model` as it is")
    seeds: Seeds = Field(
        description="a teacher is trained with each, and students are dealt to them in turn; a count n means 0 to n−1"
    )
    outputs: OutputsForm = Field(OutputsForm(), description="how its outputs are stored for the students")
    pretrained_learning_rate: LearningRate = Field(
        description="peak learning rate of what model or text encoder brings"
    )

    def schedule(self) -> TeacherSchedule:
        """How the teacher is trained."""
        return TeacherSchedule(**self.model_dump(include=set(TeacherSchedule.model_fields)))
