"""A table of results, for both papers: one type with one form on disk."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from msd.errors import decoding, made_anew
from msd.lineage.identity import cell_name, spelled
from msd.measure.stats import holm
from msd.tables.cell import Cell

_KEYS = ("name", "caption", "notes", "study", "family", "layout", "titles", "cells")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cells with all that is needed to print them.

    Attributes:
        rows, columns: keys of the cells by whose values the table is laid out.
        titles: key -> value -> its printed name; `metric` maps a dataset to the name of its metric.
        family: number of comparisons that Holm's correction was made over; 0 for none, or one a claim.
        more: further entries of the JSON: checks, marks, claims, samples, swept, folded …

    Raises:
        ValueError: two cells have one identity, or stand in one place of the layout.
    """

    name: str
    caption: str
    cells: Sequence[Cell]
    rows: Sequence[str]
    columns: Sequence[str]
    study: str
    titles: Mapping[str, Mapping[str, str]]
    notes: Sequence[str] = ()
    family: int = 0
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        by_identity = Counter(cell.identity for cell in self.cells)
        if twice := [key for key, count in by_identity.items() if count > 1]:
            raise ValueError(f"table {self.name}: two cells are {spelled(twice[0])}; what else tells them apart?")
        by_place = Counter((self.row(cell), self.column(cell)) for cell in self.cells)
        if twice_placed := [place for place, count in by_place.items() if count > 1]:
            raise ValueError(
                f"table {self.name}: two cells stand at {twice_placed[0]}; its layout must tell them apart"
            )

    def row(self, cell: Cell) -> tuple[str, ...]:
        """The row that a cell stands in."""
        entries = cell.entries()
        return tuple(str(entries[key]) for key in self.rows)

    def column(self, cell: Cell) -> tuple[str, ...]:
        """The column that a cell stands in."""
        entries = cell.entries()
        return tuple(str(entries[key]) for key in self.columns)

    def short_name(self, cell: Cell) -> str:
        """How `msd trace` names a cell of the table."""
        return cell_name(cell.entries(), [*self.rows, *self.columns])

    def to_json(self) -> dict[str, Any]:
        """The table as it lies on disk."""
        content: dict[str, Any] = {"name": self.name, "caption": self.caption, "notes": list(self.notes)}
        content |= {"study": self.study, "family": self.family}
        content |= {"layout": {"rows": list(self.rows), "columns": list(self.columns)}, "titles": dict(self.titles)}
        return content | {"cells": [cell.to_json() for cell in self.cells]} | dict(self.more)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` gives."""
        cells = [Cell.from_json(cell) for cell in content["cells"]]
        more = {key: value for key, value in content.items() if key not in _KEYS}
        known = {key: content[key] for key in _KEYS if key not in ("layout", "cells")}
        return cls(**known, **content["layout"], cells=cells, more=more)


def read_table(path: str) -> Table:
    """The table of a JSON file; raises UserError when it is none."""
    with decoding(f"{path} is no table of this version of msd", made_anew(path)):
        return Table.from_json(json.loads(Path(path).read_text(encoding="utf-8")))


def corrected(cells: Sequence[Cell]) -> tuple[list[Cell], int]:
    """The cells of a table with every p_holm filled in, their comparisons being one family (Holm 1979); its size."""
    compared = [cell.against for cell in cells if cell.against is not None]
    adjusted = iter(holm([against.p for against in compared]))
    filled = [
        cell if cell.against is None else replace(cell, against=replace(cell.against, p_holm=next(adjusted)))
        for cell in cells
    ]
    return filled, sum(against.p is not None for against in compared)
