"""The teacher of each seed of a cell, as its table names it or as the record of the tables lets conclude."""

from collections.abc import Iterable, Mapping
from itertools import cycle
from typing import Any

DEALT = (
    "its tables do not name the teacher of each seed: taken as dealt in turn to the teachers that their record names"
)
UNKNOWN = "neither its tables nor their record name the teacher of each seed: taken as one of its own"


class Teachers:
    """Of one version of results.

    Tables of an earlier form have no cell with `teachers`. Studies deal seeds to teachers in turn, and the tables'
    record has the teachers of every dataset and the methods that run on it; a student without a teacher, whose seeds
    are independent, then counts as dealt too: its interval is wider than it need be.
    """

    def __init__(self, tables: Iterable[Mapping[str, Any]], record: Mapping[str, Any] | None) -> None:
        datasets = (record or {}).get("params", {}).get("datasets", [])
        self.datasets = {about["name"]: about for about in datasets if "teachers" in about}
        self.named = any("teachers" in cell for table in tables for cell in table["cells"])

    @property
    def note(self) -> str | None:
        """What was taken for granted."""
        return None if self.named else DEALT if self.datasets else UNKNOWN

    def of(self, cell: Mapping[str, Any]) -> Mapping[str, str]:
        """Seed -> teacher; empty where no two seeds share one."""
        about = self.datasets.get(cell["dataset"], {})
        if self.named or cell["method"] not in about.get("methods", ()):
            named: Mapping[str, str] = cell.get("teachers", {})
            return named
        return dict(zip(cell["values"], map(str, cycle(about["teachers"])), strict=False))

    def is_one(self, cell: Mapping[str, Any]) -> bool:
        """Whether one teacher taught all students of a cell."""
        return len(set(self.of(cell).values())) == 1

    def one_for_difference(self, cell: Mapping[str, Any]) -> bool:
        """The same of the students of the cell and of the one that it is compared with."""
        return self.is_one(cell) or len(self.datasets.get(cell["dataset"], {}).get("teachers", ())) == 1
