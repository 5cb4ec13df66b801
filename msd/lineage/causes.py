"""Why results differ, read off the records.

From a cell back to the sources, every record whose outputs differ on the two sides says how its own code, parameters,
seeds, environment or data differ.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msd.lineage.environment import differences
from msd.lineage.identity import other_side
from msd.lineage.record import leaves
from msd.lineage.versions import Version

Found = dict[tuple[str, str], None]
"""(kind, difference) as keys: a set that remembers in which order they were found."""


class Causes:
    """Differences between the records of two versions, each pair of records looked at once; tables: of each version."""

    def __init__(self, versions: Sequence[Version], tables: Sequence[Sequence[Any]]) -> None:
        self.before, self.after = versions
        self.tables = tables
        self.known: dict[tuple[str, str], Found] = {}

    def of_table(self) -> dict[str, list[str]]:
        """Why a table has other cells: what its own record says."""
        return _by_kind(self._own(self.before.table_record, self.after.table_record))

    def of_cell(self, old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[str]]:
        """Why a cell differs: its choice of variant, the making of the table, its runs and all before them.

        Also the runs that it is compared with, where the comparison differs.
        """
        causes: Found = {}
        if old.get("selected") != new.get("selected"):
            causes["selection", f"{old.get('selected')} → {new.get('selected')}"] = None
        if set(old["values"]) != set(new["values"]):
            causes["seeds", f"{', '.join(old['values']) or 'none'} → {', '.join(new['values']) or 'none'}"] = None
        cell = f"cells/{old['dataset']}/{old['method']}"
        causes |= self._own(self.before.table_record, self.after.table_record)
        causes |= self._own(self.before.beside_tables(cell), self.after.beside_tables(cell))
        runs = [*zip(old["runs"], new["runs"], strict=False)]
        if old["against"] and new["against"] and old["against"] != new["against"]:
            runs += zip(*map(_runs_compared_with, (old, new), self.tables), strict=False)
        for one, other in runs:
            causes |= self._back(f"{one}/record.json", f"{other}/record.json")
        return _by_kind(causes)

    def _back(self, one: str, other: str) -> Found:
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

    def _own(self, one: str, other: str) -> Found:
        """How two records differ by themselves, whatever they were made from."""
        old, new = self.before.record(one), self.after.record(other)
        return {} if old is None or new is None else dict.fromkeys(_record_differences(old, new))


def _runs_compared_with(cell: dict[str, Any], tables: Sequence[Any]) -> list[str]:
    """The runs of the other side of a cell's difference: as it states them, or those of its cell."""
    runs: list[str] = cell["against"].get("runs") or (other_side(cell, tables) or {"runs": []})["runs"]
    return runs


def _by_kind(causes: Found) -> dict[str, list[str]]:
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
