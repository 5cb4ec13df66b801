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
    """One claim of a paper: the rule that judges it, and the cells of a table that the rule is put to.

    Every method is held against every one of `against` on every measure; a list left out means the cells have none.
    """

    statement: str
    source: str
    rule: Literal["higher", "lower", "separate", "smaller"]
    table: Literal["main", "weighting", "combined", "views", "missing", "saliency", "cost"]
    methods: list[str]
    against: list[str] = Field(default_factory=list)
    measures: list[str] = Field(default_factory=list)

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
    """Numbers of a paper for one table, in the unit of its cells: method -> one value a setting, null for not known.

    `mark`: how the value was read, within `reading_error`. `against`: the values are differences to this method.
    """

    title: str
    source: str
    mark: str
    reading_error: Annotated[float, Field(ge=0)] = 0
    table: str
    dataset: str
    metric: str
    split: str = "test"
    settings: list[str] = Field(default_factory=list)
    against: str | None = None
    values: Annotated[dict[str, list[Finite | None]], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_value_a_setting(self) -> Published:
        wanted = len(self.settings) or 1
        for method, values in self.values.items():
            if len(values) != wanted:
                raise ValueError(f"values.{method} has {len(values)} values for {wanted} settings")
        return self


class Claims(Strict):
    """config/claims.yaml: what papers claim and the numbers they give."""

    claims: dict[str, Claim]
    published: dict[str, Published]


def read_claims(path: str | Path) -> Claims:
    """Read and validate the file; raises UserError with file, line, key and the nearest valid name."""
    claims = read_model(Claims, path)
    known = [*MODELS, *sorted(file.stem for file in Path(path).parent.glob("methods/*.yaml"))]
    for key, claim in claims.claims.items():
        for name in [*claim.methods, *claim.against]:
            if name not in known:
                raise UserError(f"{path}: claims.{key}: there is no method {name!r}{nearest(name, known)}")
    return claims
