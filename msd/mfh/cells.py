"""What the tables of all parts share: cells, scores by seed, paired differences, and the order expected of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy.stats import ttest_1samp

from msd.measure.intervals import mean_interval
from msd.measure.stats import Difference
from msd.tables.cell import Against, Cell, Value

Results = Mapping[str, Mapping[str, float]]
"""Method -> seed -> score."""
Place = Mapping[str, str | float]


@dataclass(frozen=True)
class Check:
    """Whether a method lies above another as a table's hypothesis expects; all None where nothing is expected.

    claim: in words. higher, lower: the methods. setting: of a sweep. low, high: 95 % interval of the difference.
    """

    claim: str
    higher: str
    lower: str
    setting: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    holds: bool | None = None


def scored_cell(
    dataset: str, method: str, metric: str, value: Value, place: Place, runs: Sequence[str], **more: Any
) -> Cell:
    """A cell of the test split, and of the one variant that there is; more: what else a Cell has."""
    known: dict[str, Any] = {"split": "test", "selected": "default"} | more
    return Cell(dataset=dataset, method=method, metric=metric, value=value, place=place, runs=runs, **known)


def by_seed(runs: pd.DataFrame, score: str) -> dict[str, dict[str, float]]:
    """Results of the columns method, seed and `score` of the runs of one setting."""
    return {
        str(method): {str(seed): float(value) for seed, value in zip(rows["seed"], rows[score], strict=True)}
        for method, rows in runs.groupby("method", sort=False)
    }


def paired(results: Results, a: str, b: str, *, n: int | None = None) -> Against:
    """Mean of a − b over n runs with 95 % t-interval and p of the paired t-test (none where nothing varies)."""
    # Accuracies are whole numbers of samples: what differs in the last bits is equal.
    gaps = [round(value - results[b][seed], 9) for seed, value in results[a].items()]
    p = float(ttest_1samp(gaps, 0).pvalue) if len(set(gaps)) > 1 else math.nan
    return Against(b, *mean_interval(gaps), None if math.isnan(p) else p, n=n)


def expectation(
    a: str,
    sign: str,
    b: str,
    gap: Against | Difference | None,
    titles: Mapping[str, str],
    *,
    setting: float | None = None,
) -> Check:
    """The check whether a > b (or a ≥ b) holds between means; nothing is expected without a gap."""
    claim = f"{titles[a]} {sign} {titles[b]}"
    if gap is None or gap.difference is None:
        return Check(claim, a, b, setting)
    holds = gap.difference > 0 or (sign == "≥" and gap.difference == 0)
    return Check(claim, a, b, setting, gap.difference, gap.low, gap.high, holds)
