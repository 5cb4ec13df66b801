"""What a cell of a table says of the labels of its row."""

import math
import re
from typing import Any, NamedTuple

from msd.errors import UserError
from msd.system.text_file import parse_json

TEXT, NUMBER, NUMERAL, BOOLEAN, LIST, MAPPING = (
    "a text", "a number", "a number as text", "true or false", "a list", "a mapping"
)  # fmt: skip
KINDS: dict[type, str] = {str: TEXT, bool: BOOLEAN, int: NUMBER, float: NUMBER}
FAMILIES = ((TEXT, NUMERAL), (NUMBER, NUMERAL), (BOOLEAN,), (LIST,), (MAPPING,))
"""Kinds that one column may have together: a CSV file has all numbers as text."""
NUMERALS = re.compile(r"-?\d+(\.\d+)?")


class Labels(NamedTuple):
    """The kind of the cell, and label -> score, which is above 0 and at most 1."""

    kind: str
    scores: dict[str, float]


def labels_of(cell: Any, *, separator: str | None) -> Labels:
    """A label, a list of labels, or a mapping of labels to scores; the latter two may be JSON text.

    separator: what stands between the labels of a text.

    Raises:
        UserError: the cell is something else, or a score lies outside 0 to 1.
    """
    if isinstance(cell, str) and (cell[0], cell[-1]) in (("[", "]"), ("{", "}")):
        cell = parse_json(cell, repr(cell[:80]))
    if isinstance(cell, list) and cell and all(isinstance(one, tuple) for one in cell):  # a map of Parquet
        cell = dict(cell)
    if isinstance(cell, dict):
        return Labels(MAPPING, scored(cell))
    if isinstance(cell, list):
        return Labels(LIST, {_name(one): 1.0 for one in cell})
    if separator is not None and isinstance(cell, str):
        parts = [part for part in cell.split(separator) if part.strip()]
        return Labels(LIST, {_name(part): 1.0 for part in parts})
    name = _name(cell)
    is_numeral = isinstance(cell, str) and NUMERALS.fullmatch(name)
    return Labels(NUMERAL if is_numeral else KINDS[type(cell)], {name: 1.0})


def scored(cell: dict[Any, Any]) -> dict[str, float]:
    """Label -> score of those labels that have one above 0; raises UserError for a score outside 0 to 1."""
    scores = {_name(label): _score(label, value) for label, value in cell.items() if value is not None}
    return {label: score for label, score in scores.items() if score > 0}


def _score(label: Any, value: Any) -> float:
    try:
        score = float(value)
    except (TypeError, ValueError, OverflowError):
        score = math.nan
    if not 0 <= score <= 1:
        raise UserError(f"the score of {str(label)[:80]!r} is {str(value)[:80]!r}, not from 0 to 1")
    return score


def _name(label: Any) -> str:
    """The name of a label: text without needless blanks, or a number, a whole one without its point."""
    if isinstance(label, float) and math.isfinite(label):
        return str(int(label)) if label.is_integer() else str(label)
    if isinstance(label, bool):
        return str(label).lower()
    name = " ".join(str(label).split()) if isinstance(label, str | int) else ""
    if not name or len(name) > 200 or not name.isprintable():
        raise UserError(f"{str(label)[:80]!r} is no label; write one as a short text or a number")
    return name
