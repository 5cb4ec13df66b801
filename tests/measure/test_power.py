"""Power: the smallest difference that a design sees is found four times in five, in simulated studies."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from msd.measure.power import Design
from msd.measure.scorers import mean_scorer
from msd.measure.stats import Resampling, generator
from msd.measure.variance import standard_error


@pytest.mark.parametrize(("seeds", "pictures"), [(3, 0.0), (5, 0.0), (20, 0.0), (5, 0.5), (10, 2.0)])
def test_four_of_five_simulated_studies_find_the_smallest_difference(seeds: int, pictures: float) -> None:
    design = Design({"seeds": 1.0, "pictures": pictures}, 0.05)
    rng, size = generator(f"power/{seeds}/{pictures}"), 20_000
    gaps = rng.normal(design.smallest(seeds), 1, (size, seeds)) + rng.normal(0, np.sqrt(pictures), (size, 1))
    of_seeds = gaps.var(axis=1, ddof=1) / seeds
    variance = of_seeds + pictures
    freedom = variance**2 / (of_seeds**2 / (seeds - 1))
    found = gaps.mean(axis=1) > scipy_stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    assert found.mean() == pytest.approx(0.8, abs=0.02)


def test_the_comparison_of_a_study_has_the_power_that_is_said() -> None:
    """5 seeds, 100 pictures, through `Resampling.compare` itself."""
    design = Design({"seeds": 0.01, "pictures": 0.003}, 0.05)
    lead, rng = design.smallest(5), generator("studies")
    resampling = Resampling(np.arange(100), draws=200, rng_name="power")
    nothing = [resampling.scores(mean_scorer(np.zeros(100)))]
    found = []
    for _ in range(600):
        parts = rng.normal(0, 0.1, (5, 1)) + rng.normal(0, np.sqrt(0.3), (1, 100))
        one = resampling.compare([resampling.scores(mean_scorer(row + lead)) for row in parts], nothing)
        found.append(one.p is not None and one.p < 0.05 and one.difference > 0)
    assert np.mean(found) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(("teachers", "ratio"), [(4, 0.5), (8, 2.0)])
def test_studies_of_several_teachers_have_it_too(teachers: int, ratio: float) -> None:
    """A teacher's variance is `ratio` times a seed's, and the freedom of V that of its teachers."""
    seeds, size = 20, 4000
    design = Design({"seeds": 1.0, "teachers": ratio / teachers, "pictures": 0.0}, 0.05, freedom=teachers - 1)
    rng, dealt = generator(f"power of {teachers} teachers"), np.arange(seeds) % teachers
    lead, hits = design.smallest(seeds), 0
    for _ in range(size):
        gaps = lead + rng.normal(0, np.sqrt(ratio), teachers)[dealt] + rng.normal(0, 1, seeds)
        error, freedom, _ = standard_error(gaps, np.zeros((seeds, seeds)), teachers=dealt, pictures=100)
        hits += gaps.mean() > scipy_stats.t.ppf(0.975, freedom) * error
    assert hits / size == pytest.approx(0.8, abs=0.03)
    assert design.seeds_for(design.smallest(10**6) * 0.9) is None, "more seeds are no more teachers"


def test_seeds_alone_have_the_power_of_the_t_test() -> None:
    from statsmodels.stats.power import TTestPower

    for seeds in (3, 8, 20):
        expected = TTestPower().solve_power(nobs=seeds, alpha=0.05, power=0.8, alternative="two-sided")
        assert Design({"seeds": 4.0, "pictures": 0}, 0.05).smallest(seeds) == pytest.approx(2 * expected, rel=2e-3)


def test_the_fewest_seeds_see_the_difference_and_one_fewer_does_not() -> None:
    design = Design({"seeds": 1e-4, "pictures": 2e-6}, 0.0125)
    seeds = design.seeds_for(0.008)
    assert seeds is not None
    assert design.power(0.008, seeds) >= 0.8 > design.power(0.008, seeds - 1)
    assert design.seeds_for(0.002) is None, "its pictures alone hide it"
    with pytest.raises(ValueError, match="one seed says nothing"):
        design.power(0.1, 1)
