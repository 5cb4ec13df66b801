"""Removing a modality leaves nothing of it, exactly."""

from dataclasses import replace

import pytest
import torch
from small_study import new_model, new_setting
from torch import Tensor

from msd.models.views import VIEWS, Inputs, Removal, View, take_view
from msd.models.visualbert import VisualBertClassifier


def model(pool: str = "modality-means") -> VisualBertClassifier:
    network = new_model(0, pool=pool)
    network.region_mean.normal_()
    return network.eval()


def inputs() -> Inputs:
    """A batch of texts of 7, 3 and 5 pieces."""
    return new_setting().samples.inputs(torch.tensor([1, 3, 2]))


def logits(network: VisualBertClassifier, sample: Inputs, view: View = "both", removal: Removal = "mask") -> Tensor:
    return network(sample, (view,), removal=removal)[view].logits


@pytest.mark.parametrize("pool", ["modality-means", "first"])
@pytest.mark.parametrize("removal", ["mask", "zero"])
def test_a_view_does_not_depend_on_the_removed_content(pool: str, removal: str) -> None:
    network, sample = model(pool), inputs()
    other = replace(sample, tokens=torch.where((sample.tokens > 3), 9, sample.tokens))
    assert not torch.equal(logits(network, sample), logits(network, other))
    image = [logits(network, x, "image", removal) for x in (sample, other)]
    assert torch.equal(*image)
    other = replace(sample, regions=sample.regions + 1)
    assert not torch.equal(logits(network, sample), logits(network, other))
    text = [logits(network, x, "text", removal) for x in (sample, other)]
    assert torch.equal(*text)


def test_the_image_view_does_not_even_see_the_length_of_the_text() -> None:
    network, sample = model(), inputs()
    longer = Inputs(
        torch.cat((sample.tokens[:, :1], torch.full((3, 2), 8), sample.tokens[:, 1:]), 1),
        torch.cat((torch.ones(3, 2), sample.token_mask), 1),
        sample.regions,
    )
    assert torch.equal(logits(network, sample, "image"), logits(network, longer, "image"))


def test_absent_modality_pools_to_zero() -> None:
    network, sample = model(), inputs()
    image, text = (network(sample, (view,))[view].features for view in ("image", "text"))
    assert (image[:, :16] == 0).all()
    assert (image[:, 32:] == 0).all()
    assert (text[:, 16:] == 0).all()
    assert image[:, 16:32].abs().sum() > 0
    assert text[:, :16].abs().sum() > 0


def test_padding_changes_nothing() -> None:
    network, sample = model(), inputs()
    row = Inputs(sample.tokens[1:2, :3], sample.token_mask[1:2, :3], sample.regions[1:2])
    assert torch.allclose(logits(network, row), logits(network, sample)[1:2], atol=1e-5)


@pytest.mark.parametrize("removal", ["mask", "zero"])
@pytest.mark.parametrize("pool", ["modality-means", "first"])
def test_what_stands_behind_the_last_box_changes_nothing(pool: str, removal: str) -> None:
    """A picture with one box answers the same alone, and beside one with two."""
    network, sample = model(pool=pool), inputs()
    assert sample.regions is not None
    boxes = torch.arange(len(sample.tokens)) % 2 + 1
    mask = (torch.arange(sample.regions.shape[1])[None] < boxes[:, None]).float()
    padded = replace(sample, region_mask=mask)
    other = replace(padded, regions=torch.where(mask[:, :, None] > 0, sample.regions, 7.0))
    for view in VIEWS:
        seen = logits(network, padded, view, removal)
        assert torch.equal(seen, logits(network, other, view, removal))
        alone = replace(sample, regions=sample.regions[:, :1])
        assert torch.allclose(seen[::2], logits(network, alone, view, removal)[::2], atol=1e-5)
    assert not torch.allclose(logits(network, padded)[::2], logits(network, sample)[::2], atol=2e-5)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="view 'audio'"):
        take_view(inputs(), "audio")
