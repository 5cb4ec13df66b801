"""What a study says of the files that it fetches: where people put those that they bring, which licences it accepts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from msd.config.names import NamedStudy
from msd.config.strict import distinct
from msd.errors import UserError, nearest

if TYPE_CHECKING:
    from msd.config.contracts.training import StudentParams, TeacherParams
    from msd.config.files import EncoderConfig, Fetched
    from msd.config.study import Study


class FetchingStudy(NamedStudy):
    """A study that fetches files."""

    data_root: str | None = Field(
        None,
        min_length=1,
        description="folder of the files that people bring, each at `<data_root>/<dataset>/<file>`; relative to the "
        "project's folder; `~` and variables are not expanded; if null, that of the variable MSD_DATA_ROOT",
    )
    accept_licenses: list[str] = Field(
        [],
        description="datasets, encoders and models whose licence you have read and accept, where it asks for that "
        "(`gate`)",
    )

    _once = field_validator("accept_licenses")(distinct)

    @field_validator("data_root")
    @classmethod
    def _is_plain(cls, folder: str | None) -> str | None:
        if folder is not None and (folder.startswith("~") or "$" in folder):
            raise ValueError("`~` and variables are not expanded here; write the path in full")
        return folder

    readers: ClassVar[str]
    """The package of its datasets' readers."""

    @property
    def trains(self) -> tuple[Study, ...]:
        """The studies of distillation that it runs: none unless a kind of study says so."""
        return ()

    @property
    def reads(self) -> tuple[Study, ...]:
        """The studies of distillation whose results it reads: none unless a kind of study says so."""
        return ()

    @property
    @abstractmethod
    def sources(self) -> list[Fetched]:
        """All that is fetched: datasets, then encoders and models."""

    @property
    def extracted(self) -> dict[str, EncoderConfig]:
        """The encoder of each dataset whose pictures become region features; none unless a kind of study says so."""
        return {}

    def trainings(self, rule: str) -> Iterator[TeacherParams | StudentParams]:
        """What each job of a rule is given, if it trains a teacher or students; none unless a kind of study says so."""
        return iter(())

    @property
    def unaccepted(self) -> list[Fetched]:
        """The datasets, encoders and models whose licence must be accepted, and is not."""
        gated = [config for config in self.sources if config.licence.gate != "none"]
        return [config for config in gated if config.name not in self.accept_licenses]

    @property
    def accepting_line(self) -> str:
        """The line of the study with which it accepts all that it must."""
        return f"accept_licenses: [{', '.join([*self.accept_licenses, *(one.name for one in self.unaccepted)])}]"

    def check_accepted(self) -> None:
        """Raise UserError, with the nearest name, where the licence of something else is accepted."""
        known = [config.name for config in self.sources]
        for name in self.accept_licenses:
            if name not in known:
                wrong = f"accept_licenses: {name!r} is no dataset, encoder or model of the study"
                raise UserError(f"{self.file}: {wrong}{nearest(name, known)}")

    def check_licences(self) -> None:
        """Raise UserError where a licence must be accepted first: its name, its address and the line that says so."""
        if self.unaccepted:
            licences = "; ".join(
                f"{config.name}: {config.licence.name} ({config.licence.terms})" for config in self.unaccepted
            )
            raise UserError(
                f"{self.file}: read and accept before anything runs: {licences}; then write `{self.accepting_line}`"
            )
