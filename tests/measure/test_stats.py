"""Paired bootstrap and correction: closed forms, invariances, coverage."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from msd.measure import stats
from msd.measure.scorers import auroc_scorer, mean_scorer
from msd.measure.stats import generator, holm


def compare(a, b, *, samples=None, groups=None, draws=500, rng_name="test"):
    """Scorers of each side's seeds compared; every sample has a picture of its own, unless `groups` says otherwise."""
    resampling = stats.Resampling(np.arange(samples) if groups is None else groups, draws=draws, rng_name=rng_name)
    return resampling.compare([resampling.scores(one) for one in a], [resampling.scores(one) for one in b])


def seeds_of(rng, *, seeds, samples, shift=0.0):
    return [mean_scorer(rng.normal(shift, 1, samples)) for _ in range(seeds)]


@pytest.mark.parametrize(
    ("given", "adjusted"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([None, 0.02, None, 0.03], [None, 0.04, None, 0.04]),
        ([], []),
        ([None], [None]),
    ],
)
def test_holm(given, adjusted):
    assert holm(given) == [None if p is None else pytest.approx(p) for p in adjusted]


class TestPairedDifference:
    def test_equal_systems_differ_by_exactly_nothing_and_are_no_test(self):
        a = seeds_of(generator("a"), seeds=3, samples=50)
        assert compare(a, a, samples=50) == stats.Difference(0, 0, 0, p=None, improvement=0.5)

    def test_swapping_the_sides_flips_everything_but_p(self):
        rng = generator("swap")
        a, b = (seeds_of(rng, seeds=4, samples=80, shift=shift) for shift in (0.1, 0.0))
        there, back = compare(a, b, samples=80), compare(b, a, samples=80)
        assert there.difference == -back.difference
        assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
        assert (there.p, there.error, there.freedom) == pytest.approx((back.p, back.error, back.freedom))
        assert there.effect == pytest.approx(-back.effect)
        assert there.improvement == pytest.approx(1 - back.improvement)

    def test_a_constant_lead_is_found_exactly(self):
        base = generator("lead").random((3, 40))
        lead = compare([mean_scorer(row + 0.125) for row in base], [mean_scorer(row) for row in base], samples=40)
        assert (lead.difference, lead.low, lead.high) == pytest.approx((0.125, 0.125, 0.125))
        assert lead.p < 1e-6
        assert lead.improvement > 0.5

    def test_one_seed_each_has_the_standard_error_of_the_paired_samples(self):
        rng = generator("one")
        a, b = rng.normal(0.05, 1, 400), rng.normal(0, 1, 400)
        found = compare([mean_scorer(a)], [mean_scorer(b)], samples=400, draws=4000)
        half = 1.96 * scipy_stats.sem(a - b)
        assert found.high - found.low == pytest.approx(2 * half, rel=0.05)

    def test_seeds_alone_give_their_t_test(self):
        # Every sample alike: all variance is between seeds.
        leads = np.array([0.0, 0.1, 0.3, 0.4])
        found = compare([mean_scorer(np.full(20, lead)) for lead in leads], [mean_scorer(np.zeros(20))] * 4, samples=20)
        expected = scipy_stats.ttest_1samp(leads, 0)
        assert found.p == pytest.approx(expected.pvalue)
        assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))
        assert found.effect == pytest.approx(leads.mean() / leads.std(ddof=1))
        assert (found.error, found.freedom) == pytest.approx((leads.std(ddof=1) / 2, 3))
        assert found.spread == pytest.approx({"seeds": leads.var(ddof=1), "pictures": 0})

    def test_pictures_alone_give_their_t_test(self):
        # Three seeds of the same model: all variance is between pictures.
        a, b = generator("pictures").normal(0.2, 1, (2, 150))
        found = compare([mean_scorer(a)] * 3, [mean_scorer(b)] * 3, samples=150, draws=5000)
        expected = scipy_stats.ttest_rel(a, b)
        assert found.p == pytest.approx(expected.pvalue, rel=0.2)
        assert found.effect is None

    def test_two_seeds_that_agree_by_chance_prove_little(self):
        a = [mean_scorer(np.roll(np.arange(40) < 4, 8 * seed).astype(float)) for seed in range(2)]
        found = compare(a, [mean_scorer(np.zeros(40))] * 2, samples=40)
        assert found.difference == pytest.approx(0.1)
        assert found.p > 0.03

    def test_one_picture_says_nothing_about_others(self):
        a, b = ([mean_scorer(np.array([one, 0.0]))] for one in (1.0, 0.5))
        assert compare(a, b, groups=np.zeros(2, dtype=int)) == stats.Difference(0.25)

    def test_one_model_is_held_against_every_seed(self):
        rng = generator("teacher")
        student = seeds_of(rng, seeds=3, samples=60)
        teacher = seeds_of(rng, seeds=1, samples=60, shift=1.0)
        assert compare(teacher, student, samples=60) == compare(teacher * 3, student, samples=60)

    def test_depends_on_its_name_alone(self):
        rng = generator("name")
        a, b = seeds_of(rng, seeds=3, samples=50), seeds_of(rng, seeds=3, samples=50)
        first = compare(a, b, samples=50, rng_name="x")
        np.random.default_rng().random()
        assert compare(a, b, samples=50, rng_name="x") == first
        assert compare(a, b, samples=50, rng_name="y") != first

    def test_chunks_do_not_change_the_draws(self, monkeypatch):
        rng = generator("chunks")
        a, b = seeds_of(rng, seeds=3, samples=50), seeds_of(rng, seeds=3, samples=50)
        whole = compare(a, b, samples=50)
        monkeypatch.setattr(stats, "_CHUNK", 50 * 7)
        assert compare(a, b, samples=50).low == pytest.approx(whole.low, abs=1e-12)

    def test_an_undefined_metric_has_no_interval(self):
        undefined = auroc_scorer(np.arange(4.0), np.ones(4, bool))
        found = compare([undefined], [undefined], samples=4)
        assert math.isnan(found.difference)
        assert (found.low, found.high, found.p) == (None, None, None)

    def test_repeated_samples_leave_a_comparison_as_it_was(self):
        rng = generator("c")
        a, b = rng.normal(0.2, 1, 60), rng.normal(0, 1, 60)
        once = compare([mean_scorer(a)], [mean_scorer(b)], samples=60)
        both = ([mean_scorer(np.tile(side, 2))] for side in (a, b))
        twice = compare(*both, groups=np.tile(np.arange(60), 2))
        assert (twice.low, twice.high) == pytest.approx((once.low, once.high))

    def test_numbers_of_seeds_must_pair(self):
        three, two = (seeds_of(generator("n"), seeds=n, samples=5) for n in (3, 2))
        with pytest.raises(ValueError, match="pair by seed; got 3 and 2"):
            compare(three, two, samples=5)
        with pytest.raises(ValueError, match="at least 1"):
            compare(three, three, samples=5, draws=0)


def studies(*, seed_share, picture_share, answers):
    """2,000 studies of two methods that do not differ, with 5 seeds and 100 test samples.

    A difference on a sample has variance 1, of which `picture_share` is the picture's own, whatever the seed, and
    `seed_share` makes, 20-fold smaller, the seed's own, whatever the picture. answers: rounded to whole numbers, as
    differences of right and wrong answers are, with many ties.
    """
    rng = generator(f"{seed_share}/{picture_share}/{answers}")
    shares = np.sqrt([seed_share / 20, picture_share, 1 - seed_share - picture_share])
    resampling = stats.Resampling(np.arange(100), draws=200, rng_name="studies")
    nothing = [resampling.scores(mean_scorer(np.zeros(100)))]
    for _ in range(2000):
        parts = rng.normal(size=(5, 1)), rng.normal(size=(1, 100)), rng.normal(size=(5, 100))
        lead = sum(share * part for share, part in zip(shares, parts, strict=True))
        lead = np.round(lead) if answers else lead
        yield resampling.compare([resampling.scores(mean_scorer(row)) for row in lead], nothing)


class TestSimulation:
    """Nominal 95 % intervals cover, and p < .05 comes up, as often as they say, wherever the variance comes from."""

    @pytest.mark.parametrize(
        ("seed_share", "picture_share", "answers"),
        [(0, 0, False), (0, 0.5, True), (0.3, 0.3, False), (0.3, 0.1, True), (0.9, 0.05, False)],
    )
    def test_coverage_and_size(self, seed_share, picture_share, answers):
        found = list(studies(seed_share=seed_share, picture_share=picture_share, answers=answers))
        assert 0.92 <= np.mean([one.low <= 0 <= one.high for one in found]) <= 0.97
        assert 0.03 <= np.mean([one.p < 0.05 for one in found]) <= 0.07
        picture = np.mean([one.spread["pictures"] for one in found])
        # rounding to whole numbers adds to each part
        assert picture == pytest.approx(picture_share / 100, abs=0.002 if answers else 0.0007)
