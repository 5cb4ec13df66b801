"""Weighting schemes: what they sum to, and what they do without any saliency."""

import pytest
import torch

from msd.distill.weighting import instance_weights, population_weights, swapped_weights, uniform_weights

SALIENCY = {"image": torch.tensor([3.0, 0.0, 0.0, 1.0]), "text": torch.tensor([1.0, 2.0, 0.0, 1.0])}


def test_population_weights_share_the_strength_by_mean_saliency() -> None:
    weights = population_weights(SALIENCY, strength=0.5)
    assert weights["image"].item() == pytest.approx(0.25)
    assert weights["text"].item() == pytest.approx(0.25)
    skewed = population_weights({**SALIENCY, "text": 3 * SALIENCY["text"]}, strength=2.0)
    assert [weight.item() for weight in skewed.values()] == pytest.approx([0.5, 1.5])


def test_instance_weights_share_the_strength_sample_by_sample() -> None:
    weights = instance_weights(SALIENCY, strength=2.0)
    assert weights["image"].tolist() == pytest.approx([1.5, 0.0, 1.0, 1.0])
    assert (weights["image"] + weights["text"]).tolist() == pytest.approx([2.0] * 4)


def test_uniform_weights_are_the_strength() -> None:
    assert [weight.item() for weight in uniform_weights(SALIENCY, strength=0.3).values()] == pytest.approx([0.3, 0.3])


def test_swapping_modalities_swaps_weights() -> None:
    swapped = {"image": SALIENCY["text"], "text": SALIENCY["image"]}
    for scheme in (population_weights, instance_weights):
        weights, exchanged = scheme(SALIENCY, strength=1.0), scheme(swapped, strength=1.0)
        assert torch.allclose(weights["image"], exchanged["text"])


def test_swapped_weights_give_each_term_the_weight_of_the_other() -> None:
    weights = swapped_weights(SALIENCY, strength=2.0)
    assert weights["image"].tolist() == pytest.approx([0.5, 2.0, 1.0, 1.0])
    assert weights["text"].tolist() == pytest.approx([1.5, 0.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("saliency", "strength", "message"),
    [
        ({"image": torch.ones(2)}, 1.0, "'text' is missing"),
        ({"image": torch.ones(2), "text": torch.ones(3)}, 1.0, "shape"),
        ({"image": torch.tensor([-1.0]), "text": torch.ones(1)}, 1.0, "not negative"),
        ({"image": torch.ones(1), "text": torch.ones(1)}, -1.0, "strength"),
    ],
)
def test_bad_arguments_are_named(saliency, strength: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        instance_weights(saliency, strength=strength)
