"""Teacher and student: a VisualBERT encoder of transformers with a pooled linear head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers.models.visual_bert.configuration_visual_bert import VisualBertConfig
from transformers.models.visual_bert.modeling_visual_bert import VisualBertModel

from msd.models.views import Inputs


class Output(NamedTuple):
    """logits (B, C) and features (B, H), what the head reads; on request the encoder's internals.

    hidden: (B, S, W) of the embeddings and of each layer.   attentions: (B, heads, S, S) of each layer.
    """

    logits: Tensor
    features: Tensor
    hidden: tuple[Tensor, ...] = ()
    attentions: tuple[Tensor, ...] = ()


class VisualBertClassifier(nn.Module):
    """VisualBERT over text tokens and image regions, pooled, with one linear layer on top.

    Args (all keys of `config`, which is saved beside the weights as config.json):
        vocabulary: number of word pieces.   labels: C.   region_width: D of the image regions.
        layers, width, heads, feed_forward, dropout: of the encoder.
        pool: "modality-means" = [mean of text tokens ; mean of region tokens ; their product], an absent modality's
            mean being zero (H = 3·width), or "first" = the tanh-pooled [CLS], VisualBERT's own (H = width).

    Regions are standardised per channel with the buffers `region_mean` and `region_scale` (D,), set from the
    training pictures. Source: Li et al., "VisualBERT", 2019; the pooling is this project's.
    """

    region_mean: Tensor
    region_scale: Tensor

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = dict(config)
        self.pool = config["pool"]
        if self.pool not in ("modality-means", "first"):
            raise ValueError(f"pool: must be 'modality-means' or 'first', not {self.pool!r}")
        encoder_config = VisualBertConfig(
            vocab_size=config["vocabulary"],
            hidden_size=config["width"],
            visual_embedding_dim=config["region_width"],
            num_hidden_layers=config["layers"],
            num_attention_heads=config["heads"],
            intermediate_size=config["feed_forward"],
            hidden_dropout_prob=config["dropout"],
            attention_probs_dropout_prob=config["dropout"],
            max_position_embeddings=config["positions"],
        )
        self.encoder = VisualBertModel(encoder_config, add_pooling_layer=self.pool == "first")
        self.head_dropout = nn.Dropout(config["dropout"])
        width = config["width"] * (3 if self.pool == "modality-means" else 1)
        self.head = nn.Linear(width, config["labels"])
        self.register_buffer("region_mean", torch.zeros(config["region_width"]))
        self.register_buffer("region_scale", torch.ones(config["region_width"]))

    def look_up(self, inputs: Inputs) -> Inputs:
        """The same inputs with their word embeddings, so that views share one gradient of the embedding matrix."""
        if inputs.words is not None:
            return inputs
        return replace(inputs, words=self.encoder.embeddings.word_embeddings(inputs.tokens))

    def forward(self, inputs: Inputs, *, internals: bool = False) -> Output:
        """Logits and pooled features of the samples in `inputs`, whatever modalities they have."""
        words = self.look_up(inputs).words
        assert words is not None
        if inputs.content is not None:
            words = words * inputs.content[:, :, None]
        arguments = {"inputs_embeds": words, "attention_mask": inputs.token_mask}
        if inputs.regions is not None:
            arguments["visual_embeds"] = (inputs.regions - self.region_mean) * self.region_scale
        outcome = self.encoder(**arguments, output_hidden_states=internals, output_attentions=internals)
        features = outcome.pooler_output if self.pool == "first" else self._means(outcome.last_hidden_state, inputs)
        logits = self.head(self.head_dropout(features))
        return Output(logits, features, outcome.hidden_states or (), outcome.attentions or ())

    def _means(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        length = inputs.tokens.shape[1]
        zero = hidden.new_zeros(len(hidden), hidden.shape[2])
        text = image = zero
        if inputs.text:
            mask = inputs.token_mask[:, :, None]
            text = (hidden[:, :length] * mask).sum(1) / mask.sum(1)
        if inputs.image:
            image = hidden[:, length:].mean(1)
        return torch.cat((text, image, text * image), dim=1)


def start_from_bert(model: VisualBertClassifier, weights: Mapping[str, Tensor], pieces: Tensor) -> list[str]:
    """Copy a BERT checkpoint into the text side; return the names of the parameters that were copied.

    Args:
        model: width, heads and feed_forward as in the checkpoint; it may have fewer layers (the first ones are taken).
        weights: the checkpoint's state, names as in transformers' `BertModel`.
        pieces: (V,) the checkpoint's row for each of the model's word pieces.

    The type and position embeddings of regions start as copies of the text's (as transformers' own
    `special_visual_initialize` does); the visual projection and the head stay as they were initialised.
    """
    state = {name.removeprefix("bert."): tensor for name, tensor in weights.items()}
    state["embeddings.word_embeddings.weight"] = state["embeddings.word_embeddings.weight"][pieces]
    positions = model.config["positions"]
    state["embeddings.position_embeddings.weight"] = state["embeddings.position_embeddings.weight"][:positions]
    for part in ("token_type_embeddings", "position_embeddings"):
        state[f"embeddings.visual_{part}.weight"] = state[f"embeddings.{part}.weight"]
    absent = [name for name, _ in model.encoder.named_parameters() if ".layer." in name and name not in state]
    if absent:
        raise ValueError(f"the checkpoint has no {absent[0]}; take fewer layers, or a BERT checkpoint")
    copied = []
    for name, parameter in model.encoder.named_parameters():
        if name in state:
            with torch.no_grad():
                parameter.copy_(state[name])
            copied.append(f"encoder.{name}")
    return copied
