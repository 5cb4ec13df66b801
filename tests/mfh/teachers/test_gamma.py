"""γ from answers: values computed by hand, limits, chance, intervals."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from msd.measure.stats import Resampling
from msd.mfh.teachers.gamma import (
    COUNTS,
    INFORMATION,
    Gamma,
    calibrated,
    counts_scorer,
    information_scorer,
    mean_gamma,
)

DRAWS = 200


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def answering(classes: list[int], *, count: int) -> Tensor:
    """Logits whose arg-max is the given class."""
    return F.one_hot(torch.tensor(classes), count).float()


def guessing(samples: int, *, count: int, seed: int) -> Tensor:
    return torch.randn(samples, count, generator=stream(seed))


def measured(scorer, names, samples: int, groups: np.ndarray | None) -> Gamma:
    """γ of one teacher."""
    resampling = Resampling(np.arange(samples) if groups is None else groups, draws=DRAWS, rng_name="gamma")
    return mean_gamma([resampling.scores(scorer)], names, resampling, teachers=["0"])


def counts(first: Tensor, second: Tensor, targets: Tensor, *, dataset_task="multiclass", joint=None, groups=None):
    scorer = counts_scorer(first, second, targets, dataset_task=dataset_task, joint=joint)
    return measured(scorer, COUNTS, len(first), groups)


def information(first: Tensor, second: Tensor, targets: Tensor, *, task="multiclass", groups=None):
    return measured(information_scorer(first, second, targets, task=task), INFORMATION, len(first), groups)


def test_counts_by_hand() -> None:
    """Both right on 2 of 4, either on 4; shuffled, (2·¼ + 1·¾)/4 of them would be found by both."""
    found = counts(answering([0, 0, 1, 0], count=2), answering([0, 1, 1, 1], count=2), torch.tensor([0, 0, 1, 1]))
    assert found.value == pytest.approx((0.5 - 0.3125) / (1 - 0.3125))
    shares = {name: value for name, (value, _, _) in found.parts.items()}
    assert shares == pytest.approx({"both": 0.5, "first": 0.25, "second": 0.25, "chance": 0.3125, "synergy": 0})


def test_counts_of_several_labels_by_hand() -> None:
    targets = torch.tensor([[1.0, 1], [1, 0], [0, 0]])
    first, second = torch.tensor([[1.0, -1], [1, -1], [-1, -1]]), torch.tensor([[1.0, 1], [-1, -1], [-1, -1]])
    found = counts(first, second, targets, dataset_task="multilabel")
    assert found.value == pytest.approx((1 / 3 - 2 / 9) / (1 - 2 / 9))


def test_counts_of_soft_answers_by_hand() -> None:
    targets = torch.tensor([[1.0, 0.5, 0], [0, 0, 1]])
    found = counts(answering([0, 2], count=3), answering([1, 2], count=3), targets, dataset_task="vqa")
    assert found.value == pytest.approx((0.4 - 0.2) / (1 - 0.2))
    assert found.parts["first"][0] == pytest.approx(0.4)
    assert found.parts["second"][0] == pytest.approx(0.2)


def test_information_by_hand() -> None:
    """p(y) = ½: i_image = log 1.6 twice, i_text = log 1.8 and 0."""
    first, second = torch.tensor([[0.8, 0.2], [0.2, 0.8]]).log(), torch.tensor([[0.9, 0.1], [0.5, 0.5]]).log()
    found = information(first, second, torch.tensor([0, 1]))
    low, high = math.log(1.6), math.log(1.8)
    assert found.value == pytest.approx(low / (low + high), rel=1e-5)
    values = [value for value, _, _ in found.parts.values()]
    assert values == pytest.approx([low / 2, low / 2, (high - low) / 2], abs=1e-6)


def test_information_of_several_labels_is_taken_label_by_label() -> None:
    """Each view is sure of one label and says the prior of the other: nothing is shared."""
    targets = torch.tensor([[1.0, 0], [0, 1]])
    sure = 4 * (2 * targets - 1)
    first, second = sure * torch.tensor([1.0, 0]), sure * torch.tensor([0, 1.0])
    apart = information(first, second, targets, task="multilabel")
    assert apart.value == pytest.approx(0)
    assert apart.parts["first"][0] == pytest.approx(apart.parts["second"][0])
    assert information(sure, sure, targets, task="multilabel").value == pytest.approx(1)


@pytest.mark.parametrize("measure", [counts, information])
def test_equal_views_share_all(measure) -> None:
    targets = torch.randint(0, 3, (60,), generator=stream())
    logits = F.one_hot(targets, 3) + 0.4 * guessing(60, count=3, seed=1)
    found = measure(logits, logits, targets)
    assert (found.value, found.low, found.high) == (1, 1, 1)


@pytest.mark.parametrize("measure", [counts, information])
def test_views_that_know_different_samples_share_nothing(measure) -> None:
    targets = torch.randint(0, 3, (60,), generator=stream())
    right, wrong = 3.0 * F.one_hot(targets, 3), 3.0 * F.one_hot((targets + 1) % 3, 3)
    half = torch.arange(60)[:, None] < 30
    silent = torch.zeros(60, 3) if measure is information else wrong
    assert measure(torch.where(half, right, silent), torch.where(half, silent, right), targets).value == pytest.approx(
        0, abs=1e-12
    )


def test_a_view_that_guesses_shares_nothing_however_often_it_is_right() -> None:
    """Two classes: both are right on nearly half of the samples, by luck."""
    targets = torch.randint(0, 2, (4000,), generator=stream())
    knows = F.one_hot(targets, 2) + 0.5 * guessing(4000, count=2, seed=1)
    guess = guessing(4000, count=2, seed=2)
    found = counts(knows, guess, targets)
    assert found.parts["both"][0] > 0.4
    assert found.value < 0.05
    assert found.low <= 0
    calm = [calibrated(logits, targets, task="multiclass").apply(logits) for logits in (knows, guess)]
    assert information(*calm, targets).value < 0.01


def test_constant_views_have_no_gamma() -> None:
    targets = torch.tensor([0, 1, 1, 1])
    constant = answering([1, 1, 1, 1], count=2)
    assert counts(constant, constant, targets).value is None
    prior = torch.tensor([[0.25, 0.75]]).log().expand(4, 2)
    found = information(prior, prior, targets)
    assert (found.value, found.low, found.high) == (None, None, None)


def test_synergy_is_what_the_joint_view_finds_alone() -> None:
    targets = torch.tensor([0, 0, 1, 1])
    views = answering([0, 1, 0, 0], count=2), answering([0, 1, 1, 0], count=2)
    plain = counts(*views, targets)
    joint = counts(*views, targets, joint=answering([1, 0, 1, 1], count=2))
    assert plain.parts["synergy"][0] == 0
    assert joint.parts["synergy"][0] == pytest.approx(0.5)  # samples 1 and 3; a view finds sample 2 as well
    assert joint.value == plain.value


def test_the_order_of_views_and_samples_does_not_matter() -> None:
    targets = torch.randint(0, 3, (50,), generator=stream())
    views = [F.one_hot(targets, 3) + guessing(50, count=3, seed=seed) for seed in (1, 2)]
    order = torch.randperm(50, generator=stream(3))
    for measure in (counts, information):
        value = measure(*views, targets).value
        assert measure(*reversed(views), targets).value == pytest.approx(value)
        assert measure(*(view[order] for view in views), targets[order]).value == pytest.approx(value)


def test_samples_of_one_picture_make_the_interval_wider() -> None:
    targets = torch.randint(0, 3, (40,), generator=stream())
    views = [F.one_hot(targets, 3) + guessing(40, count=3, seed=seed) for seed in (1, 2)]
    five_times = [part.repeat(5, *[1] * (part.ndim - 1)) for part in (*views, targets)]
    pictures = np.tile(np.arange(40), 5)
    for measure in (counts, information):
        plain, clustered = measure(*five_times), measure(*five_times, groups=pictures)
        assert clustered.value == pytest.approx(plain.value)
        assert clustered.high - clustered.low > 1.5 * (plain.high - plain.low)


def test_calibration_undoes_a_factor() -> None:
    targets = torch.randint(0, 4, (500,), generator=stream())
    logits = F.one_hot(targets, 4) + guessing(500, count=4, seed=1)
    once, again = (calibrated(values, targets, task="multiclass") for values in (logits, 6 * logits))
    assert again.temperature == pytest.approx(6 * once.temperature, rel=1e-3)
    assert again.shift == 0
    assert information(again.apply(6 * logits), once.apply(logits), targets).value == pytest.approx(1, abs=1e-3)


def test_calibration_of_several_labels_undoes_a_shift_too() -> None:
    targets = (torch.rand(400, 3, generator=stream()) < 0.2).float()
    logits = 2 * targets + guessing(400, count=3, seed=1) - 1
    once, again = (calibrated(values, targets, task="multilabel") for values in (logits, 3 * logits - 8))
    torch.testing.assert_close(again.apply(3 * logits - 8), once.apply(logits), rtol=0.02, atol=0.02)


def test_the_mean_over_teachers_has_an_interval_over_teachers_too() -> None:
    targets = torch.randint(0, 3, (60,), generator=stream())
    resampling = Resampling(np.arange(60), draws=DRAWS, rng_name="gamma")
    first, *others = (F.one_hot(targets, 3) + noise * guessing(60, count=3, seed=1) for noise in (0.5, 0.6, 2))
    scores = [resampling.scores(counts_scorer(first, other, targets, dataset_task="multiclass")) for other in others]
    alone = [mean_gamma([one], COUNTS, resampling, teachers=["0"]) for one in scores]
    found = mean_gamma(scores, COUNTS, resampling, teachers=["0", "1"])
    assert found.value == pytest.approx(np.mean([one.value for one in alone]))
    assert found.high - found.low > 2 * max(one.high - one.low for one in alone)
    undefined = mean_gamma([scores[0], np.full_like(scores[1], np.nan)], COUNTS, resampling, teachers=["0", "1"])
    assert (undefined.value, undefined.low, dict(undefined.parts)) == (None, None, {})
