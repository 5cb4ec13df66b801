"""The three views of a sample: image and text, image alone, text alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor

View = Literal["both", "image", "text"]
Removal = Literal["mask", "zero"]
VIEWS: tuple[View, ...] = get_args(View)


@dataclass(frozen=True)
class Inputs:
    """What a model reads: text tokens and image regions, either of which a view may lack.

    Attributes:
        tokens: (B, L) WordPiece ids; [CLS] first, [SEP] last, then padding.
        token_mask: (B, L) 1.0 for a token, 0.0 for padding.
        regions: (B, R, D) region features, or None.
        text, image: whether the modality is present; an absent one pools to zero.
        words: (B, L, W) word embeddings of the tokens, looked up once for all views, or None.
        region_mask: (B, R) 1.0 for a region, 0.0 for zeros behind the last one; None where all pictures have R.
    """

    tokens: Tensor
    token_mask: Tensor
    regions: Tensor | None
    text: bool = True
    image: bool = True
    words: Tensor | None = None
    region_mask: Tensor | None = None

    def to(self, device: torch.device, *, non_blocking: bool = False) -> Inputs:
        """The same on a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Inputs:
        """The same in pages that a GPU reads by itself."""
        return self._each(Tensor.pin_memory)

    @property
    def mask(self) -> Tensor:
        """(B, L + R) 1.0 for what is attended to: tokens, and regions where there are any."""
        if self.regions is None:
            return self.token_mask
        of_regions = self.region_mask
        if of_regions is None:
            of_regions = self.token_mask.new_ones(self.regions.shape[:2])
        return torch.cat((self.token_mask, of_regions), dim=1)

    def _each(self, function: Callable[[Tensor], Tensor]) -> Inputs:
        changed: dict[str, Any] = {
            name: function(value) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **changed)


def take_view(inputs: Inputs, view: View, *, removal: Removal = "mask") -> Inputs:
    """The same samples with one modality removed (or none).

    `mask`: the removed tokens leave the attention. Tokens that no one attends to need not be computed, so they are
    left out: `image` is [CLS] [SEP] and the R regions, `text` the L tokens. [SEP] then stands at position 1, so
    that not even the length of a removed text is seen.
    `zero`: the word embeddings between [CLS] and [SEP], or the region features, become zero; their places stay.

    Raises:
        ValueError: an unknown view or removal.
    """
    if view not in VIEWS or removal not in get_args(Removal):
        raise ValueError(f"view {view!r} with removal {removal!r}: expected one of {VIEWS} and 'mask' or 'zero'")
    if view == "both":
        return inputs
    if removal == "zero":
        return _zeroed(inputs, view)
    if view == "text":
        return replace(inputs, regions=None, region_mask=None, image=False)
    rows = torch.arange(inputs.tokens.shape[0], device=inputs.tokens.device)
    last = inputs.token_mask.sum(1).long() - 1
    ends = torch.stack((inputs.tokens[:, 0], inputs.tokens[rows, last]), dim=1)
    words = None if inputs.words is None else torch.stack((inputs.words[:, 0], inputs.words[rows, last]), dim=1)
    mask = torch.ones_like(ends, dtype=inputs.token_mask.dtype)
    return replace(inputs, tokens=ends, token_mask=mask, words=words, text=False)


def _zeroed(inputs: Inputs, view: View) -> Inputs:
    if view == "text":
        assert inputs.regions is not None
        return replace(inputs, regions=torch.zeros_like(inputs.regions))
    assert inputs.words is not None
    content = torch.zeros_like(inputs.token_mask)
    content[:, 0] = 1
    content[torch.arange(content.shape[0], device=content.device), inputs.token_mask.sum(1).long() - 1] = 1
    return replace(inputs, words=inputs.words * content[:, :, None])
