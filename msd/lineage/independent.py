"""Two runs of one study held against each other: a number by its interval, models by the digests of their predictions.

A number is held against the interval of the difference of two independent runs. A run draws its teachers anew, and
seeds are nested in them: the error of a side is the mean square between its teachers, where they are several. Not each
mean in the other's interval: that difference has the variance of two, and failed one time in six.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student_t

from msd.measure.intervals import LEVEL
from msd.measure.variance import freedom_of_parts, grouped, mean_squares

ROUNDING = 1e-4
"""Of the spread of a model's logits: what differs less, in mean and in spread, is rounding; another training is not."""
LIKENESS = ("equal bytes", "equal to rounding", "other")
SAME = ("mean", "low", "high", "n", "values", "against", "verdict")
_QUANTILE = (1 + LEVEL) / 2


class Error(NamedTuple):
    """Squared standard error of a number, and its degrees of freedom.

    design: sorted numbers of seeds of each teacher, or of 1 for each independent seed; empty where it is not known.
    """

    variance: float
    freedom: float
    design: tuple[int, ...] = ()


def verdict_on(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    teachers: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
) -> str:
    """Of two cells: identical in every value; else within the interval of two independent runs, or changed.

    teachers: of each side seed -> teacher, empty where no two seeds share one. With one teacher the error is that of
    seeds alone. Cells of a single model have no interval, and two different ones prove nothing: no interval.
    """
    if all(old.get(key) == new.get(key) for key in SAME):
        return "identical"
    errors = [_error_of_cell(cell, own) for cell, own in zip((old, new), teachers, strict=True)]
    return _verdict(old["mean"], new["mean"], *errors)


def verdict_on_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Of two cells' differences to another one, likewise; None where they do not have one to the same.

    Their errors cover seeds, several teachers and test pictures. Of pictures too much, for both runs have the same.
    """
    sides = [cell.get("against") or {} for cell in (old, new)]
    before, after = (side.get("difference") for side in sides)
    if (before is None and after is None) or sides[0].get("method") != sides[1].get("method"):
        return None
    if sides[0] == sides[1]:
        return "identical"
    return _verdict(before, after, *(_error_of_difference(cell) for cell in (old, new)))


def _verdict(before: float | None, after: float | None, one: Error | None, other: Error | None) -> str:
    """Student's t of the difference of two independent numbers.

    Where nothing has changed, two sides of one design have one variance, and their degrees of freedom add up (the
    pooled t); others are added as `msd.measure.variance.freedom_of_parts` does. Changed by chance alone at most one
    time in twenty, in simulation: 2 and 4 teachers, 5 and 20 seeds, whatever the teachers' part in the variance.
    """
    if before == after:
        return "within interval"
    if before is None or after is None:
        return "changed"
    if one is None or other is None:
        return "no interval"
    few, many = sorted((one, other), key=lambda error: error.freedom)
    if one.design and one.design == other.design:
        freedom = one.freedom + other.freedom
    else:
        freedom = freedom_of_parts(few.variance, few.freedom, many.variance, many.freedom)
    reach = float(student_t.ppf(_QUANTILE, freedom)) * math.sqrt(one.variance + other.variance)
    return "within interval" if abs(after - before) <= reach else "changed"


def _error_of_cell(cell: Mapping[str, Any], teachers: Mapping[str, str]) -> Error | None:
    """Of a mean over seeds, from the mean square between teachers; of one over samples, as it states or by interval."""
    values: Mapping[str, float | None] = cell["values"]
    if not values:
        stated = _stated(cell)
        if stated is None:
            return _error_of_interval(cell, cell["n"])
        return stated._replace(design=(1,) * len(cell["runs"]))  # of saliency, which has a run a teacher
    if len(values) < 2 or None in values.values():
        return None
    names = [teachers.get(seed, seed) for seed in values]
    groups = grouped(names) if len(set(names)) > 1 else np.arange(len(names))
    squares = mean_squares(np.array(list(values.values()), dtype=np.float64), groups)
    design = tuple(sorted(np.bincount(groups).tolist()))
    return Error(squares.ratio * squares.between / squares.seeds, squares.groups - 1, design)


def _error_of_difference(cell: Mapping[str, Any]) -> Error | None:
    """As the cell states it; else from its interval. None for a single seed, whose error is of test pictures alone."""
    against = cell["against"]
    n = cell["n"] if against.get("n") is None else against["n"]
    return (_stated(against) if n > 1 else None) or _error_of_interval(against, n)


def _stated(content: Mapping[str, Any]) -> Error | None:
    if None in (content.get("error"), content.get("freedom")):
        return None
    return Error(content["error"] ** 2, content["freedom"])


def _error_of_interval(content: Mapping[str, Any], n: int) -> Error | None:
    """Half a 95 % interval is t(n − 1) standard errors; None where there is none."""
    if None in (content.get("low"), content.get("high")) or n < 2:
        return None
    half = (content["high"] - content["low"]) / 2
    return Error(float(half / student_t.ppf(_QUANTILE, n - 1)) ** 2, n - 1)


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
