"""What the sections of a study file of the Modality Focusing Hypothesis share: training of nets, published values."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msd.config.claims import Published, read_claims
from msd.config.strict import Count, Fraction, NotNegative, Positive, Strict

CLAIMS = Path("config/claims.yaml")


class JointTraining(Strict):
    """Algorithm 1: how the two linear nets are trained together before channels are permuted."""

    epochs: Count
    learning_rate: Positive
    momentum: Fraction


class NetTraining(Strict):
    """How every net is trained; the learning rate is a tenth after each `decay_every` epochs, the last epoch counts."""

    optimizer: Literal["sgd", "adamw"] = "sgd"
    epochs: Count
    batch_size: Count
    learning_rate: Positive
    momentum: Fraction = 0.9
    weight_decay: NotNegative = 0
    decay_every: Count | None = None
    device: str = "cpu"


class Distillation(Strict):
    """L = task_weight · L_task + kd_weight · T² · KL(teacher ‖ student); a task weight of 0 is pure KL."""

    task_weight: NotNegative
    kd_weight: Positive
    temperature: Positive


def published(table: str, dataset: str | None = None) -> list[Published]:
    """What config/claims.yaml has for a table, or for one dataset of it, in the order of the file."""
    entries = read_claims(CLAIMS).published.values()
    return [entry for entry in entries if entry.table == table and dataset in (None, entry.dataset)]
