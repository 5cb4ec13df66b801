"""Compare two studies' results, cell by cell: identical, within the interval or changed, and by what cause.

Two values are held against the interval of the difference of two independent runs (`msd.lineage.independent`); whose
models answer alike, to the byte or to rounding, the digests of predictions say that lie beside the tables.
The cause is read off the records: from a cell back to the sources, every record whose outputs differ on the two sides
says how its own code, parameters, seeds, environment or data differ.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from msd.errors import UserError
from msd.lineage.environment import differences
from msd.lineage.identity import identity, spelled
from msd.lineage.independent import LIKENESS, alike, verdict_on
from msd.lineage.record import leaves
from msd.lineage.versions import Version, open_version, study_of

EMBEDDED = "demo"
Causes = dict[tuple[str, str], None]
"""(kind, difference) as keys: a set that remembers in which order they were found."""
SHOWN = 4
"""Causes of a kind on a cell's line; the JSON has all."""
VERDICTS = ("identical", "within interval", "changed", "no interval", "only in A", "only in B")


@dataclass(frozen=True)
class CellComparison:
    """One cell on both sides; `causes` by kind: code, parameters, seeds, environment, data, selection."""

    table: str
    cell: str
    verdict: str
    before: float | None
    after: float | None
    causes: dict[str, list[str]]

    def __str__(self) -> str:
        values = " → ".join("undefined" if value is None else f"{value:.6g}" for value in (self.before, self.after))
        line = f"{self.table} {self.cell}: {values}, {self.verdict}"
        causes = "; ".join(f"{kind}: {_first(items)}" for kind, items in self.causes.items())
        return f"{line} ({causes or 'no recorded cause'})"


@dataclass(frozen=True)
class Comparison:
    """All cells of two results; predictions: model -> how alike its answers are, where both have digests."""

    before: str
    after: str
    cells: list[CellComparison]
    predictions: dict[str, str]

    def __str__(self) -> str:
        """What is not identical, one line a cell, and the counts."""
        lines = [str(cell) for cell in self.cells if cell.verdict != "identical"]
        counts = Counter(cell.verdict for cell in self.cells)
        total = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
        alike = Counter(self.predictions.values())
        models = ", ".join(f"{alike[kind]} {kind}" for kind in LIKENESS if alike[kind])
        answers = [f"predictions of {len(self.predictions)} models: {models}"] if models else []
        return "\n".join([*lines, *answers, f"{self.before} against {self.after}: {total}"])

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
    shared = [name for name in tables[0] if name in tables[1]]
    if not shared:
        raise UserError(f"{before} and {after} have no table in common")
    causes = _Causes(*sides)
    cells = [cell for name in shared for cell in _compare_table(name, tables[0][name], tables[1][name], causes)]
    predictions = alike(*(side.predictions() for side in sides))
    return Comparison(sides[0].label, sides[1].label, cells, predictions)


def _compare_table(name: str, before: Any, after: Any, causes: "_Causes") -> Iterator[CellComparison]:
    old, new = ({identity(cell): cell for cell in table["cells"]} for table in (before, after))
    for key in [*old, *(key for key in new if key not in old)]:
        cell = spelled(key)
        if key not in new:
            yield CellComparison(name, cell, "only in A", old[key]["mean"], None, causes.of_table())
        elif key not in old:
            yield CellComparison(name, cell, "only in B", None, new[key]["mean"], causes.of_table())
        else:
            verdict = verdict_on(old[key], new[key])
            why = {} if verdict == "identical" else causes.of_cell(old[key], new[key])
            yield CellComparison(name, cell, verdict, old[key]["mean"], new[key]["mean"], why)


class _Causes:
    """Differences between the records of two versions, each pair of records looked at once."""

    def __init__(self, before: Version, after: Version) -> None:
        self.before, self.after = before, after
        self.known: dict[tuple[str, str], Causes] = {}

    def of_table(self) -> dict[str, list[str]]:
        """Why a table has other cells: what its own record says."""
        return _by_kind(self._own(self.before.table_record, self.after.table_record))

    def of_cell(self, old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[str]]:
        """Why a cell differs: its runs and all before them, its choice of variant, and the making of the table."""
        causes: Causes = {}
        if old.get("selected") != new.get("selected"):
            causes["selection", f"{old.get('selected')} → {new.get('selected')}"] = None
        if set(old["values"]) != set(new["values"]):
            causes["seeds", f"{', '.join(old['values']) or 'none'} → {', '.join(new['values']) or 'none'}"] = None
        cell = f"cells/{old['dataset']}/{old['method']}"
        causes |= self._own(self.before.table_record, self.after.table_record)
        causes |= self._own(self.before.beside_tables(cell), self.after.beside_tables(cell))
        for one, other in zip(old["runs"], new["runs"], strict=False):
            causes |= self._back(f"{one}/record.json", f"{other}/record.json")
        return _by_kind(causes)

    def _back(self, one: str, other: str) -> Causes:
        """Causes in a pair of records and in all that they were made from, as far as their files differ."""
        if (one, other) in self.known:
            return self.known[one, other]
        causes = self.known[one, other] = {}
        old, new = self.before.record(one), self.after.record(other)
        if old is None or new is None:
            if old is not new:
                causes["records", f"only one side has {one if new is None else other}"] = None
            return causes
        if _sha256s(old["outputs"]) == _sha256s(new["outputs"]):
            return causes
        causes |= self._own(one, other)
        for left, right in _paired_inputs(old, new):
            if left["sha256"] == right["sha256"]:
                continue
            if left["record"] and right["record"]:
                causes |= self._back(left["record"], right["record"])
            else:
                causes["data", left["path"]] = None
        return causes

    def _own(self, one: str, other: str) -> Causes:
        """How two records differ by themselves, whatever they were made from."""
        old, new = self.before.record(one), self.after.record(other)
        return {} if old is None or new is None else dict.fromkeys(_record_differences(old, new))


def _first(items: list[str]) -> str:
    left = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {left} more" if left > 0 else "")


def _by_kind(causes: Causes) -> dict[str, list[str]]:
    kinds = dict.fromkeys(kind for kind, _ in causes)
    return {kind: sorted(item for other, item in causes if other == kind) for kind in kinds}


def _record_differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, difference) of code, parameters, seeds and environment, in that order."""
    modules = [record["code"]["modules"] for record in (old, new)]
    yield from (("code", name) for name in _differing(*modules))
    settings = [_settings(record) for record in (old, new)]
    changed = {key: " → ".join(each.get(key, "absent") for each in settings) for key in _differing(*settings)}
    yield from (("parameters", f"{key} {text}") for key, text in changed.items() if key not in ("seed", "seeds"))
    yield from (("seeds", text) for key, text in changed.items() if key in ("seed", "seeds"))
    yield from (("environment", str(item)) for item in differences(old, new))


def _differing(old: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    return (key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def _settings(record: dict[str, Any]) -> dict[str, str]:
    """Dotted name and text of each parameter; a list is one value, unless it is one of tables with names."""
    params = leaves(_by_name(record["params"]))
    return {name: json.dumps(value, ensure_ascii=False) for name, value in params if value != {}}


def _by_name(value: Any) -> Any:
    """The same value with name -> table for every list of tables with names."""
    if isinstance(value, list) and value and all(isinstance(each, dict) and "name" in each for each in value):
        value = {each["name"]: each for each in value}
    return {key: _by_name(each) for key, each in value.items()} if isinstance(value, dict) else value


def _paired_inputs(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Inputs of the same name below their study's folder."""
    others = {_below_study(item["path"]): item for item in new["inputs"]}
    for item in old["inputs"]:
        if _below_study(item["path"]) in others:
            yield item, others[_below_study(item["path"])]


def _below_study(path: str) -> str:
    parts = Path(path).parts
    return "/".join(parts[2:]) if parts[0] == "results" and parts[1] != "data" else path


def _sha256s(outputs: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(_below_study(item["path"]), item["sha256"]) for item in outputs}
