"""config/crossmodal/<name>.yaml: a data set whose files a user has, how it is read and trained."""

from __future__ import annotations

import os
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import Field, model_validator

from msd.config.published import Published
from msd.config.strict import Part, Seed, Strict
from msd.config.yaml_file import read_model, read_yaml
from msd.errors import UserError, nearest
from msd.mfh.config import Distillation, NetTraining, published
from msd.mfh.crossmodal.reader import DataReader, reader_class, reader_module, reader_names

FILES = Path("config/crossmodal")
Data = TypeVar("Data", bound=DataReader)


class CrossmodalParams(Strict):
    """Stage `crossmodal`: `data` are the options of a reader's class, nets are named by modality."""

    folder: str
    metric: str
    data: dict[str, Any]
    teachers: dict[str, dict[str, str]]
    student: dict[str, str]
    share: Part
    seeds: list[Seed]
    training: NetTraining
    distillation: Distillation


class CrossmodalTable(Strict):
    """What the table is given of a data set besides its runs: what is known of it, and the paper's values."""

    title: str
    share: Part
    not_known: list[str]
    differs: list[str]
    metric: str
    published: list[Published]


class Crossmodal(Strict, Generic[Data]):
    """config/crossmodal/<name>.yaml: a data set, its nets, and what is known of the paper's set-up or not."""

    title: str = Field(description="name in tables and figures")
    data: Data = Field(description="how its files are read")
    teachers: dict[str, dict[str, str]] = Field(
        min_length=1, description="teacher -> modality -> network; several modalities are read jointly"
    )
    student: dict[str, str] = Field(min_length=1, description="modality -> network")
    share: Part = Field(description="share r of the teacher's channels that Algorithm 1 silences")
    seeds: list[Seed] = Field(min_length=1, description="every net is trained with each")
    training: NetTraining = Field(description="how every net is trained")
    distillation: Distillation = Field(description="what students learn from")
    known: list[str] = Field(description="what is known of the paper's set-up")
    not_known: list[str] = Field(min_length=1, description="what is not")
    differs: list[str] = Field(description="what is done otherwise here than in what is known")
    licence: str = Field(description="terms of the data")
    citation: str = Field(description="whom to cite")

    @model_validator(mode="after")
    def _reads_what_is_there(self) -> Crossmodal[Data]:
        from msd.mfh.crossmodal.networks import NETWORKS  # takes seconds, which other studies need not wait for

        reader, known = self.data, self.data.modalities
        for networks in (*self.teachers.values(), self.student):
            if not networks:
                raise ValueError("a teacher needs a modality and its network")
            for modality, network in networks.items():
                if modality not in known:
                    raise ValueError(f"{reader.reader} has no modality {modality!r}{nearest(modality, known)}")
                if network not in NETWORKS:
                    raise ValueError(f"there is no network {network!r}{nearest(network, NETWORKS)}")
                if NETWORKS[network].has_maps != reader.has_maps:
                    raise ValueError(f"{network!r} does not fit {reader.reader}: pixels need a network of maps")
        return self

    @property
    def modules(self) -> list[str]:
        """The module whose source decides what is read, besides the stage's."""
        return [reader_module(self.data.reader)]

    def params(self, folder: str) -> CrossmodalParams:
        """What the job is given that reads the data set's files from a folder."""
        own = self.model_dump(mode="json", include=set(CrossmodalParams.model_fields))
        return CrossmodalParams(folder=folder, metric=self.data.metric, **own)

    def table_params(self, name: str) -> CrossmodalTable:
        """What the table is given of the data set `name`."""
        own = self.model_dump(include={"title", "share", "not_known", "differs"})
        return CrossmodalTable(**own, metric=self.data.metric, published=published("main", name))


def read_crossmodal(folders: dict[str, str]) -> dict[str, Crossmodal[Any]]:
    """The files of the data sets whose folders a study names; UserError where there is no such file or folder."""
    known = [path.stem for path in FILES.glob("*.yaml")]
    for name, folder in folders.items():
        if name not in known:
            raise UserError(f"crossmodal: there is no data set {name!r}{nearest(name, known)}")
        if not os.path.isdir(folder):
            raise UserError(f"crossmodal.{name}: there is no folder {folder}; name the one that holds its files")
    return {name: read_config(FILES / f"{name}.yaml") for name in folders}


def read_config(path: Path) -> Crossmodal[Any]:
    """One file, validated with the options of the reader that it names; raises UserError with file, line and key."""
    content = read_yaml(path)
    data = content.get("data")
    try:
        options = reader_class(str(data.get("reader"))) if isinstance(data, dict) else DataReader
    except UserError as error:
        raise UserError(f"{path}: data.reader: {error}") from error
    return read_model(Crossmodal[options], path, content)  # type: ignore[valid-type]


def described() -> type[Crossmodal[Any]]:
    """The model of such files with the options of every reader, from which the reference of keys is made."""
    options: Any = reduce(or_, map(reader_class, reader_names()))
    model: type[Crossmodal[Any]] = Crossmodal[options]
    model.__doc__ = Crossmodal.__doc__
    return model
