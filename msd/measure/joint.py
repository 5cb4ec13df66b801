"""Tests that stand on a difference and its error: of one side, and of several tasks together."""

import math
import sys
from collections.abc import Sequence

from scipy.special import ndtr, ndtri
from scipy.stats import t as student_t


def p_above(value: float, bound: float, *, error: float, freedom: float) -> float:
    """One-sided p of Student's t that `value` lies above `bound`: small where it clearly does."""
    if error == 0:
        return 0.5 if value == bound else float(value < bound)
    return float(student_t.sf((value - bound) / error, freedom))


def normal_deviate(value: float, *, error: float, freedom: float) -> float:
    """The z of a standard normal whose tail is as large as that of Student's t = value / error, with its sign.

    From the smaller tail, of which a float holds as little as 1e-308: |z| is at most 37.5.
    """
    tail = p_above(abs(value), 0, error=error, freedom=freedom)
    return math.copysign(-float(ndtri(max(tail, sys.float_info.min))), value)


def stouffer(deviates: Sequence[float]) -> tuple[float, float]:
    """(z, two-sided p) that tasks together have no effect, from each one's `normal_deviate`: z = Σ z_k / √K.

    Stouffer et al., "The American Soldier", 1949, every task with the same weight. Not a mean effect with tasks as
    random effects: metrics of different tasks have no scale in common, and tasks that were chosen are no sample of any
    population. Raises ValueError for no task.
    """
    if not deviates:
        raise ValueError("deviates: at least one is needed")
    z = math.fsum(deviates) / math.sqrt(len(deviates))
    return z, float(2 * ndtr(-abs(z)))
