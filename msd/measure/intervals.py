"""95 % intervals of means: of independent values, and of samples that share pictures."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

LEVEL = 0.95


def mean_interval(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Mean and 95 % t-interval, mean ± t(n−1)·s/√n, of independent values; (mean, None, None) for n = 1.

    Raises ValueError for no values and for values that are not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"values must be finite numbers, at least one; got {list(values)}")
    mean = float(array.mean())
    if array.size == 1:
        return mean, None, None
    half = float(student_t.ppf((1 + LEVEL) / 2, array.size - 1) * array.std(ddof=1) / math.sqrt(array.size))
    return mean, mean - half, mean + half


def mean_if_known(values: Sequence[float | None]) -> float | None:
    """Mean of values, None as soon as one of them is undefined."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def clustered_interval(values: Sequence[float], groups: NDArray[np.int64]) -> tuple[float, float, float]:
    """Mean of per-sample values (N,) with its 95 % interval when samples of one group, a picture, hang together.

    Standard error √(G/(G−1) · Σ_g (Σ_{i∈g} (x_i − x̄))²) / N, Student's t with G − 1 degrees of freedom.
    Raises ValueError for fewer than two groups.
    """
    column = np.asarray(values, dtype=np.float64)
    count = int(groups.max()) + 1 if len(groups) else 0
    if count < 2 or len(column) != len(groups):
        raise ValueError(f"groups: {len(column)} values need as many group numbers of at least two groups")
    sums = np.bincount(groups, weights=column - column.mean(), minlength=count)
    error = math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(column)
    half = float(student_t.ppf((1 + LEVEL) / 2, count - 1)) * error
    return float(column.mean()), float(column.mean()) - half, float(column.mean()) + half


def drawn_interval(draws: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """95 % percentile interval of the bootstrap draws (K,) that are defined; none of fewer than two."""
    known = draws[np.isfinite(draws)]
    if len(known) < 2:
        return None, None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
