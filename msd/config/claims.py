"""config/claims.yaml: what papers claim and the numbers they give, validated."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from msd.config.strict import Strict
from msd.config.yaml_file import read_model
from msd.errors import UserError, nearest

Finite = Annotated[float, Field(allow_inf_nan=False)]
MODELS = ("teacher", "student", "probe")


class Claim(Strict):
    """One claim of a paper: the rule that judges it, and the cells of a table that the rule is put to."""

    statement: str = Field(description="what is claimed")
    source: str = Field(description="paper and place in it")
    rule: Literal["higher", "lower", "separate", "smaller"] = Field(
        description="what must hold: a difference of that sign, modalities that lie apart, or a smaller value"
    )
    table: Literal["main", "weighting", "combined", "views", "missing", "saliency", "cost"] = Field(
        description="table whose cells are judged"
    )
    methods: list[str] = Field(description="methods of which it is claimed; `teacher`, `student`, `probe` are models")
    against: list[str] = Field([], description="methods that each of them is held against")
    measures: list[str] = Field([], description="measures on which it is held; none where the cells have none")

    @model_validator(mode="after")
    def _has_sides(self) -> Claim:
        if not self.methods or (self.rule != "separate" and not self.against):
            raise ValueError(f"a claim with the rule {self.rule!r} needs methods and what they are held against")
        return self

    @property
    def tests(self) -> list[tuple[str, str | None, str | None]]:
        """(method, against, measure) of each test."""
        others: list[str | None] = [*self.against] or [None]
        measures: list[str | None] = [*self.measures] or [None]
        return list(itertools.product(self.methods, others, measures))


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


class Claims(Strict):
    """config/claims.yaml: what papers claim and the numbers they give."""

    claims: dict[str, Claim] = Field(description="what papers claim")
    published: dict[str, Published] = Field(description="numbers that papers give")


def read_claims(path: str | Path) -> Claims:
    """Read and validate the file; raises UserError with file, line, key and the nearest valid name."""
    claims = read_model(Claims, path)
    known = [*MODELS, *sorted(file.stem for file in Path(path).parent.glob("methods/*.yaml"))]
    for key, claim in claims.claims.items():
        for name in [*claim.methods, *claim.against]:
            if name not in known:
                raise UserError(f"{path}: claims.{key}: there is no method {name!r}{nearest(name, known)}")
    return claims
