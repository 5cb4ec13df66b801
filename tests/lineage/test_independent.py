"""Two numbers are called changed by chance at most one time in twenty, whatever part teachers have in the variance."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats

from msd.lineage.independent import verdict_on, verdict_on_difference
from msd.measure.intervals import mean_interval
from msd.measure.stats import generator
from msd.measure.variance import standard_error

PICTURES = 100
DRAWS = 2000
AT_MOST = 0.05 + 2 * math.sqrt(0.05 * 0.95 / DRAWS)
"""5 % and two standard errors of the simulation."""


def dealt(teachers: int, seeds: int) -> dict[str, str]:
    """Seeds dealt to teachers in turn."""
    return {str(seed): str(seed % teachers) for seed in range(seeds)}


def cell(values: np.ndarray, **more: Any) -> dict[str, Any]:
    """A cell of one value a seed with its t-interval."""
    mean, low, high = mean_interval(values)
    by_seed = {str(seed): float(value) for seed, value in enumerate(values)}
    return {"mean": mean, "low": low, "high": high, "n": len(values), "values": by_seed, "against": None} | more


def trained(rng: np.random.Generator, teachers: int, seeds: int, ratio: float) -> np.ndarray:
    """Values (S,) of students whose teachers, drawn anew, have `ratio` times the variance of a seed, which is 1."""
    means = rng.normal(0, math.sqrt(ratio), teachers)
    return means[np.arange(seeds) % teachers] + rng.normal(size=seeds)


def true_error(teachers: int, seeds: int, ratio: float) -> float:
    """Standard deviation of the mean of `trained`."""
    sizes = np.bincount(np.arange(seeds) % teachers)
    return math.sqrt(ratio * float((sizes**2).sum()) / seeds**2 + 1 / seeds)


@pytest.mark.parametrize("ratio", [0, 1, 4])
@pytest.mark.parametrize(
    ("one", "other"),
    [((2, 5), (2, 5)), ((4, 5), (4, 5)), ((2, 20), (2, 20)), ((4, 20), (4, 20)), ((2, 5), (4, 20)), ((4, 5), (2, 20))],
)
def test_students_of_several_teachers(one: tuple[int, int], other: tuple[int, int], ratio: float) -> None:
    rng = generator(f"{one}/{other}/{ratio}")
    teachers = dealt(*one), dealt(*other)

    def called_changed(draws: int, shift: float = 0) -> float:
        sides = [[cell(trained(rng, *design, ratio) + more) for design, more in ((one, 0), (other, shift))]
                 for _ in range(draws)]  # fmt: skip
        return [verdict_on(*pair, teachers=teachers) for pair in sides].count("changed") / draws

    assert called_changed(DRAWS) <= AT_MOST
    large = 20 * math.hypot(true_error(*one, ratio), true_error(*other, ratio))
    assert called_changed(200, large) > 0.9


@pytest.mark.parametrize(("old", "new"), [(3, 3), (5, 5), (20, 5), (20, 20)])
def test_independent_seeds(old: int, new: int) -> None:
    rng = generator(f"{old}/{new}")
    verdicts = [verdict_on(cell(rng.normal(size=old)), cell(rng.normal(size=new))) for _ in range(DRAWS)]
    assert set(verdicts) == {"within interval", "changed"}
    assert 0.015 < verdicts.count("changed") / DRAWS <= AT_MOST
    seen = [verdict_on(cell(rng.normal(size=old)), cell(rng.normal(4, 1, size=new))) for _ in range(500)]
    assert seen.count("changed") > 400


def test_with_one_teacher_the_error_is_that_of_its_seeds() -> None:
    rng = generator("one teacher")
    pairs = [[cell(rng.normal(size=5)) for _ in range(2)] for _ in range(200)]
    alone = [verdict_on(*pair) for pair in pairs]
    assert [verdict_on(*pair, teachers=(dealt(1, 5), dealt(1, 5))) for pair in pairs] == alone


def compared(rng: np.random.Generator, design: tuple[int, int], ratio: float, pictures: float) -> dict[str, Any]:
    """A cell with its difference to another, as `msd.measure.stats` finds it; pictures: what they add to its variance."""
    own = trained(rng, *design, ratio)
    noise = rng.normal(0, math.sqrt(pictures * PICTURES), PICTURES)
    gaps = own[:, None] + noise + rng.normal(size=(len(own), PICTURES))
    groups = np.arange(len(own)) % design[0]
    covariance = np.cov(gaps) / PICTURES
    error, freedom, _ = standard_error(gaps.mean(axis=1), covariance, teachers=groups, pictures=PICTURES)
    difference = {"method": "kd", "difference": float(gaps.mean()), "error": error, "freedom": freedom, "n": len(own)}
    return cell(own, against=difference)


@pytest.mark.parametrize("pictures", [0.01, 0.3])
@pytest.mark.parametrize("ratio", [0, 4])
@pytest.mark.parametrize(("one", "other"), [((2, 5), (2, 5)), ((4, 20), (4, 20)), ((2, 5), (4, 20))])
def test_differences(one: tuple[int, int], other: tuple[int, int], ratio: float, pictures: float) -> None:
    """Here even the pictures are drawn anew."""
    rng = generator(f"{one}/{other}/{ratio}/{pictures}")
    pairs = [[compared(rng, design, ratio, pictures) for design in (one, other)] for _ in range(DRAWS // 2)]
    verdicts = [verdict_on_difference(*pair) for pair in pairs]
    assert verdicts.count("changed") / len(verdicts) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / len(verdicts))
    for _, other_side in pairs:
        other_side["against"]["difference"] += 100 * math.hypot(true_error(*one, ratio), math.sqrt(pictures))
    seen = [verdict_on_difference(*pair) for pair in pairs]
    assert seen.count("changed") / len(seen) > 0.95


def test_a_difference_without_its_error_is_judged_by_its_interval_and_that_of_one_seed_by_nothing() -> None:
    one = cell(np.array([0.1, 0.2, 0.3]), against={"method": "kd", "difference": 0.1, "low": 0.0, "high": 0.2})
    assert verdict_on_difference(one, one) == "identical"
    moved = {number: one | {"against": one["against"] | {"difference": number}} for number in (0.15, 0.9, None)}
    assert verdict_on_difference(one, moved[0.15]) == "within interval"
    assert verdict_on_difference(one, moved[0.9]) == verdict_on_difference(one, moved[None]) == "changed"
    single = {"error": 0.01, "freedom": 99, "n": 1}
    assert verdict_on_difference(*(side | {"against": side["against"] | single} for side in (one, moved[0.9]))) == (
        "no interval"
    )
    assert verdict_on_difference(one, one | {"against": one["against"] | {"method": "finetune"}}) is None
    assert verdict_on_difference(one, one | {"against": None}) is None


def test_a_single_model_has_no_interval_to_be_judged_by() -> None:
    one = {"mean": 0.5, "low": None, "high": None, "n": 1, "values": {"0": 0.5}, "against": None}
    assert verdict_on(one, one) == "identical"
    assert verdict_on(one, one | {"mean": 0.6, "values": {"0": 0.6}}) == "no interval"
    assert verdict_on(one, one | {"mean": None}) == "changed"


def test_a_mean_over_samples_is_judged_by_its_interval() -> None:
    one = {"mean": 0.5, "low": 0.4, "high": 0.6, "n": 100, "values": {}, "against": None}
    assert verdict_on(one, one | {"mean": 0.63}) == "within interval"
    assert verdict_on(one, one | {"mean": 0.66}) == "changed"


def test_a_mean_over_samples_of_several_teachers_is_judged_by_their_error() -> None:
    stated = {"mean": 0.5, "low": 0.0, "high": 1.0, "n": 500, "values": {}, "against": None, "runs": ["a", "b"]}
    stated |= {"error": 0.05, "freedom": 1}
    reach = scipy_stats.t.ppf(0.975, 2) * math.sqrt(2) * 0.05  # each side has two teachers: one degree of freedom
    assert verdict_on(stated, stated | {"mean": 0.499 + reach}) == "within interval"
    assert verdict_on(stated, stated | {"mean": 0.501 + reach}) == "changed"
