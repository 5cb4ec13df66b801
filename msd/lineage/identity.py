"""What tells the cells of a table apart, read from its JSON, and which cell another one is compared with."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Identity = tuple[tuple[str, str], ...]
"""(key, value) of everything that tells a cell apart."""

KEYS = (
    *("dataset", "method", "split", "metric"),
    *("view", "measure", "modality", "over", "label", "variant", "comparison"),
    *("setting", "direction", "share", "teacher", "role", "source", "scope", "predictor"),
)
JUDGED = ("claim", "test", "dataset")
POINT = "point"
"""How a table prints a variant: marked where it was selected, so that its name changes with the selection."""
NO_RUN = {
    "constant": "the best constant answer, which no run made",
    "0": "zero: a contrast of several runs, all of them its own",
}
"""Other sides that have no cell, in words."""
OF_METHOD = ("method", "comparison", "predictor", "share", "teacher", "source")
"""Keys that say which method it is, and so differ between the two sides."""


def identity(cell: Mapping[str, Any]) -> Identity:
    """A cell's identity in the order of KEYS; what its table does not use is absent.

    A cell that judges a claim is known by claim, test and dataset alone: the method, metric and modality that its
    verdict rests on are part of the result.
    """
    keys = JUDGED if cell.get("claim") else KEYS
    return tuple((key, str(cell[key])) for key in keys if cell.get(key) not in (None, ""))


def spelled(key: Identity) -> str:
    """An identity's values, joined by slashes."""
    return "/".join(value for _, value in key)


def cell_name(cell: Mapping[str, Any], layout: Sequence[str]) -> str:
    """Short name of a cell: its values in the layout (keys of rows and columns), dataset and method first."""
    keys = sorted(layout, key=lambda key: ("dataset", "method").index(key) if key in ("dataset", "method") else 2)
    return "/".join(str(cell["variant" if key == POINT else key]) for key in keys)


def other_side(cell: Mapping[str, Any], tables: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The cell of the method that `cell` is compared with, from the first of the tables that has one.

    It agrees with the cell in every key that tells both apart. Of several, the one with the fewest further keys, then
    one of the same runs. None where no single cell is the other side: a claim over several measures (their mean) or
    over all tasks, and what `NO_RUN` lists. The former two name the runs of the other side in `against.runs`, which
    `trace` follows without a cell; of the latter it shows no runs.
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
