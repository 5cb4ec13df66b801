"""What a study can see: the smallest difference found four times in five, and the seeds that one needs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import chi2
from scipy.stats import t as student_t

POWER = 0.8
MOST_SEEDS = 10_000
_POINTS = (np.arange(2000) + 0.5) / 2000


@dataclass(frozen=True)
class Design:
    """A paired test whose difference has these variances.

    spread: origin -> variance, as in `msd.measure.stats.Difference`: more seeds make that of `seeds` smaller and leave
    the others, `pictures` and `teachers`, as they are. level: of the test, two-sided; .05 over the number of tests
    where Holm corrects them, which is its first and strictest step.
    freedom: of the study's own test where several teachers give it, for more seeds leave their number as it is; None
    with one teacher.
    """

    spread: Mapping[str, float]
    level: float
    freedom: float | None = None

    def error(self, seeds: int) -> float:
        """Standard error of the difference with so many seeds."""
        return math.sqrt(self.spread["seeds"] / seeds + self._rest)

    @property
    def _rest(self) -> float:
        return sum(value for origin, value in self.spread.items() if origin != "seeds")

    def power(self, difference: float, seeds: int) -> float:
        """Probability that a true difference > 0 is found above zero: noncentral t.

        Its freedom is Satterthwaite's if none is given. Raises ValueError for fewer than two seeds.
        """
        return self._power_of(difference / self.error(seeds), seeds) if self.error(seeds) else 1.0

    def _power_of(self, shift: float, seeds: int) -> float:
        """Power at a shift of so many standard errors."""
        if seeds < 2:
            raise ValueError(f"seeds: one seed says nothing about others; got {seeds}")
        freedom = self.freedom
        if freedom is None:
            share = self.spread["seeds"] / seeds / self.error(seeds) ** 2
            freedom = (seeds - 1) / share**2 if share > 1e-3 else (seeds - 1) * 1e6
        reach = float(student_t.ppf(1 - self.level / 2, freedom))
        return float(ndtr(shift - reach * np.sqrt(chi2.ppf(_POINTS, freedom) / freedom)).mean())

    def smallest(self, seeds: int) -> float:
        """Smallest difference that is found with 80 % power."""
        error = self.error(seeds)
        return error * float(brentq(lambda shift: self._power_of(shift, seeds) - POWER, 0, 1e4)) if error else 0.0

    def seeds_for(self, difference: float) -> int | None:
        """Fewest seeds that find a difference with 80 % power; None where no number of seeds does."""
        few, many = 1, 2
        while self.power(difference, many) < POWER:
            few, many = many, 2 * many
            if few > MOST_SEEDS:
                return None
        while many - few > 1:
            middle = (few + many) // 2
            few, many = (few, middle) if self.power(difference, middle) >= POWER else (middle, many)
        return many
