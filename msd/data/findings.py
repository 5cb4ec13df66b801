"""Bad records of a data set: one policy, and the list of what was dropped, for the readers of both papers."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from msd.config.strict import Strict
from msd.data import SPLITS
from msd.errors import UserError


class Records(Strict):
    """What the options of every reader have in common."""

    records: Literal["strict", "lenient"] = Field(
        "lenient", description="a bad record stops everything, or is dropped, counted and reported"
    )


def counted(title: str, counts: Mapping[str, int]) -> list[str]:
    """A sentence on the counts of findings.json, none where nothing was found."""
    return [f"{title}, records: {'; '.join(f'{what} {count}' for what, count in counts.items())}."] if counts else []


class Row(NamedTuple):
    """A record that a list names: its names (the first is shown), its place, and what else the list says of it."""

    names: tuple[str, ...]
    where: str
    content: Any = None


class Findings(list[dict[str, Any]]):
    """What a reader dropped, repaired or kept in spite of a fault: {"record", "where", "action", "reason"}, in order.

    A reason begins with its kind, by which findings are counted; what is the record's own follows a colon.
    """

    def __init__(self, records: str = "lenient") -> None:
        super().__init__()
        self._is_strict = records == "strict"
        self._faults: dict[str, list[str]] = defaultdict(list)

    def add(self, record: str, where: str, *, action: str, reason: str, **more: Any) -> None:
        """Append an entry that is no fault, such as a record beyond a limit."""
        self.append({"record": record, "where": where, "action": action, "reason": reason, **more})

    def drop(self, record: str, where: str, reason: str, *, split: str = "") -> None:
        """Drop a bad record of a split, if its split is known; raises UserError where `records` is strict."""
        sentence = f"{where}: {record}: {reason}"
        if self._is_strict:
            raise UserError(f"{sentence}; correct it, or drop such records with `records: lenient`")
        self.add(record, where, action="dropped", reason=reason)
        self._faults[split].append(sentence)

    @contextmanager
    def dropping(self, record: str, where: str, reason: str, *, split: str = "") -> Iterator[None]:
        """Drop a record whose reading raises UserError in this block; where `records` is strict, the error goes on."""
        try:
            yield
        except UserError as error:
            if self._is_strict:
                raise
            self.drop(record, where, f"{reason}: {error}", split=split)

    def check_share(self, split: str, kept: int) -> None:
        """Raise UserError where more records of a split were dropped since the last check than are kept."""
        faults = self._faults.pop(split, [])
        if len(faults) > kept:
            bad = f"{len(faults)} of {len(faults) + kept} records of {split} are bad"
            raise UserError(f"{bad}, too many; the first: {faults[0]}")

    def once(self, splits: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
        """The rows less those that stand twice in a split, or share a name with another one: test goes before train."""
        owner: dict[str, str] = {}
        kept: dict[str, list[Row]] = {split: [] for split in splits}
        for split in sorted(splits, key=SPLITS.index, reverse=True):
            seen = set()
            for row in splits[split]:
                other = next((owner[name] for name in row.names if owner.get(name, split) != split), None)
                if other is not None or row.names in seen:
                    reason = f"also in {other}" if other else "listed twice"
                    self.drop(row.names[0], row.where, reason, split=split)
                    continue
                seen.add(row.names)
                owner |= dict.fromkeys(row.names, split)
                kept[split].append(row)
        return kept

    def write(self, path: str) -> None:
        """Write findings.json."""
        Path(path).write_text(json.dumps(self.summary(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def summary(self) -> dict[str, Any]:
        """Counts by action and kind of reason, then every record: the content of findings.json."""
        counts: Counter[str] = Counter()
        for entry in self:
            counts[f"{entry['action']}: {entry['reason'].partition(':')[0]}"] += entry.get("files", 1)
        return {"counts": dict(sorted(counts.items())), "records": list(self)}
