"""The other side of a comparison: the cell that a cell's difference is against."""

from collections.abc import Iterable, Mapping
from typing import Any

from msd.lineage.identity import KEYS

NO_RUN = {
    "constant": "the best constant answer, which no run made",
    "0": "zero: a contrast of several runs, all of them its own",
}
"""Other sides that have no cell, in words."""
OF_METHOD = ("method", "comparison", "predictor", "share", "teacher", "source")
"""Keys that say which method it is, and so differ between the two sides."""


def other_side(cell: Mapping[str, Any], tables: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The cell of the method that `cell` is compared with, from the first of the tables that has one.

    It agrees with the cell in every key that tells both apart. Of several, the one with the fewest further keys, then
    one of the same runs; None when no table has any.
    """
    method = cell["against"]["method"]
    shared = [key for key in KEYS if key not in OF_METHOD and cell.get(key) not in (None, "")]

    def rank(other: Mapping[str, Any]) -> tuple[int, bool]:
        further = [key for key in KEYS if other.get(key) not in (None, "") and cell.get(key) in (None, "")]
        return len(further), other["runs"] != cell["runs"]

    for table in tables:
        candidates = [
            other
            for other in table["cells"]
            if other["method"] == method
            and not other.get("claim")
            and all(str(other[key]) == str(cell[key]) for key in shared if other.get(key) not in (None, ""))
        ]
        if candidates:
            return min(candidates, key=rank)
    return None
