"""What the options of methods are built from: the strict base, and options that several methods share."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from msd.config.strict import NotNegative, Strict

Weighting = Literal["uniform", "population", "instance"]
Lambda = Annotated[
    float,
    Field(strict=True, ge=0, le=1, alias="lambda", description="λ, the share of distillation in the loss; 1−λ: task"),
]
Temperature = Annotated[
    float, Field(strict=True, gt=0, le=100, description="T, by which the logits of teacher and student are divided")
]
Strength = Annotated[NotNegative, Field(le=1e6, description="c, how much the auxiliary terms of MSD count")]
Weight = Annotated[NotNegative, Field(le=1e6)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Size = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Small = Annotated[float, Field(strict=True, gt=0, le=100)]


class MethodOptions(Strict):
    """Options of a method, the `parameters` of its file: an option without a default must be there."""

    model_config = ConfigDict(populate_by_name=False)


class MixedOptions(MethodOptions):
    """Of a method whose loss mixes the task with softened predictions of the teacher."""

    share: Lambda
    temperature: Temperature
