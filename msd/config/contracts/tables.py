"""What the stages of tables, figures and report are given."""

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from msd.config.contracts.data import DatasetTask
from msd.config.contracts.training import Measure
from msd.config.strict import Count, Draws, Seed, Strict

CHOSEN = "chosen"
"""The variant of the runs that take the point of the grid which was chosen with the first seeds."""
Part = Literal["primary", "control", "other"]


class CollectParams(Strict):
    """Stages `choose` and `collect`: one method on one dataset, whose point the seeds of `search_seeds` choose."""

    study: str
    dataset: str
    method: str
    title: str
    metric: str
    task: DatasetTask
    search_seeds: Annotated[list[Seed], Field(min_length=1)]


class ResolveParams(RootModel[Annotated[dict[str, Any], Field(min_length=1)]]):
    """Stage `resolve`: a study with every file it names merged in, which it was checked against before."""


class ReportedDataset(Strict):
    """A dataset as tables name it, with the seeds of its teachers and the methods that run on it.

    `choices`: what else its numbers depend on, name -> value.
    """

    name: str
    title: str
    role: str
    task: DatasetTask
    metric: str
    further_metrics: list[str] = Field(default_factory=list)
    choices: dict[str, str] = Field(default_factory=dict)
    part: Part = "primary"
    teachers: Annotated[list[Seed], Field(min_length=1)]
    methods: Annotated[list[str], Field(min_length=1)]


class ReportedMethod(Strict):
    """A method as tables name it."""

    name: str
    title: str


class ReportParams(Strict):
    """Stages `tables`, `figures` and `report`: the fields from `baseline` on are those of the study's `report`."""

    study: str
    title: str
    datasets: Annotated[list[ReportedDataset], Field(min_length=1)]
    methods: Annotated[list[ReportedMethod], Field(min_length=1)]
    search_seeds: Count | None = None
    saliency_measure: Measure
    baseline: str
    from_scratch: str
    best_of: list[str]
    draws: Draws
    learned: str | None = None
