"""Intervals of mean saliency, whose teachers and pictures both vary: coverage by simulation."""

import math

import pytest
from scipy import stats as scipy_stats

from msd.measure.stats import generator
from msd.tables.saliency import relative_variance, value_over_teachers

STUDIES, SAMPLES, TRUE = 600, 400, 1.5


def drawn(rng, *, teachers, spread):
    """What saliency stages state of each modality of a dataset: teachers differ by `spread`, relative to the mean."""
    found = []
    for _ in range(teachers):
        centre = TRUE * (1 + rng.normal(0, spread))
        values = rng.normal(centre, 0.5, SAMPLES)
        half = 1.966 * values.std(ddof=1) / math.sqrt(SAMPLES)
        ends = {"low": values.mean() - half, "high": values.mean() + half}
        found.append({"mean": values.mean(), **ends, "n": SAMPLES, "pictures": SAMPLES})
    return found


def test_pictures_that_samples_share_are_the_degrees_of_freedom():
    about = {"mean": 1.0, "low": 0.5, "high": 1.5, "n": 300, "pictures": 12}
    value, error = value_over_teachers([about], [])
    assert (value.low, value.high, error["freedom"]) == (0.5, 1.5, 11)
    assert error["error"] == pytest.approx(0.5 / scipy_stats.t.ppf(0.975, 11))
    value, both = value_over_teachers([about, about], [])
    assert (both["error"], both["freedom"]) == pytest.approx((error["error"], 11))
    assert (value.low, value.high) == pytest.approx((0.5, 1.5))


@pytest.mark.parametrize("teachers", [2, 4])
@pytest.mark.parametrize(("own", "other"), [(0.05, 0.05), (0.2, 0.2), (0.2, 0.1), (0.1, 0.2)])
def test_intervals_hold_the_mean_saliency_of_all_teachers(teachers, own, other):
    rng, hits = generator(f"saliency/{teachers}/{own}/{other}"), 0
    for _ in range(STUDIES):
        others = []
        for _ in range(3):
            image, text = (drawn(rng, teachers=teachers, spread=other) for _ in range(2))
            pairs = zip(image, text, strict=True)
            summaries = {str(seed): {"test": {"image": a, "text": b}} for seed, (a, b) in enumerate(pairs)}
            others.append(relative_variance(summaries, "test"))
        value, _ = value_over_teachers(drawn(rng, teachers=teachers, spread=own), others)
        hits += value.low <= TRUE <= value.high
    assert hits / STUDIES >= 0.92 - 0.02
