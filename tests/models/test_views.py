"""Removing a modality leaves nothing of it, exactly."""

from dataclasses import replace

import pytest
import torch
from small_study import new_model, new_setting

from msd.models.views import Inputs, take_view
from msd.models.visualbert import VisualBertClassifier


def model(pool: str = "modality-means") -> VisualBertClassifier:
    network = new_model(0, pool=pool)
    network.region_mean.normal_()
    return network.eval()


def inputs() -> Inputs:
    """A batch of texts of 7, 3 and 5 pieces."""
    return new_setting().samples.inputs(torch.tensor([1, 3, 2]))


@pytest.mark.parametrize("pool", ["modality-means", "first"])
@pytest.mark.parametrize("removal", ["mask", "zero"])
def test_a_view_does_not_depend_on_the_removed_content(pool: str, removal: str) -> None:
    network, sample = model(pool), inputs()
    other = replace(sample, tokens=torch.where((sample.tokens > 3), 9, sample.tokens))
    assert not torch.equal(network(sample).logits, network(other).logits)
    image = [network(take_view(x, "image", removal=removal)).logits for x in (sample, other)]
    assert torch.equal(*image)
    other = replace(sample, regions=sample.regions + 1)
    assert not torch.equal(network(sample).logits, network(other).logits)
    text = [network(take_view(x, "text", removal=removal)).logits for x in (sample, other)]
    assert torch.equal(*text)


def test_the_image_view_does_not_even_see_the_length_of_the_text() -> None:
    network, sample = model(), inputs()
    longer = Inputs(
        torch.cat((sample.tokens[:, :1], torch.full((3, 2), 8), sample.tokens[:, 1:]), 1),
        torch.cat((torch.ones(3, 2), sample.token_mask), 1),
        sample.regions,
    )
    assert torch.equal(network(take_view(sample, "image")).logits, network(take_view(longer, "image")).logits)


def test_leaving_tokens_out_equals_masking_them() -> None:
    network, sample = model(), inputs()
    left_out = network(take_view(sample, "text")).logits
    masked = network.encoder(
        input_ids=sample.tokens,
        attention_mask=sample.token_mask,
        visual_embeds=sample.regions,
        visual_attention_mask=torch.zeros(3, 3),
    ).last_hidden_state[:, :7]
    mask = sample.token_mask[:, :, None]
    text = (masked * mask).sum(1) / mask.sum(1)
    features = torch.cat((text, torch.zeros_like(text), torch.zeros_like(text)), 1)
    assert torch.allclose(network.head(features), left_out, atol=1e-5)


def test_absent_modality_pools_to_zero() -> None:
    network, sample = model(), inputs()
    image = network(take_view(sample, "image")).features
    text = network(take_view(sample, "text")).features
    assert (image[:, :16] == 0).all()
    assert (image[:, 32:] == 0).all()
    assert (text[:, 16:] == 0).all()
    assert image[:, 16:32].abs().sum() > 0
    assert text[:, :16].abs().sum() > 0


def test_padding_changes_nothing() -> None:
    network, sample = model(), inputs()
    row = Inputs(sample.tokens[1:2, :3], sample.token_mask[1:2, :3], sample.regions[1:2])
    assert torch.allclose(network(row).logits, network(sample).logits[1:2], atol=1e-5)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="view 'audio'"):
        take_view(inputs(), "audio")
