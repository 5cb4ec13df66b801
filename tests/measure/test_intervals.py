"""Intervals of means: closed forms, and samples that share a picture."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from msd.measure.intervals import clustered_interval, mean_interval
from msd.measure.stats import generator


class TestMeanInterval:
    def test_is_the_t_interval(self):
        values = [0.61, 0.63, 0.68]
        expected = scipy_stats.t.interval(0.95, 2, loc=np.mean(values), scale=scipy_stats.sem(values))
        assert mean_interval(values) == pytest.approx((np.mean(values), *expected))

    def test_one_value_has_no_interval(self):
        assert mean_interval([0.5]) == (0.5, None, None)

    def test_equal_values_have_an_empty_interval(self):
        assert mean_interval([0.25, 0.25, 0.25]) == (0.25, 0.25, 0.25)

    @pytest.mark.parametrize("values", [[], [0.5, math.nan], [math.inf]])
    def test_refuses_what_has_no_mean(self, values):
        with pytest.raises(ValueError, match="finite"):
            mean_interval(values)


class TestClusteredInterval:
    """Samples that share a picture count as one."""

    def test_without_sharing_it_is_the_t_interval(self):
        values = generator("t").normal(size=40).tolist()
        assert clustered_interval(values, np.arange(40)) == pytest.approx(mean_interval(values))

    def test_repeating_every_sample_changes_nothing(self):
        values = generator("r").normal(size=40).tolist()
        repeated = clustered_interval(values * 3, np.tile(np.arange(40), 3))
        assert repeated == pytest.approx(clustered_interval(values, np.arange(40)))

    def test_groups_must_fit(self):
        with pytest.raises(ValueError, match="groups"):
            clustered_interval([1.0, 2.0], np.array([0, 0]))
