"""config/claims.yaml: what papers claim and the test that decides each claim, validated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from msd.config.strict import Strict, Title
from msd.config.yaml_file import read_model
from msd.errors import UserError, nearest

MODELS = ("teacher", "student")
Likeness = Literal["kl/both", "kl/image", "kl/text", "agreement/both", "agreement/image", "agreement/text"]
Cost = Literal["parameters", "bytes", "flops"]


class Claim(Strict):
    """One claim of a paper and the one test that decides it on each task."""

    title: Title = Field(description="a few words for figures and heads of tables")
    statement: str = Field(description="what is claimed")
    source: str = Field(description="paper and place in it")
    rule: Literal["higher", "lower", "separate", "smaller"] = Field(
        description="what must hold: a difference of that sign, modalities that lie apart, or a smaller value"
    )
    methods: list[str] = Field(
        min_length=1,
        description="method of which it is claimed: of several, the one of the study with the best mean validation "
        "score; `teacher` and `student` are models",
    )
    against: str | None = Field(None, description="method that it is held against")
    measures: list[Likeness | Cost] = Field(
        [], description="measures whose mean is tested, or which must all be smaller; none for the dataset's metric"
    )
    controls: Literal["no gain"] | None = Field(
        None,
        description="what is predicted of control tasks: no gain as large as `smallest`; none: they are not judged",
    )

    @model_validator(mode="after")
    def _has_sides(self) -> Claim:
        if (self.rule == "separate") != (self.against is None):
            raise ValueError(
                f"a claim with the rule {self.rule!r} needs {'no' if self.against else 'a'} method against"
            )
        return self


class Claims(Strict):
    """config/claims.yaml: what the paper claims, and the test that decides each claim."""

    smallest: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="smallest difference of interest, in units of the dataset's metric"
    )
    claims: dict[str, Claim] = Field(description="claims by their short names; each is a family of tests of its own")


def read_claims(path: str | Path) -> Claims:
    """Read and validate the file; raises UserError with file, line, key and the nearest valid name."""
    claims = read_model(Claims, path)
    known = [*MODELS, *sorted(file.stem for file in Path(path).parent.glob("methods/*.yaml"))]
    for key, claim in claims.claims.items():
        for name in [*claim.methods, *filter(None, [claim.against])]:
            if name not in known:
                raise UserError(f"{path}: claims.{key}: there is no method {name!r}{nearest(name, known)}")
    return claims
