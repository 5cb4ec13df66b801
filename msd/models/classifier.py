"""What every model is to the stages: views of a batch in, logits and what the head reads out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from msd.models.views import Inputs, Removal, View, take_view


class Output(NamedTuple):
    """logits (B, C) and features (B, H), what the head reads; on request the encoder's internals.

    hidden: (B, S, W) of the embeddings and of each layer.   attentions: (B, heads, S, S) of each layer.
    """

    logits: Tensor
    features: Tensor
    hidden: tuple[Tensor, ...] = ()
    attentions: tuple[Tensor, ...] = ()


class Classifier(nn.Module):
    """A model of images and texts with one linear layer on top, logits = head(features).

    Attributes:
        config: all that it is built from, as it is saved beside the weights as config.json.   head: (H) -> (C).
    """

    config: dict[str, Any]
    head: nn.Linear

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = dict(config)

    def forward(
        self,
        inputs: Inputs,
        views: Sequence[View] = ("both",),
        *,
        removal: Removal = "mask",
        streams: Sequence[torch.Generator] = (),
        internals: bool = False,
    ) -> dict[View, Output]:
        """The outputs for each of the `views` of the samples in `inputs`.

        Args:
            removal: how a view removes a modality, see `take_view`.
            streams: what the dropout of each view is drawn from in training; without them, torch's default generator.
            internals: whether the outputs hold hidden states and attentions.
        """
        prepared = self.prepared(inputs)
        taken = [take_view(prepared, view, removal=removal) for view in views]
        return dict(zip(views, self.outputs(taken, streams, internals=internals), strict=True))

    @abstractmethod
    def prepared(self, inputs: Inputs) -> Inputs:
        """What is the same for all views, computed once."""

    @abstractmethod
    def outputs(self, views: Sequence[Inputs], streams: Sequence[torch.Generator], *, internals: bool) -> list[Output]:
        """The output for each of the views, which lack what they have to; `streams` and `internals` as of `forward`."""
