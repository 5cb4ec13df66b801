"""The standard error of a mean difference: seeds nested in teachers, both crossed with test pictures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import stdtrit

from msd.measure.intervals import LEVEL
from msd.measure.scorers import FloatArray

LEAST_SHARE = 0.1
ENOUGH = 3  # degrees of freedom between teachers: Student's t has 3.2 there, not 12.7
_QUANTILE = (1 + LEVEL) / 2


@dataclass(frozen=True)
class TeacherShare:
    """What other tasks say of teachers: ratio of a teacher's variance to that of a seed, and its degrees of freedom."""

    ratio: float
    freedom: float


@dataclass(frozen=True)
class MeanSquares:
    """Analysis of variance of one difference by seed, S seeds in G groups.

    between, within: mean squares, of G − 1 and S − G degrees of freedom; within is 0 where every group has one seed.
    size: seeds n₀ of a group, such that the mean of `between` is σ²_seed + n₀·σ²_teacher.   ratio: (Σ n_g²/S) / n₀, 1
    for groups of one size.
    """

    between: float
    within: float
    groups: int
    seeds: int
    size: float
    ratio: float

    @property
    def of_teacher(self) -> float:
        """σ²_teacher, which a chance can make negative."""
        return (self.between - self.within) / self.size


def grouped(names: Sequence[str]) -> NDArray[np.int64]:
    """Names as numbers 0..G−1 in the order in which they come."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.int64)


def mean_squares(gaps: FloatArray, groups: NDArray[np.int64]) -> MeanSquares:
    """Mean squares of gaps (S,) between and within groups (S,), of which there are two or more."""
    sizes = np.bincount(groups)
    seeds, count = len(gaps), len(sizes)
    means = np.bincount(groups, weights=gaps) / sizes
    weighted = float((sizes**2).sum()) / seeds
    size = (seeds - weighted) / (count - 1)
    between = float((sizes * (means - gaps.mean()) ** 2).sum()) / (count - 1)
    within = float(((gaps - means[groups]) ** 2).sum()) / (seeds - count) if seeds > count else 0.0
    return MeanSquares(between, within, count, seeds, size, weighted / size)


def teacher_share(tasks: Sequence[Sequence[MeanSquares]]) -> TeacherShare | None:
    """The ratio that several comparisons of several tasks have in common; None where no task can say.

    Of each task the summed components of its comparisons, which share its teachers and thus count as one; of tasks the
    mean by degrees of freedom, no less than 0.
    """
    known = [squares for squares in tasks if sum(one.within for one in squares) > 0]
    freedom = [max(one.groups for one in squares) - 1 for squares in known]
    if not known:
        return None
    ratios = [sum(one.of_teacher for one in squares) / sum(one.within for one in squares) for squares in known]
    return TeacherShare(max(0.0, float(np.average(ratios, weights=freedom))), sum(freedom))


def standard_error(
    gaps: FloatArray,
    covariance: FloatArray,
    *,
    teachers: NDArray[np.int64],
    pictures: int,
    share: TeacherShare | None = None,
) -> tuple[float, float, dict[str, float]]:
    """Standard error, freedom and spread of the mean of gaps (S,), of which the pictures' draw has covariance (S, S).

    V = V_top + max(0, V_pictures − V_both). V_top is the mean square between teachers over S (times `ratio` where they
    have unequal numbers of seeds); with one teacher that between seeds, s²/S. Nothing is subtracted, so a teacher
    component that comes out at zero or below needs no rule. V_pictures is the variance of the mean by pictures, V_both
    the part of it that different teachers (seeds) do not share, which is in V_top already: what is left is the mean
    covariance of different ones. V is at least a tenth of V_pictures: two or three seeds that count right answers
    often agree exactly, by chance.
    Freedom: Satterthwaite's with one teacher, `freedom_of_parts` with several. V_pictures and G − 1 for a single seed.
    `share` moderates the mean square between two or three teachers, as Smyth (2004) does variances: see `moderated`.
    Source: random effects by analysis of variance (Searle, Casella, McCulloch, "Variance Components", 1992).
    """
    of_pictures = float(covariance.mean())
    if len(gaps) == 1:
        return math.sqrt(of_pictures), pictures - 1, {"pictures": of_pictures}
    several = int(teachers.max()) > 0
    groups = teachers if several else np.arange(len(gaps))
    squares = mean_squares(gaps, groups)
    between, freedom = _of_teachers(squares, share) if several else (squares.between, squares.groups - 1)
    of_top = squares.ratio * between / squares.seeds
    shared = float(covariance[groups[:, None] != groups].mean())
    of_both = max(0.0, of_pictures - shared)
    rest = max(0.0, of_pictures - of_both, LEAST_SHARE * of_pictures - of_top)
    variance = of_top + rest
    spread = {"seeds": squares.within if squares.seeds > squares.groups else squares.between, "pictures": rest}
    if several:
        added = of_top - squares.ratio * squares.within / squares.seeds
        spread["teachers"] = max(0.0, added) if squares.seeds > squares.groups else 0.0
        return math.sqrt(variance), freedom_of_parts(of_top, freedom, rest, max(1, pictures - 1)), spread
    others = (of_pictures**2 + of_both**2 / (squares.groups - 1)) / max(1, pictures - 1)
    doubt = of_top**2 / freedom + others
    return math.sqrt(variance), max(variance**2 / doubt if doubt else 0.0, freedom), spread


def moderated(own: float, freedom: float, *, expected: float, prior: float) -> tuple[float, float]:
    """A mean square between few teachers, and its freedom, together with what other tasks let expect of it.

    Both weigh by their freedom, and the result is never below `own`: a task whose teachers vary more than those of
    others must not borrow a small variance. From `ENOUGH` degrees of freedom, four teachers, on, `own` stands alone.
    Source: Smyth, "Linear models and empirical Bayes methods", SAGMB 3, 2004, without that lower limit.
    """
    if freedom >= ENOUGH or not prior:
        return own, freedom
    both = freedom + prior
    return max(own, (freedom * own + prior * expected) / both), both


def _of_teachers(squares: MeanSquares, share: TeacherShare | None) -> tuple[float, float]:
    """The mean square between teachers and its freedom, `moderated` by the ratio that other tasks show.

    Expected: (1 + n₀·ratio) · `within`, of freedom 1/(1/ν_share + 1/(S − G)). In Smyth the prior is of the variance,
    here of its ratio to that of seeds, which methods and metrics of different scales can have in common.
    """
    own = squares.groups - 1
    if share is None or squares.seeds == squares.groups:
        return squares.between, own
    prior = 1 / (1 / share.freedom + 1 / (squares.seeds - squares.groups))
    return moderated(squares.between, own, expected=(1 + squares.size * share.ratio) * squares.within, prior=prior)


def freedom_of_parts(of_few: float, freedom: float, of_many: float, many: float) -> float:
    """The freedom of the sum of two variances, of which one has few degrees of freedom: that of two teachers is 1.

    Satterthwaite's alone covers .89 there: a mean square that comes out small by chance raises it. The quantile of
    Cochran and Cox ("Experimental Designs", 1957), the mean of both parts' quantiles by their shares of the sum, covers
    up to .98 where the second part is the larger. So the quantile is Satterthwaite's with the square of the second
    part's share as weight, and that of Cochran and Cox with the rest: .92 to .97 in simulation.
    """
    total = of_few + of_many
    if not total:
        return freedom
    share, satterthwaite = of_few / total, total**2 / (of_few**2 / freedom + of_many**2 / many)
    few, all_, both = (float(stdtrit(part, _QUANTILE)) for part in (freedom, many, max(satterthwaite, freedom)))
    mixed = share * few + (1 - share) * all_
    quantile = mixed + (1 - share) ** 2 * (both - mixed)
    if quantile >= few:
        return freedom
    return 1 / float(brentq(lambda inverse: stdtrit(1 / inverse, _QUANTILE) - quantile, 1e-9, 1 / freedom))
