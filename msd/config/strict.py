"""What every class of the configuration is built from: the strict base and the types of its values."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Value = TypeVar("Value")
Count = Annotated[int, Field(strict=True, ge=1)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(strict=True, ge=0, lt=1)]
Seed = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
Scalar = float | int | str | bool


class Strict(BaseModel):
    """Unknown keys are errors; objects do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def distinct(values: list[Value]) -> list[Value]:
    """The values, if none is given twice; a validator of fields."""
    if len(set(values)) < len(values):
        raise ValueError(f"a value is given twice: {values}")
    return values
