"""What the stages of tables, figures and report are given."""

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from msd.config.contracts.data import DatasetTask
from msd.config.contracts.training import Measure
from msd.config.strict import Draws, Strict

Part = Literal["primary", "control", "other"]


class CollectParams(Strict):
    """Stage `collect`: one method on one dataset."""

    study: str
    dataset: str
    method: str
    title: str
    metric: str
    task: DatasetTask


class ResolveParams(RootModel[Annotated[dict[str, Any], Field(min_length=1)]]):
    """Stage `resolve`: a study with every file it names merged in, which it was checked against before."""


class ReportedDataset(Strict):
    """A dataset as tables name it."""

    name: str
    title: str
    role: str
    task: DatasetTask
    metric: str
    part: Part = "primary"


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
    saliency_measure: Measure
    baseline: str
    from_scratch: str
    best_of: list[str]
    draws: Draws
    learned: str | None = None
