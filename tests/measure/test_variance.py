"""Intervals of differences whose seeds are nested in teachers: closed forms, and coverage by simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from scipy.special import stdtrit

from msd.measure.power import Design
from msd.measure.stats import generator
from msd.measure.variance import TeacherShare, mean_squares, moderated, standard_error, teacher_share

PICTURES, STUDIES = 100, 600


def interval(gaps, covariance, groups, share=None):
    """Half the 95 % interval of the mean of gaps (S,)."""
    error, freedom, _ = standard_error(gaps, covariance, teachers=groups, pictures=PICTURES, share=share)
    return stdtrit(freedom, 0.975) * error


def differences(rng, *, seeds, teachers, ratio, of_pictures):
    """Gaps (S,) of a study in which nothing differs and their covariance by pictures; a seed's variance is 1.

    A teacher's is `ratio`, that of the pictures that all share `of_pictures`; what a picture does to a single seed and
    to a single teacher adds .5 and .25 · ratio to each of theirs.
    """
    dealt = np.arange(seeds) % teachers
    gaps = rng.normal(0, math.sqrt(ratio), teachers)[dealt] + rng.normal(0, 1, seeds)
    if not of_pictures:
        return gaps, np.zeros((seeds, seeds))
    own = rng.normal(0, math.sqrt(PICTURES * 0.5), (seeds, PICTURES))
    of_teacher = rng.normal(0, math.sqrt(PICTURES * 0.25 * ratio), (teachers, PICTURES))[dealt]
    samples = gaps[:, None] + rng.normal(0, math.sqrt(PICTURES * of_pictures), PICTURES) + own + of_teacher
    return samples.mean(axis=1), np.cov(samples) / PICTURES


class TestCoverage:
    """Nominal 95 % intervals hold the true difference as often as they say, wherever the variance comes from."""

    @pytest.mark.parametrize("teachers", [1, 2, 4, 8])
    @pytest.mark.parametrize("seeds", [5, 10, 20])
    def test_over_all_sources_of_variance(self, teachers, seeds):
        given = min(teachers, seeds)
        found = {}
        for ratio, of_pictures in itertools.product((0, 0.25, 1, 4), (0, 0.3, 1)):
            rng = generator(f"{teachers}/{seeds}/{ratio}/{of_pictures}")
            ratio = 0 if given == 1 else ratio  # its interval is for the teacher at hand
            groups, hits = np.arange(seeds) % given, 0
            for _ in range(STUDIES):
                drawn = differences(rng, seeds=seeds, teachers=given, ratio=ratio, of_pictures=of_pictures)
                hits += abs(drawn[0].mean()) <= interval(*drawn, groups)
            found[ratio, of_pictures] = hits / STUDIES
        assert all(0.92 - 0.02 <= share <= 0.97 + 0.015 for share in found.values()), found  # 600 studies: ± .018
        assert 0.935 <= np.mean(list(found.values())) <= 0.97, found

    @pytest.mark.parametrize("seeds", [5, 10])
    @pytest.mark.parametrize(("own", "other"), [(0, 0), (0.25, 0), (1, 1), (1, 0.5), (1, 0), (4, 4), (4, 1), (4, 0)])
    def test_two_teachers_with_what_three_other_tasks_say(self, seeds, own, other):
        """Also where teachers vary less in the other tasks than in this one: up to a seed's variance, against none."""
        rng, groups, hits, widths = generator(f"share/{seeds}/{own}/{other}"), np.arange(seeds) % 2, 0, []
        for _ in range(STUDIES):
            drawn = differences(rng, seeds=seeds, teachers=2, ratio=own, of_pictures=0)
            half = interval(*drawn, groups, teacher_share(other_tasks(rng, groups, ratio=other)))
            hits += abs(drawn[0].mean()) <= half
            widths.append(half / max(interval(*drawn, groups), 1e-9))
        least = (
            0.85 if (own, other) == (4, 0) else 0.92
        )  # teachers four times as far apart as seeds, elsewhere not at all
        assert least - 0.02 <= hits / STUDIES
        assert np.median(widths) < 0.75

    def test_four_teachers_borrow_nothing(self):
        rng, groups = generator("four"), np.arange(20) % 4
        drawn = differences(rng, seeds=20, teachers=4, ratio=1, of_pictures=0.3)
        share = teacher_share(other_tasks(rng, groups, ratio=0))
        assert interval(*drawn, groups, share) == interval(*drawn, groups)


def other_tasks(rng, groups, *, ratio, tasks=3, methods=4):
    """Mean squares of the differences of several methods to a baseline, in tasks with the same numbers of students."""
    drawn = {"seeds": len(groups), "teachers": len(set(groups)), "ratio": ratio, "of_pictures": 0}
    found = []
    for _ in range(tasks):
        base = differences(rng, **drawn)[0]
        found.append([mean_squares(differences(rng, **drawn)[0] - base, groups) for _ in range(methods)])
    return found


def test_one_teacher_is_the_analysis_of_seeds_alone():
    gaps = np.array([0.0, 0.1, 0.3, 0.4])
    nothing = np.zeros((4, 4))
    expected = scipy_stats.ttest_1samp(gaps, 0).confidence_interval()
    for groups in (np.zeros(4, dtype=int), np.arange(4)):  # or one student a teacher
        assert interval(gaps, nothing, groups) == pytest.approx((expected.high - expected.low) / 2)


def test_teachers_with_equal_numbers_of_seeds_are_the_t_test_of_their_means():
    gaps = generator("means").normal(size=12)
    groups = np.arange(12) % 4
    means = [gaps[groups == group].mean() for group in range(4)]
    expected = scipy_stats.ttest_1samp(means, 0).confidence_interval()
    assert interval(gaps, np.zeros((12, 12)), groups) == pytest.approx((expected.high - expected.low) / 2)


def test_components_of_variance_are_those_of_the_analysis_of_variance():
    gaps, groups = generator("anova").normal(size=12), np.arange(12) % 3
    squares = mean_squares(gaps, groups)
    parts = [gaps[groups == group] for group in range(3)]
    assert squares.between / squares.within == pytest.approx(scipy_stats.f_oneway(*parts).statistic)
    assert (squares.size, squares.ratio) == pytest.approx((4, 1))
    uneven = mean_squares(np.arange(5.0), np.array([0, 1, 0, 1, 0]))
    assert (uneven.size, uneven.ratio) == pytest.approx((2.4, 2.6 / 2.4))


def test_a_teacher_component_below_zero_needs_no_rule():
    gaps, groups = np.array([-1.0, 1.0, 1.0, -1.0]), np.array([0, 0, 1, 1])
    error, freedom, spread = standard_error(gaps, np.zeros((4, 4)), teachers=groups, pictures=PICTURES)
    assert (error, freedom, spread["teachers"]) == (0, 1, 0)
    share = TeacherShare(ratio=0, freedom=3)  # other tasks say that teachers do not vary: the seeds' variance counts
    error, freedom, _ = standard_error(gaps, np.zeros((4, 4)), teachers=groups, pictures=PICTURES, share=share)
    assert freedom == pytest.approx(1 + 1 / (1 / 3 + 1 / 2))
    assert error == pytest.approx(math.sqrt((freedom - 1) / freedom * 2 / 4))


@pytest.mark.parametrize("teachers", [1, 2])
def test_seeds_that_agree_by_chance_do_not_hide_the_pictures_from_the_study_s_power(teachers):
    gaps, apart = np.full(4, 0.1), np.diag(np.full(4, 0.04))  # of pictures nothing is shared: V_pictures is .01
    error, freedom, spread = standard_error(gaps, apart, teachers=np.arange(4) % teachers, pictures=PICTURES)
    assert error == pytest.approx(math.sqrt(0.1 * 0.01))
    assert Design(spread, 0.05, freedom).error(4) == pytest.approx(error)


def test_a_mean_square_of_few_teachers_is_never_moderated_below_itself():
    assert moderated(4.0, 1, expected=1.0, prior=3) == (4.0, 4)
    assert moderated(1.0, 1, expected=5.0, prior=3) == (4.0, 4)
    assert moderated(1.0, 3, expected=5.0, prior=3) == (1.0, 3)  # four teachers say enough themselves
    assert moderated(1.0, 1, expected=0.0, prior=0) == (1.0, 1)


def test_no_task_has_several_teachers_with_several_students():
    assert teacher_share([]) is None
    assert teacher_share([[mean_squares(np.array([1.0, 2.0]), np.array([0, 1]))]]) is None
