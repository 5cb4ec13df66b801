"""config/published.yaml: numbers that papers give, validated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from msd.config.strict import Strict
from msd.config.yaml_file import read_model

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Published(Strict):
    """Numbers of a paper for one table, in the unit of its cells."""

    title: str = Field(description="what the numbers are")
    source: str = Field(description="where they stand")
    mark: str = Field(description="how they were read: the list stands above `published`")
    reading_error: float = Field(0, ge=0, description="what a value may be off, in its own unit")
    table: str = Field(description="table that they stand beside")
    dataset: str = Field(description="dataset of its cells")
    metric: str = Field(description="metric of its cells")
    split: str = Field("test", description="split of its cells")
    settings: list[str] = Field([], description="settings of a sweep, as printed")
    against: str | None = Field(None, description="method that the values are differences to")
    values: dict[str, list[Finite | None]] = Field(
        min_length=1, description="method -> a value for each setting, or one; null is not known"
    )

    @model_validator(mode="after")
    def _one_value_a_setting(self) -> Published:
        wanted = len(self.settings) or 1
        for method, values in self.values.items():
            if len(values) != wanted:
                raise ValueError(f"values.{method} has {len(values)} values for {wanted} settings")
        return self


class PublishedNumbers(Strict):
    """config/published.yaml: numbers that papers give."""

    published: dict[str, Published] = Field(description="numbers that papers give")


def read_published(path: str | Path) -> dict[str, Published]:
    """Read and validate the file; raises UserError with file, line, key and the nearest valid name."""
    return read_model(PublishedNumbers, path).published
