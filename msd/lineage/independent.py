"""Two runs of one study held against each other: a cell by its interval, models by the digests of their predictions."""

import math
from collections.abc import Mapping
from typing import Any

LEVEL = 0.95
ROUNDING = 1e-4
"""Of the spread of a model's logits: what differs less, in mean and in spread, is rounding; another training is not."""
LIKENESS = ("equal bytes", "equal to rounding", "other")
SAME = ("mean", "low", "high", "n", "values", "against", "verdict")


def verdict_on(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Identical in every value; else within the interval of the difference of two independent runs, or changed.

    Welch's t: a cell's standard error is half its interval over t(n − 1), the squared errors of both add up, and so do
    the doubts about them (Satterthwaite). Two runs that differ by chance alone are called changed one time in twenty.
    Not each mean in the other's interval: that difference has the variance of two, and failed one time in six. Cells of
    a single model have no interval, and two different ones prove nothing: no interval.
    """
    if all(old.get(key) == new.get(key) for key in SAME):
        return "identical"
    if old["mean"] == new["mean"]:
        return "within interval"
    if None in (old["mean"], new["mean"]):
        return "changed"
    errors = [_error(cell) for cell in (old, new)]
    if None in errors:
        return "no interval"
    from scipy.stats import t as student_t  # slow to import

    squared = [float(error or 0) ** 2 for error in errors]
    doubt = sum(one**2 / (cell["n"] - 1) for one, cell in zip(squared, (old, new), strict=True))
    if not doubt:
        return "changed"
    reach = float(student_t.ppf((1 + LEVEL) / 2, sum(squared) ** 2 / doubt)) * math.sqrt(sum(squared))
    return "within interval" if abs(new["mean"] - old["mean"]) <= reach else "changed"


def _error(cell: Mapping[str, Any]) -> float | None:
    """Standard error of a mean by its 95 % interval; None where it has none."""
    if None in (cell["low"], cell["high"]) or cell["n"] < 2:
        return None
    from scipy.stats import t as student_t

    return float((cell["high"] - cell["low"]) / 2 / student_t.ppf((1 + LEVEL) / 2, cell["n"] - 1))


def alike(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Model -> how alike its predictions are, of models that both sides have.

    old, new: model -> {"sha256", "logits": view -> [mean, standard deviation]}, as the tables stage writes them.
    """
    return {name: _likeness(old[name], new[name]) for name in old if name in new}


def _likeness(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if old["sha256"] == new["sha256"]:
        return "equal bytes"
    near = all(
        abs(one - other) <= ROUNDING * spread
        for view, (mean, spread) in old["logits"].items()
        for one, other in zip((mean, spread), new["logits"][view], strict=True)
    )
    return "equal to rounding" if near else "other"
