"""The encoder is VisualBERT's: as transformers computes it, view by view."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from small_study import new_setting
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.visual_bert.configuration_visual_bert import VisualBertConfig
from transformers.models.visual_bert.modeling_visual_bert import VisualBertModel

from msd.models.encoder import Dropout, Encoder
from msd.models.views import VIEWS, Inputs, Removal
from msd.models.visualbert import Output, VisualBertClassifier

SIZES = {"vocabulary": 30, "positions": 12, "region_width": 7, "width": 16, "layers": 2, "heads": 2, "feed_forward": 32}
BOUND = 2e-6  # rounding alone: the operations are the same, in another order


def transformers_model(*, pooler: bool) -> VisualBertModel:
    torch.manual_seed(3)
    config = VisualBertConfig(
        vocab_size=30,
        max_position_embeddings=12,
        visual_embedding_dim=7,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
        pad_token_id=0,
    )
    return VisualBertModel(config, add_pooling_layer=pooler)


def encoder(*, pooler: bool) -> Encoder:
    torch.manual_seed(3)
    return Encoder(**SIZES, dropout=0.1, pooler=pooler)


def batch() -> Inputs:
    """Texts of 7, 3 and 5 pieces."""
    return new_setting().samples.inputs(torch.tensor([1, 3, 2]))


@pytest.mark.parametrize("pooler", [False, True])
def test_names_and_initial_values_of_the_parameters_are_those_of_transformers(pooler: bool) -> None:
    ours, theirs = encoder(pooler=pooler).state_dict(), transformers_model(pooler=pooler).state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("training", [False, True])
def test_states_attentions_and_gradients_are_those_of_transformers(training: bool) -> None:
    ours, theirs = encoder(pooler=True).train(training), transformers_model(pooler=True).train(training)
    inputs = batch()
    torch.manual_seed(9)
    expected = theirs(
        inputs_embeds=theirs.embeddings.word_embeddings(inputs.tokens),
        attention_mask=inputs.token_mask,
        visual_embeds=inputs.regions,
        output_hidden_states=True,
        output_attentions=True,
    )
    looked_up = replace(inputs, words=ours.embeddings.word_embeddings(inputs.tokens))
    (encoded,) = ours([looked_up], [torch.Generator().manual_seed(9)], internals=True)
    assert_close(encoded.hidden, expected.hidden_states)
    assert_close(encoded.attentions, expected.attentions)
    assert_close([ours.pooled(encoded.hidden[-1])], [expected.pooler_output])
    weight = torch.randn(16, generator=torch.Generator().manual_seed(1))
    (ours.pooled(encoded.hidden[-1]) @ weight).sum().backward()
    (expected.pooler_output @ weight).sum().backward()
    assert_close(gradients(ours), gradients(theirs))


@pytest.mark.parametrize("pool", ["modality-means", "first"])
@pytest.mark.parametrize("removal", ["mask", "zero"])
def test_views_in_one_pass_are_what_they_are_one_by_one(pool: str, removal: Removal) -> None:
    torch.manual_seed(0)
    model = VisualBertClassifier({**SIZES, "labels": 5, "dropout": 0.2, "pool": pool}).train()
    model.region_mean.normal_()
    together = model(batch(), VIEWS, removal=removal, streams=streams(), internals=True)
    total(together.values()).backward()
    in_one_pass = gradients(model)
    model.zero_grad()
    alone: dict[str, Output] = {}
    for view, stream in zip(VIEWS, streams(), strict=True):
        alone |= model(batch(), (view,), removal=removal, streams=[stream], internals=True)
    total(alone.values()).backward()
    for view in VIEWS:
        assert_close([*together[view][:2], *together[view].hidden], [*alone[view][:2], *alone[view].hidden])
        assert_close(together[view].attentions, alone[view].attentions)
    assert_close(in_one_pass, gradients(model))


def test_leaving_tokens_out_equals_masking_them() -> None:
    theirs, inputs = transformers_model(pooler=True).eval(), batch()
    model = VisualBertClassifier({**SIZES, "labels": 5, "dropout": 0.1, "pool": "first"}).eval()
    model.encoder.load_state_dict(theirs.state_dict())
    masked = theirs(
        input_ids=inputs.tokens,
        attention_mask=inputs.token_mask,
        visual_embeds=inputs.regions,
        visual_attention_mask=torch.zeros(3, 3),
    )
    assert_close([model(inputs, ("text",))["text"].features], [masked.pooler_output])


def test_dropout_draws_what_torch_draws() -> None:
    values = torch.rand(5, 8)
    for view in (0, 1):
        torch.manual_seed(view)
        expected = F.dropout(values, 0.3)
        generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
        assert torch.equal(
            Dropout(0.3, generators)(torch.cat((values, values)), [5, 5])[5 * view : 5 * view + 5], expected
        )


def streams() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(len(VIEWS))]


def total(outputs) -> Tensor:
    weight = torch.arange(5.0) / 10
    return sum(((output.logits @ weight).square().sum() for output in outputs), torch.zeros(()))


def gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad for _, parameter in sorted(model.named_parameters()) if parameter.grad is not None]


def assert_close(values: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    assert len(values) == len(expected) > 0
    for one, other in zip(values, expected, strict=True):
        torch.testing.assert_close(one, other, atol=BOUND, rtol=BOUND)
