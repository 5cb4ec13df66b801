"""Tests that stand on a difference and its error: of one side, and of several tasks together."""

import math
from collections.abc import Sequence

from scipy.special import ndtr, ndtri
from scipy.stats import t as student_t


def p_above(value: float, bound: float, *, error: float, freedom: float) -> float:
    """One-sided p of Student's t that `value` lies above `bound`: small where it clearly does."""
    if error == 0:
        return 0.5 if value == bound else float(value < bound)
    return float(student_t.sf((value - bound) / error, freedom))


def stouffer(one_sided: Sequence[float]) -> tuple[float, float]:
    """(z, two-sided p) that tasks together have no effect, from each one's one-sided p: z = Σ Φ⁻¹(1 − p) / √k.

    Stouffer et al., "The American Soldier", 1949, every task with the same weight. Not a mean effect with tasks as
    random effects: metrics of different tasks have no scale in common, and tasks that were chosen are no sample of any
    population. Raises ValueError for no p.
    """
    if not one_sided:
        raise ValueError("one_sided: at least one p is needed")
    z = -float(ndtri(one_sided).sum()) / math.sqrt(len(one_sided))
    return z, float(2 * ndtr(-abs(z)))
