"""The files that a study names: datasets, encoders, methods; pretrained models are in msd.config.models."""

from __future__ import annotations

import itertools
import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from pydantic import Field, field_validator, model_validator

from msd.config.contracts.data import DatasetTask, FetchParams, Licence, Source
from msd.config.names import PLAIN, SHARED
from msd.config.strict import Count, Large, Scalar, Side, Strict, distinct
from msd.config.yaml_file import read_model
from msd.errors import UserError, nearest
from msd.measure.metric import METRICS, primary_metrics, requested_metrics

if TYPE_CHECKING:
    from msd.config.models import ModelConfig

Fetched: TypeAlias = "DatasetConfig | EncoderConfig | ModelConfig"
"""What has files to fetch and a licence."""
CONFIG = Path("config")
MOST_POINTS = 1000
Model = TypeVar("Model", "DatasetConfig", "EncoderConfig", "ModelConfig", "MethodConfig")


def _have_names_of_their_own(sources: list[Source]) -> list[Source]:
    distinct([source.name for source in sources])
    return sources


class DatasetConfig(Strict):
    """config/datasets/<name>.yaml: a dataset and how its splits are made."""

    name: str = Field(description="the file's name without .yaml")
    title: str = Field(description="name in tables and figures; `{key}` in it is that value of `prepare`")
    role: str = Field("none", description="dataset of a paper whose part it plays")
    sources: list[Source] = Field(min_length=1, description="files to fetch")
    licence: Licence = Field(description="terms of use")
    citation: str = Field(description="whom to cite")
    task: DatasetTask = Field(description="one label of two or of many, any number of labels, or answers to questions")
    metric: str = Field(description="primary metric, one that fits the task")
    further_metrics: list[str] = Field([], description="metrics that metrics.json holds for this dataset alone")
    labels: str = Field(description="what the labels are")
    pictures: Large | None = Field(None, description="how many it has as published, by which a study is priced")
    samples: Large | None = Field(None, description="training samples as published, by which a study is priced")
    size: Side | None = Field(None, description="pixels of a side at which its pictures are read, if not the encoder's")
    module: str | None = Field(
        None, pattern="^[a-z][a-z0-9_]*$", description="its reader in msd/data/readers, if not the one of its name"
    )
    prepare: dict[str, Any] = Field(description="values of the `Parameters` of its module in msd/data/readers")

    _once = field_validator("further_metrics")(distinct)
    _apart = field_validator("sources")(_have_names_of_their_own)

    @model_validator(mode="before")
    @classmethod
    def _title_has_its_choices(cls, content: Any) -> Any:
        title, prepare = (content.get(key) if isinstance(content, dict) else None for key in ("title", "prepare"))
        if not isinstance(title, str) or not isinstance(prepare, dict):
            return content
        named = re.sub(r"\{(\w+)\}", lambda match: str(prepare.get(match[1], match[0])), title)
        return {**content, "title": named}

    @model_validator(mode="after")
    def _metric_fits_task(self) -> DatasetConfig:
        if self.metric not in (fitting := primary_metrics(self.task)):
            raise ValueError(f"metric {self.metric!r} does not fit the task {self.task!r}: {fitting}")
        for name in self.further_metrics:
            if name not in (known := requested_metrics(self.task)):
                raise ValueError(
                    f"further_metrics: {name!r} is none that {self.task!r} can ask for{nearest(name, known)}"
                )
        return self

    @property
    def reader(self) -> str:
        """The module that reads its raw files."""
        return self.module or self.name.replace("-", "_")

    @property
    def choices(self) -> dict[str, str]:
        """The values of `prepare` that can be said in a few words; the others stand in the study's file."""
        short = (float, int, str, bool, type(None))
        shown = {name: value for name, value in self.prepare.items() if isinstance(value, short)}
        for name, value in self.prepare.items():
            if isinstance(value, dict) and value.keys() <= {"train", "val", "test"}:
                shown[name] = ", ".join(f"{split} {_said(part)}" for split, part in value.items())
        return {name: _said(value) for name, value in shown.items()}

    @property
    def training_metric(self) -> str:
        """The metric by which trainings are watched."""
        return METRICS[self.metric].in_training


class EncoderConfig(Strict):
    """config/encoders/<name>.yaml: pretrained weights and what is fixed by them."""

    name: str = Field(description="the file's name without .yaml")
    title: str = Field(description="name in the report")
    role: str = Field(description="what it is used for")
    sources: list[Source] = Field(min_length=1, description="files to fetch; of a text encoder its one package")
    licence: Licence = Field(description="terms of use")
    citation: str = Field(description="whom to cite")
    parameters: Large | None = Field(description="number of its weights, null where they are not published")
    dims: Count = Field(description="channels of a region, or width of a token")
    module: str | None = Field(None, description="of pictures: its module in msd/features")
    size: Side | None = Field(None, description="of pictures: pixels of a side as they are read")
    patch: Side | None = Field(
        None, description="of pictures: pixels of a region's side, so that size / patch are a side"
    )
    boxes: Count | None = Field(
        None, description="of published boxes, in the place of size and patch: how many a picture has at most"
    )
    layers: Count | None = Field(None, description="of texts: number of layers, which a teacher may start from")
    heads: Count | None = Field(None, description="of texts: attention heads of a layer, those of a teacher")
    feed_forward: Count | None = Field(None, description="of texts: width of a layer's feed-forward part, a teacher's")

    _once = field_validator("sources")(_have_names_of_their_own)

    @property
    def sees(self) -> bool:
        """Whether it makes regions of pictures: of a grid, whose size and patch it has, or boxes."""
        return self.module is not None and (self.boxes is not None or None not in (self.size, self.patch))

    def regions(self, size: int | None = None) -> int:
        """R, the regions of a picture of `size` pixels a side, of its own size if None."""
        if self.boxes is not None:
            return self.boxes
        assert self.size is not None, "it sees"
        assert self.patch is not None, "it sees"
        return ((size or self.size) // self.patch) ** 2


def _said(value: Any) -> str:
    """A value as a reader of a report sees it."""
    return "all" if value is None else str(value)


def fetch_params(config: Fetched) -> FetchParams:
    """What the `fetch` job of a dataset, an encoder or a model is given."""
    return FetchParams(name=config.name, sources=config.sources, licence=config.licence, citation=config.citation)


class MethodConfig(Strict):
    """config/methods/<name>.yaml: a method's code and parameters."""

    name: str = Field(description="the file's name without .yaml")
    title: str = Field(description="name in tables and figures")
    source: str = Field(description="paper that it is of, and what differs here")
    implementation: str = Field(description="its module in msd/distill/methods")
    teacher: Literal["outputs", "model", "student"] = Field(
        "outputs",
        description="learns from cached outputs, from the model too, or from the from-scratch student's outputs",
    )
    parameters: dict[str, Scalar | list[Scalar]] = Field(
        description="values of the module's `Options`; one given as a list is an axis of the grid"
    )

    @field_validator("parameters")
    @classmethod
    def _are_grids(cls, parameters: dict[str, Scalar | list[Scalar]]) -> dict[str, Scalar | list[Scalar]]:
        for name, values in parameters.items():
            if values == []:
                raise ValueError(f"{name} is an empty grid; give at least one value")
            if isinstance(values, list) and len(set(values)) < len(values):
                raise ValueError(f"{name} lists a value twice: {values}")
        points = math.prod(len(values) for values in parameters.values() if isinstance(values, list))
        if points > MOST_POINTS:
            raise ValueError(f"the grid has {points:,} points, more than {MOST_POINTS:,}; give fewer values")
        return parameters

    @property
    def points(self) -> list[tuple[str, dict[str, Scalar]]]:
        """(variant, parameters) of every grid point; the variant names the values of the axes."""
        axes = {name: value for name, value in self.parameters.items() if isinstance(value, list)}
        fixed = {name: value for name, value in self.parameters.items() if not isinstance(value, list)}
        points = []
        for values in itertools.product(*axes.values()):
            chosen = dict(zip(axes, values, strict=True))
            label = "_".join(f"{name}-{value}" for name, value in chosen.items()) or "default"
            points.append((label, {**fixed, **chosen}))
        return points


def named_file(kind: str, name: str) -> Path:
    """config/<kind>/<name>.yaml; UserError with the nearest name if there is none."""
    path = CONFIG / kind / f"{name}.yaml"
    if not os.path.isfile(path):
        known = [file.stem for file in sorted((CONFIG / kind).glob("*.yaml")) if file.is_file()]
        raise UserError(f"there is no {kind.removesuffix('s')} {name!r} in {CONFIG / kind}{nearest(name, known)}")
    if not PLAIN.fullmatch(name) or len(name) > 100 or (kind == "datasets" and name in SHARED):
        raise UserError(
            f"{path}: {name!r} cannot be a {kind.removesuffix('s')}'s name; choose one of small letters and digits"
        )
    return path


def read_named(model: type[Model], kind: str, name: str) -> Model:
    """config/<kind>/<name>.yaml as `model`; UserError for a fault, or a file that bears the name of another one."""
    config = read_model(model, path := named_file(kind, name))
    if config.name != name:
        raise UserError(f"{path}: name: {config.name!r} is not the name of this file; write `name: {name}`")
    return config
