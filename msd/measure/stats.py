"""Intervals and paired comparisons: what a table may say about a number.

A cell is a mean over seeds with a t-interval. A difference between two methods is paired by seed, hence by the
teacher that the seed was dealt to, and by test picture, and all vary: seeds nested in teachers, crossed with pictures,
are random effects (`msd.measure.variance`). Percentiles of a two-level bootstrap would not do: five resampled seeds
have the spread of five, not of all (they covered .91 where seeds vary most), and noise that is neither of the seed nor
of the picture would be counted once for each level (.98 where there is nothing else). Draws depend on names alone, so
that adding a method changes no other number.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from msd.measure.intervals import LEVEL
from msd.measure.scorers import FloatArray, Scorer
from msd.measure.variance import TeacherShare, grouped, standard_error

_CHUNK = 2_000_000  # weights of samples held at once


@dataclass(frozen=True)
class Difference:
    """A minus b; None where nothing can be said.

    low, high: 95 % interval. p: two-sided, of no difference between the two ways to train; none where both sides give
    the same answers, which is no test. error, freedom: the standard error and its degrees of freedom. spread: origin ->
    variance: of a single seed's difference given its teacher, and what the study's teachers and the test pictures add
    to that of any number of seeds.
    effect: Cohen's d_z over the seeds. improvement: P(A > B).
    """

    difference: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    error: float | None = None
    freedom: float | None = None
    spread: Mapping[str, float] | None = None
    effect: float | None = None
    improvement: float | None = None


def generator(name: str) -> np.random.Generator:
    """A random stream that depends on its name alone."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big"))


def holm(pvalues: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p-values, in the same order; None stays None and is not counted."""
    from statsmodels.stats.multitest import multipletests  # slow to import; jobs that need intervals alone do not pay

    known = [p for p in pvalues if p is not None]
    if not known:
        return list(pvalues)
    adjusted = iter(multipletests(known, method="holm")[1])
    return [None if p is None else float(next(adjusted)) for p in pvalues]


class Resampling:
    """Resampled test splits on which every run of a data set is scored: the same ones, so that runs pair by picture.

    groups: (N,) the number 0..G−1 of each test sample's picture: samples that share a picture are not independent, so
    they are drawn together. draws: of the bootstrap.
    """

    def __init__(self, groups: NDArray[np.int64], *, draws: int, rng_name: str) -> None:
        if not len(groups) or draws < 1:
            raise ValueError(f"groups and draws must be at least 1; got {len(groups)} and {draws}")
        self.groups, self.draws = groups, draws
        self.pictures = int(groups.max()) + 1
        stream = generator(f"{rng_name}/samples")
        self._times = np.ones((1 + draws, self.pictures), dtype=np.uint8)
        for row in range(1, 1 + draws):
            drawn = stream.integers(self.pictures, size=self.pictures)
            self._times[row] = np.bincount(drawn, minlength=self.pictures)

    def scores(self, scorer: Scorer) -> FloatArray:
        """One run's metric on the whole split, and on each bootstrap draw."""
        chunk = max(1, _CHUNK // len(self.groups))
        parts = np.split(self._times, range(chunk, len(self._times), chunk))
        return np.concatenate([scorer(part[:, self.groups].astype(np.float64)) for part in parts])

    def compare(
        self,
        a: Sequence[FloatArray],
        b: Sequence[FloatArray],
        *,
        teachers: Sequence[str] = (),
        share: TeacherShare | None = None,
    ) -> Difference:
        """Mean score of a minus that of b, paired over seeds and over test pictures, both resampled.

        a, b: `scores` of each seed, in the same order of seeds; a side with one model (a teacher, a probe) is held
        against every seed of the other.
        teachers: of each seed its teacher; none, or one for all, where the interval is to hold for that teacher alone.
        share: what other tasks say of teachers, for two teachers have one degree of freedom between them.
        The interval is difference ± t·√V, with V as in `standard_error`; p is that of the same t, so that it is below
        .05 exactly when the interval leaves out zero. With one seed on both sides they say nothing about seeds.
        Raises ValueError for numbers of seeds that do not pair.
        """
        gaps = _gaps(a, b)
        whole, draws = np.split(gaps, [1], axis=1)
        mean = float(whole.mean())
        if not gaps.any():
            return Difference(0.0, 0.0, 0.0, improvement=0.5)
        draws = draws[:, np.isfinite(draws).all(axis=0)]  # a draw without positives has no AUROC
        if not math.isfinite(mean) or draws.shape[1] < 2 or self.pictures < 2:
            return Difference(mean)
        groups = grouped(teachers) if teachers else np.zeros(len(gaps), dtype=int)
        error, freedom, spread = standard_error(
            whole[:, 0], np.atleast_2d(np.cov(draws)), teachers=groups, pictures=self.pictures, share=share
        )
        half = float(student_t.ppf((1 + LEVEL) / 2, freedom)) * error
        return Difference(
            *(mean, mean - half, mean + half),
            p=2 * float(student_t.sf(abs(mean) / error, freedom)) if error else float(mean == 0),
            error=error,
            freedom=freedom,
            spread=spread,
            effect=effect_size(whole[:, 0]),
            improvement=probability_of_improvement(*(np.array([run[0] for run in side]) for side in (a, b))),
        )


def _gaps(a: Sequence[FloatArray], b: Sequence[FloatArray]) -> FloatArray:
    """The differences of two sides by seed; ValueError for numbers of seeds that do not pair."""
    seeds = max(len(a), len(b))
    if not seeds or len(a) not in (1, seeds) or len(b) not in (1, seeds):
        raise ValueError(f"a and b must pair by seed; got {len(a)} and {len(b)} scorers")
    gaps: FloatArray = np.stack(a) - np.stack(b)
    return gaps


def effect_size(gaps: FloatArray) -> float | None:
    """Cohen's d_z: mean of the paired gaps (S,) over their standard deviation; None for one seed or no deviation.

    Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988; not corrected for few seeds.
    """
    if len(gaps) < 2 or np.ptp(gaps) < 1e-9:
        return None
    return float(gaps.mean() / gaps.std(ddof=1))


def probability_of_improvement(a: FloatArray, b: FloatArray) -> float:
    """P(A > B) over all pairs of runs, ties half: 1 when every run of a beats every run of b.

    Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS 2021.
    """
    return float(np.heaviside(a[:, None] - b, 0.5).mean())
