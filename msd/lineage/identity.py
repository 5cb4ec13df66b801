"""What tells the cells of a table apart, read from its JSON: the identity by which every reader knows a cell."""

from collections.abc import Mapping, Sequence
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
    """Short name of a cell in its table: its values in the layout, dataset and method first, joined by slashes.

    layout: the keys of the table's rows and columns.
    """
    keys = sorted(layout, key=lambda key: ("dataset", "method").index(key) if key in ("dataset", "method") else 2)
    return "/".join(str(cell["variant" if key == POINT else key]) for key in keys)
