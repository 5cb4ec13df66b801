"""Models of `transformers` that read pixels, as teachers: an adapter, and for each kind how it makes features."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from msd.models.classifier import Classifier, Output
from msd.models.views import Inputs


class TransformersClassifier(Classifier):
    """A model of `transformers` with a linear head, view by view: a removed modality is left out, not masked.

    Args (keys of `config`): adapter: the kind.   transformers: its published config.json.   labels: C.
        mean, std: of each channel, for pixels from 0 to 1 (B, 3, side, side), which `Inputs.regions` holds here.
    """

    width: ClassVar[str]
    """Where its config has the width of an image's or text's features."""
    parts: ClassVar[int]
    """Of that width, which the head reads."""
    mean: Tensor
    std: Tensor

    def __init__(self, config: Mapping[str, Any]) -> None:
        from transformers import AutoConfig, AutoModel  # slow to import

        super().__init__(config)
        self.model = AutoModel.from_config(AutoConfig.for_model(**config["transformers"]))
        self.head = nn.Linear(self.parts * getattr(self.model.config, self.width), config["labels"])
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(config[name])[:, None, None], persistent=False)

    @abstractmethod
    def features(self, inputs: Inputs) -> Tensor:
        """(B, H) of a view; `inputs.regions` are normalised pixels, or None."""

    def prepared(self, inputs: Inputs) -> Inputs:
        """With the pixels normalised."""
        assert inputs.regions is not None, "which views leave out later"
        return replace(inputs, regions=(inputs.regions - self.mean) / self.std)

    def outputs(self, views: Sequence[Inputs], streams: Sequence[torch.Generator], *, internals: bool) -> list[Output]:
        """As of `Classifier`, without internals. In evaluation the model draws the same each time."""
        if internals:
            raise ValueError("a model that reads pixels gives no internals")
        seeds: Sequence[int | None] = [stream.initial_seed() for stream in streams]
        seeds = seeds or [None if self.training else 0] * len(views)
        features: list[Tensor] = []
        for view, seed in zip(views, seeds, strict=True):
            with torch.random.fork_rng(devices=[], enabled=seed is not None):
                if seed is not None:
                    torch.default_generator.manual_seed(seed)
                features.append(self.features(view))
        return [Output(self.head(each), each) for each in features]


class Vilt(TransformersClassifier):
    """ViLT: words and patches in one encoder, whose pooled [CLS] the head reads. Kim et al., "ViLT", ICML 2021."""

    width, parts = "hidden_size", 1

    def features(self, inputs: Inputs) -> Tensor:
        """The pooled [CLS] (B, H), H the hidden size."""
        if inputs.regions is not None:
            seen = {"pixel_values": inputs.regions}
        else:  # no patch, not even the image's own first token
            size = inputs.tokens.shape[0]
            none = inputs.token_mask.new_zeros(size, 0, self.model.config.hidden_size)
            seen = {"image_embeds": none, "pixel_mask": none.new_zeros(size, 0, dtype=torch.long)}
        pooled: Tensor = self.model(inputs.tokens, inputs.token_mask.long(), **seen).pooler_output
        return pooled


class Clip(TransformersClassifier):
    """CLIP's two towers: the head reads [text ; image ; text·image] of their embeddings, of length 1 each.

    An absent modality's embedding is zero. Radford et al., "Learning Transferable Visual Models from Natural Language
    Supervision", ICML 2021; the head is this project's.
    """

    width, parts = "projection_dim", 3

    def features(self, inputs: Inputs) -> Tensor:
        """[text ; image ; text·image] (B, 3·E), E the width of an embedding."""
        text = image = self.head.weight.new_zeros(inputs.tokens.shape[0], self.model.config.projection_dim)
        if inputs.text:
            embedding = self.model.get_text_features(inputs.tokens, inputs.token_mask.long()).pooler_output
            text = nn.functional.normalize(embedding)
        if inputs.regions is not None:
            image = nn.functional.normalize(self.model.get_image_features(inputs.regions).pooler_output)
        return torch.cat((text, image, text * image), dim=1)


ADAPTERS: dict[str, type[TransformersClassifier]] = {"vilt": Vilt, "clip": Clip}
