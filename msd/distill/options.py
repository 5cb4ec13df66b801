"""What the options of methods are built from: the strict base, and options that several methods share."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from msd.config.strict import Share, Strict, Temperature, Weight

Weighting = Literal["uniform", "population", "instance", "swapped"]
Lambda = Annotated[Share, Field(alias="lambda", description="λ, the share of distillation in the loss; 1−λ: task")]
Strength = Annotated[Weight, Field(description="c, how much the auxiliary terms of MSD count")]
Small = Annotated[float, Field(gt=0, le=100)]


class MethodOptions(Strict):
    """Options of a method, the `parameters` of its file: an option without a default must be there."""

    model_config = ConfigDict(populate_by_name=False)


class MixedOptions(MethodOptions):
    """Of a method whose loss mixes the task with softened predictions of the teacher."""

    share: Lambda
    temperature: Temperature
