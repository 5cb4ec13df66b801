"""Differences of two methods that are paired by run."""

from __future__ import annotations

import math
from collections.abc import Mapping

from scipy.stats import ttest_1samp

from msd.measure.intervals import mean_interval
from msd.tables.cell import Against


def paired(results: Mapping[str, Mapping[str, float]], a: str, b: str, *, n: int | None = None) -> Against:
    """Mean of a − b over runs with 95 % t-interval and the p of the paired t-test (none where nothing varies).

    results: method -> seed -> value. n: pairs of seeds, where the table states them.
    """
    # Accuracies are whole numbers of samples: what differs in the last bits is equal.
    gaps = [round(value - results[b][seed], 9) for seed, value in results[a].items()]
    mean, low, high = mean_interval(gaps)
    p = float(ttest_1samp(gaps, 0).pvalue) if len(set(gaps)) > 1 else math.nan
    return Against(b, mean, low, high, None if math.isnan(p) else p, n=n)
