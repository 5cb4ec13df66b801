"""Intervals of mean saliency, whose teachers and pictures both vary: coverage by simulation."""

import math

import pytest

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
        found.append({"mean": values.mean(), "low": values.mean() - half, "high": values.mean() + half, "n": SAMPLES})
    return found


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
        value = value_over_teachers(drawn(rng, teachers=teachers, spread=own), others)
        hits += value.low <= TRUE <= value.high
    assert hits / STUDIES >= 0.92 - 0.02
