"""Compare two studies' results, cell by cell: identical, within the interval or changed, and by what cause.

Two values, and two differences to another cell, are held against the interval of the difference of two independent
runs (`msd.lineage.independent`); whose models answer alike, to the byte or to rounding, the digests of predictions say
that lie beside the tables. Why they differ, the records say (`msd.lineage.causes`).
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from msd.errors import UserError
from msd.lineage.causes import Causes
from msd.lineage.identity import identity, spelled
from msd.lineage.independent import LIKENESS, alike, verdict_on, verdict_on_difference
from msd.lineage.teachers import Teachers
from msd.lineage.versions import open_version, study_of

EMBEDDED = "demo"
SHOWN = 4
"""Causes of a kind on a cell's line; the JSON has all."""
VERDICTS = ("identical", "within interval", "changed", "no interval", "only in A", "only in B")
BY_INTERVAL = ("within interval", "changed")
ONE_TEACHER = "one teacher: its own training is not covered"
OVER_SAMPLES = "interval over samples: its table says whether it covers another training"


@dataclass(frozen=True)
class DifferenceComparison:
    """A cell's difference to another one, on both sides; other: the method of that one."""

    other: str
    verdict: str
    before: float | None
    after: float | None

    def __str__(self) -> str:
        return f"its difference to {self.other} {_change(self.before, self.after)}, {self.verdict}"


@dataclass(frozen=True)
class CellComparison:
    """One cell on both sides; `causes` by kind: code, parameters, seeds, environment, data, selection.

    difference: where both sides have one to the same method. note: what a verdict by an interval does not cover.
    """

    table: str
    cell: str
    verdict: str
    before: float | None
    after: float | None
    causes: dict[str, list[str]]
    difference: DifferenceComparison | None = None
    note: str | None = None

    def __str__(self) -> str:
        own = f"{self.table} {self.cell}: {_change(self.before, self.after)}, {self.verdict}"
        differs = self.difference is not None and self.difference.verdict != "identical"
        parts = [own, *([str(self.difference)] if differs else []), *([] if self.note is None else [self.note])]
        causes = "; ".join(f"{kind}: {_first(items)}" for kind, items in self.causes.items())
        return f"{'; '.join(parts)} ({causes or 'no recorded cause'})"


@dataclass(frozen=True)
class Comparison:
    """All cells of two results; predictions: model -> how alike its answers are, where both have digests.

    notes: what had to be taken for granted of a side.
    """

    before: str
    after: str
    cells: list[CellComparison]
    predictions: dict[str, str]
    notes: list[str]

    def __str__(self) -> str:
        """What is not identical, one line a cell, and the counts."""
        lines = [str(cell) for cell in self.cells if cell.verdict != "identical"]
        differences = _counted(cell.difference.verdict for cell in self.cells if cell.difference)
        lines += [f"differences between methods: {differences}"] if differences else []
        models = _counted(self.predictions.values(), LIKENESS)
        lines += [f"predictions of {len(self.predictions)} models: {models}"] if models else []
        total = _counted(cell.verdict for cell in self.cells)
        return "\n".join([*lines, *self.notes, f"{self.before} against {self.after}: {total}"])

    def to_json(self) -> str:
        """The same for programs."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)


def compare(before: str, after: str, *, study: str | None = None) -> Comparison:
    """Compare two result folders, studies or git commits.

    study: the one whose results commits are read for; by default that of the other side, or the embedded one.

    Raises UserError for a side without tables, and when the two have no table in common.
    """
    study = study or next(filter(None, map(study_of, (before, after))), EMBEDDED)
    sides = [open_version(name, study) for name in (before, after)]
    tables = [side.tables() for side in sides]
    if not tables[0].keys() & tables[1].keys():
        raise UserError(f"{before} and {after} have no table in common")
    causes = Causes(sides, [list(by_name.values()) for by_name in tables])
    teachers = [
        Teachers(by_name.values(), side.record(side.table_record)) for side, by_name in zip(sides, tables, strict=True)
    ]
    cells = [
        cell
        for name in dict.fromkeys([*tables[0], *tables[1]])
        for cell in _compare_table(name, [by_name.get(name, {"cells": []}) for by_name in tables], teachers, causes)
    ]
    predictions = alike(*(side.predictions() for side in sides))
    notes = [f"{side.label}: {own.note}" for side, own in zip(sides, teachers, strict=True) if own.note]
    by_interval = any(cell.verdict in BY_INTERVAL for cell in cells)
    return Comparison(sides[0].label, sides[1].label, cells, predictions, notes if by_interval else [])


def _compare_table(
    name: str, tables: Sequence[Any], teachers: Sequence[Teachers], causes: Causes
) -> Iterator[CellComparison]:
    old, new = ({identity(cell): cell for cell in table["cells"]} for table in tables)
    for key in [*old, *(key for key in new if key not in old)]:
        cell = spelled(key)
        if key not in new:
            yield CellComparison(name, cell, "only in A", old[key]["mean"], None, causes.of_table())
        elif key not in old:
            yield CellComparison(name, cell, "only in B", None, new[key]["mean"], causes.of_table())
        else:
            yield _compare_cell(name, cell, (old[key], new[key]), teachers, causes)


def _compare_cell(
    table: str, cell: str, sides: tuple[Any, Any], teachers: Sequence[Teachers], causes: Causes
) -> CellComparison:
    old, new = sides
    verdict = verdict_on(old, new, teachers=(teachers[0].of(old), teachers[1].of(new)))
    why = {} if verdict == "identical" else causes.of_cell(old, new)
    difference, compared = verdict_on_difference(old, new), None
    if difference is not None:
        ends = (side["against"]["difference"] for side in sides)
        compared = DifferenceComparison(old["against"]["method"], difference, *ends)
    note = _note(sides, teachers, verdict, difference)
    return CellComparison(table, cell, verdict, old["mean"], new["mean"], why, compared, note)


def _note(sides: tuple[Any, Any], teachers: Sequence[Teachers], verdict: str, of_difference: str | None) -> str | None:
    """What the verdicts by an interval do not cover, if there are any."""
    pairs = list(zip(teachers, sides, strict=True))
    one = verdict in BY_INTERVAL and any(own.is_one(cell) for own, cell in pairs)
    if one or (of_difference in BY_INTERVAL and any(own.one_for_difference(cell) for own, cell in pairs)):
        return ONE_TEACHER
    over_samples = not any(cell["values"] for cell in sides) and all(cell["low"] is not None for cell in sides)
    return OVER_SAMPLES if verdict in BY_INTERVAL and over_samples else None


def _change(before: float | None, after: float | None) -> str:
    return " → ".join("undefined" if value is None else f"{value:.6g}" for value in (before, after))


def _counted(verdicts: Iterable[str], order: Sequence[str] = VERDICTS) -> str:
    counts = Counter(verdicts)
    return ", ".join(f"{counts[name]} {name}" for name in order if counts[name])


def _first(items: list[str]) -> str:
    left = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {left} more" if left > 0 else "")
