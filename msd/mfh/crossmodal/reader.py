"""What reads a crossmodal dataset: one class in each module of msd/mfh/crossmodal/readers, found by its name."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, TypeVar

from pydantic import Field

from msd.config.plugin import plugin_class, plugin_names
from msd.data.findings import Findings, Records
from msd.errors import UserError, nearest
from msd.mfh.crossmodal import readers

if TYPE_CHECKING:
    from msd.mfh.crossmodal.samples import Samples

Name = TypeVar("Name")
ReaderName = Annotated[Name, Field(description="reader of the data: its module in msd/mfh/crossmodal/readers")]


class DataReader(Records):
    """Reads the files of one dataset; its fields are the options under `data` in config/crossmodal/<name>.yaml.

    Attributes:
        modalities: what every sample has.   metric: of `msd.mfh.crossmodal.scores`.
        has_maps: whether every pixel has a class of its own, which needs networks of maps.
    """

    reader: str
    modalities: ClassVar[tuple[str, ...]]
    metric: ClassVar[str]
    has_maps: ClassVar[bool] = False

    @cached_property
    def findings(self) -> Findings:
        """What `read` drops."""
        return Findings(self.records)

    @abstractmethod
    def read(self, folder: Path) -> dict[str, Samples]:
        """The splits train, val and test without bad records; UserError for files that cannot be read."""

    @abstractmethod
    def classes(self, folder: Path) -> int:
        """Number of classes, or of labels that a sample may have together."""


def reader_names() -> list[str]:
    """The readers there are, without importing one."""
    return [name.replace("_", "-") for name in plugin_names(readers)]


def reader_module(name: str) -> str:
    """The module of a reader; raises UserError with the nearest name where there is none."""
    if name not in reader_names():
        raise UserError(f"there is no reader {name!r} in msd/mfh/crossmodal/readers{nearest(name, reader_names())}")
    return f"{readers.__name__}.{name.replace('-', '_')}"


def reader_class(name: str) -> type[DataReader]:
    """The one class of a reader's module; imports it, and what it decodes files with."""
    return plugin_class(readers, reader_module(name).rpartition(".")[2], DataReader)  # type: ignore[type-abstract]
