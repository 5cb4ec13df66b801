"""What every class of the configuration is built from: the strict base and the types of its values."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Value = TypeVar("Value")
Count = Annotated[int, Field(ge=1, le=1_000_000)]
CountOrNone = Annotated[int, Field(ge=0, le=1_000_000)]
Large = Annotated[int, Field(ge=1, le=2**53)]
Side = Annotated[int, Field(ge=1, le=4096)]
Sides = Annotated[tuple[Side, Side], Field(strict=False)]  # YAML and JSON have lists alone
Width = Annotated[int, Field(ge=1, le=65_536)]
BatchSize = Annotated[int, Field(ge=1, le=65_536)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
LearningRate = Annotated[float, Field(gt=0, le=10)]
Temperature = Annotated[
    float, Field(gt=0, le=100, description="T, by which the logits of teacher and student are divided")
]
Weight = Annotated[float, Field(ge=0, le=1e6)]
PositiveWeight = Annotated[float, Field(gt=0, le=1e6)]
Part = Annotated[float, Field(gt=0, lt=1)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Draws = Annotated[int, Field(ge=100, le=1_000_000)]
Device = Annotated[Literal["auto", "cpu", "cuda"], Field(description="auto: a GPU where PyTorch sees one")]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\n]+$")]
Scalar = float | int | str | bool


class Strict(BaseModel):
    """Unknown keys are errors, and values of another type, such as true for 1; objects do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)


def distinct(values: list[Value]) -> list[Value]:
    """The values, if none is given twice; a validator of fields."""
    if len(set(values)) < len(values):
        raise ValueError(f"a value is given twice: {values}")
    return values


def _listed(seeds: Any) -> Any:
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        if not 1 <= seeds <= MOST_SEEDS:
            raise ValueError(f"a count of seeds must be at least 1 and at most {MOST_SEEDS:,}")
        return list(range(seeds))
    return seeds


MOST_SEEDS = 100_000
Seeds = Annotated[
    list[Seed],
    Field(min_length=1),
    AfterValidator(distinct),
    BeforeValidator(_listed, json_schema_input_type=Count | list[Seed]),
]
"""A list; a count n means 0 to n − 1."""
