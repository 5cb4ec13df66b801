"""Teacher and student: a VisualBERT encoder with a pooled linear head."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from msd.models.classifier import Classifier, Output
from msd.models.encoder import EPSILON, Dropout, Encoder
from msd.models.views import Inputs

POOLS = ("modality-means", "first", "last-word")


class VisualBertClassifier(Classifier):
    """VisualBERT over text tokens and image regions, pooled, with one linear layer on top.

    Args (all keys of `config`, which is saved beside the weights as config.json):
        vocabulary: number of word pieces.   labels: C.   region_width: D of the image regions.
        layers, width, heads, feed_forward, dropout: of the encoder.
        pool: "modality-means" = [mean of text tokens ; mean of region tokens ; their product], an absent modality's
            mean being zero (H = 3·width); "first" = the tanh-pooled [CLS], VisualBERT's own (H = width); "last-word" =
            the last word piece before [SEP], or [CLS] if there is none (H = width), MMF's `pooler_strategy: vqa`.
        visual_type: token type of regions; 1 if absent, as in transformers; 0 in MMF's visual_bert.py.
        head: "transform" puts MMF's BertPredictionHeadTransform (linear, GELU, layer norm) below the head (H = width);
            "linear" if absent.

    Regions are standardised per channel with the buffers `region_mean` and `region_scale` (D,), set from the
    training pictures. Source: Li et al., "VisualBERT", 2019; "modality-means" is this project's.
    """

    region_mean: Tensor
    region_scale: Tensor

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.pool = config["pool"]
        if self.pool not in POOLS:
            raise ValueError(f"pool: must be one of {POOLS}, not {self.pool!r}")
        sizes = ("vocabulary", "positions", "region_width", "width", "layers", "heads", "feed_forward", "dropout")
        self.encoder = Encoder(
            **{name: config[name] for name in sizes},
            pooler=self.pool == "first",
            visual_type=config.get("visual_type", 1),
        )
        width = config["width"] * (3 if self.pool == "modality-means" else 1)
        self.transform: nn.ModuleDict | None = None
        if config.get("head", "linear") == "transform":
            norm = nn.LayerNorm(config["width"], eps=EPSILON)
            self.transform = nn.ModuleDict({"dense": nn.Linear(width, config["width"]), "LayerNorm": norm})
            width = config["width"]
        self.head = nn.Linear(width, config["labels"])
        self.register_buffer("region_mean", torch.zeros(config["region_width"]))
        self.register_buffer("region_scale", torch.ones(config["region_width"]))

    def prepared(self, inputs: Inputs) -> Inputs:
        """With the words looked up."""
        return replace(inputs, words=self.encoder.embeddings.word_embeddings(inputs.tokens))

    def outputs(self, views: Sequence[Inputs], streams: Sequence[torch.Generator], *, internals: bool) -> list[Output]:
        """As of `Classifier`; all views are computed in one pass."""
        standardised = {id(each.regions): self._standardised(each.regions) for each in views}  # shared as they are
        views = [replace(each, regions=standardised[id(each.regions)]) for each in views]
        encoded = self.encoder(views, streams, internals=internals)
        pooled = [self._pool(states.hidden[-1], each) for states, each in zip(encoded, views, strict=True)]
        dropout = Dropout(self.config["dropout"] if self.training else 0.0, streams)
        dropped = dropout(torch.cat(pooled), [each.shape[0] for each in pooled])
        if self.transform is not None:
            dropped = self.transform["LayerNorm"](F.gelu(self.transform["dense"](dropped)))
            pooled = list(dropped.chunk(len(views)))
        logits = self.head(dropped).chunk(len(views))
        return [
            Output(*of_view, *(states if internals else ()))
            for states, *of_view in zip(encoded, logits, pooled, strict=True)
        ]

    def compile(self, *arguments: Any, **options: Any) -> None:
        """Compile the encoder's layers, where the time goes; options as of `torch.nn.Module.compile`.

        Dropout then takes no streams.
        """
        for layer in self.encoder.encoder.layer:
            layer.compile(*arguments, **options)

    def _standardised(self, regions: Tensor | None) -> Tensor | None:
        return None if regions is None else (regions - self.region_mean) * self.region_scale

    def _pool(self, states: Tensor, inputs: Inputs) -> Tensor:
        """What the head reads (B, H) of the last layer's states (B, S, W)."""
        if self.pool == "first":
            return self.encoder.pooled(states)
        if self.pool == "last-word":
            last = (inputs.token_mask.sum(1).long() - 2).clamp_min(0)
            return states[torch.arange(states.shape[0], device=states.device), last]
        length = inputs.tokens.shape[1]
        text = image = states.new_zeros(states.shape[0], states.shape[2])
        if inputs.text:
            mask = inputs.token_mask[:, :, None]
            text = (states[:, :length] * mask).sum(1) / mask.sum(1)
        if inputs.image:
            image = masked_mean(states[:, length:], inputs.region_mask)
        return torch.cat((text, image, text * image), dim=1)


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """(B, R, W) -> (B, W), the mean over the places where the mask (B, R) is 1, zeros where it is 1 nowhere; over all
    places without a mask."""
    if mask is None:
        return values.mean(1)
    weights = mask[:, :, None]
    return (values * weights).sum(1) / weights.sum(1).clamp_min(1)


def start_from_bert(model: VisualBertClassifier, weights: Mapping[str, Tensor], pieces: Tensor) -> list[str]:
    """Copy a BERT checkpoint into the text side; return the names of the parameters that were copied.

    Args:
        model: width, heads and feed_forward as in the checkpoint; it may have fewer layers (the first ones are taken).
        weights: the checkpoint's state, names as in transformers' `BertModel`.
        pieces: (V,) the checkpoint's row for each of the model's word pieces.

    The type and position embeddings of regions, where the checkpoint has none, start as copies of the text's (as
    transformers' own `special_visual_initialize` does); a visual projection that it has not, and the head, stay as they
    were initialised.
    """
    state = {name.removeprefix("bert."): tensor for name, tensor in weights.items()}
    state["embeddings.word_embeddings.weight"] = state["embeddings.word_embeddings.weight"][pieces]
    positions = model.config["positions"]
    state["embeddings.position_embeddings.weight"] = state["embeddings.position_embeddings.weight"][:positions]
    for part in ("token_type_embeddings", "position_embeddings"):
        visual = f"embeddings.visual_{part}.weight"
        own = state.get(visual, state[f"embeddings.{part}.weight"])
        state[visual] = own[: model.encoder.get_parameter(visual).shape[0]]
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
