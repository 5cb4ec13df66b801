"""What the sections of a study file of the Modality Focusing Hypothesis share: training of nets, published values."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from msd.config.contracts.training import EngineParams
from msd.config.published import Published, read_published
from msd.config.strict import (
    BatchSize,
    Count,
    Fraction,
    LearningRate,
    PositiveWeight,
    Strict,
    Temperature,
    Weight,
)

PUBLISHED = Path("config/published.yaml")


class JointTraining(Strict):
    """Algorithm 1: how the two linear nets are trained together before channels are permuted."""

    epochs: Count = Field(description="steps of gradient descent over all samples")
    learning_rate: LearningRate = Field(description="learning rate")
    momentum: Fraction = Field(description="momentum")


class NetTraining(Strict):
    """How every net is trained; the last epoch counts."""

    optimizer: Literal["sgd", "adamw"] = Field("sgd", description="stochastic gradient descent, or AdamW")
    epochs: Count = Field(description="passes over the training samples")
    batch_size: BatchSize = Field(description="samples of a step")
    learning_rate: LearningRate = Field(description="learning rate at the start")
    momentum: Fraction = Field(0.9, description="momentum of sgd")
    weight_decay: Weight = Field(0, description="weight decay")
    decay_every: Count | None = Field(None, description="epochs after each of which the learning rate is a tenth")
    engine: EngineParams = Field(EngineParams(), description="where it runs; batches are not split")

    @field_validator("engine")
    @classmethod
    def _keeps_batches_whole(cls, engine: EngineParams) -> EngineParams:
        if engine.accumulate > 1 or engine.processes > 1:
            raise ValueError("batches are not split here: accumulate and processes must be 1")
        return engine


class Distillation(Strict):
    """L = task_weight · L_task + kd_weight · T² · KL(teacher ‖ student); a task weight of 0 is pure KL."""

    task_weight: Weight = Field(description="weight of the loss of the labels")
    kd_weight: PositiveWeight = Field(description="weight of the divergence from the teacher")
    temperature: Temperature = Field(description="temperature T of both softmaxes")


def published(table: str, dataset: str | None = None) -> list[Published]:
    """What config/published.yaml has for a table, or for one dataset of it, in the order of the file."""
    entries = read_published(PUBLISHED).values()
    return [entry for entry in entries if entry.table == table and dataset in (None, entry.dataset)]
