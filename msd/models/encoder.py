"""VisualBERT's encoder, with the parameter names of transformers' class, on several views of a batch in one pass."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from msd.models.views import Inputs

EPSILON, SPREAD = 1e-12, 0.02  # of layer norms and initial weights, as transformers' `VisualBertConfig` has them


class Encoded(NamedTuple):
    """Of one view the states (B, S, W) of embeddings and layers, and attentions (B, heads, S, S) where asked for."""

    hidden: tuple[Tensor, ...]
    attentions: tuple[Tensor, ...]


class Dropout:
    """Dropout with a random stream for each view, so that the masks of a view do not depend on the views beside it.

    Masks equal those of `torch.nn.functional.dropout` after `torch.manual_seed` on a CPU, bit for bit. Without
    streams it is that function, which is one kernel of a GPU, and can be compiled.
    """

    def __init__(self, rate: float, streams: Sequence[torch.Generator]) -> None:
        self.rate, self.keep, self.streams = rate, 1 - rate, streams

    def __call__(self, values: Tensor, sizes: Sequence[int], *, view: int = 0) -> Tensor:
        """`values` some of which are zero, the others larger; `sizes`: the rows of each view, from number `view` on."""
        if self.keep == 1:
            return values
        if not self.streams:
            return F.dropout(values, self.rate)
        mask = torch.empty_like(values, memory_format=torch.contiguous_format)
        for part, stream in zip(mask.split(list(sizes)), self.streams[view:], strict=False):
            part.bernoulli_(self.keep, generator=stream)
        return values * mask.mul_(1 / self.keep)


class _Projections(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, states: Tensor) -> Tensor:
        """(T, W) -> queries, keys and values side by side (T, 3·W)."""
        parts = (self.query, self.key, self.value)
        return F.linear(states, torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts]))


class _Residual(nn.Module):
    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, width)
        self.LayerNorm = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, values: Tensor, residual: Tensor, dropout: Dropout, sizes: Sequence[int]) -> Tensor:
        return self.LayerNorm(dropout(self.dense(values), sizes) + residual)


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention = nn.ModuleDict({"self": _Projections(width), "output": _Residual(width, width)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, feed_forward)})
        self.output = _Residual(feed_forward, width)

    def forward(
        self, states: Tensor, masks: Sequence[Tensor], dropout: Dropout, *, internals: bool
    ) -> tuple[Tensor, list[Tensor]]:
        """States (T, W) of all views' tokens after this layer, and with `internals` the attentions of each view.

        Linear layers see the tokens of all views at once, attention those of one view; masks: (B, 1, 1, S) of each.
        """
        sizes = [mask.shape[0] * mask.shape[3] for mask in masks]
        mixed, attentions = [], []
        for view, (part, mask) in enumerate(zip(self.attention["self"](states).split(sizes), masks, strict=True)):
            batch, size = mask.shape[0], mask.shape[3]
            of_heads = part.view(batch, size, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            if part.is_cuda and not internals:  # one kernel, that does not keep the attention
                query, key, value = of_heads
                context = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout.rate)
            else:
                context, attention = _attend(of_heads, mask, dropout, view)
                attentions.append(attention)
            mixed.append(context.transpose(1, 2).reshape(batch * size, -1))
        states = self.attention["output"](torch.cat(mixed), states, dropout, sizes)
        return self.output(F.gelu(self.intermediate["dense"](states)), states, dropout, sizes), attentions


def _attend(of_heads: Tensor, mask: Tensor, dropout: Dropout, view: int) -> tuple[Tensor, Tensor]:
    """Queries, keys and values (3, B, heads, S, w) -> what is attended to (B, heads, S, w), and attention."""
    query, key, value = of_heads
    scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
    attention = dropout((scores + mask).softmax(3), [mask.shape[0]], view=view)
    return attention @ value, attention


class _Embeddings(nn.Module):
    def __init__(self, vocabulary: int, positions: int, region_width: int, width: int, visual_type: int) -> None:
        super().__init__()
        self.visual_type = visual_type
        self.word_embeddings = nn.Embedding(vocabulary, width, padding_idx=0)
        self.position_embeddings = nn.Embedding(positions, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, eps=EPSILON)
        self.visual_token_type_embeddings = nn.Embedding(2, width)
        self.visual_position_embeddings = nn.Embedding(positions, width)
        self.visual_projection = nn.Linear(region_width, width)

    def forward(self, views: Sequence[Inputs]) -> Tensor:
        """(T, W) of the tokens and regions of all views, one after the other; shared regions are projected once."""
        positions = self.position_embeddings.weight + self.token_type_embeddings.weight[0]
        visual = self.visual_position_embeddings.weight[0] + self.visual_token_type_embeddings.weight[self.visual_type]
        projected = {
            id(view.regions): self.visual_projection(view.regions) + visual
            for view in views
            if view.regions is not None
        }
        embedded = []
        for view in views:
            assert view.words is not None
            of_view = view.words + positions[: view.words.shape[1]]
            if view.regions is not None:
                of_view = torch.cat((of_view, projected[id(view.regions)]), dim=1)
            embedded.append(of_view.flatten(0, 1))
        return self.LayerNorm(torch.cat(embedded))


class _Stack(nn.Module):
    def __init__(self, layers: int, width: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer(width, heads, feed_forward) for _ in range(layers))


class Encoder(nn.Module):
    """VisualBERT without its heads: embeddings of words and regions, and layers of self-attention.

    Args:
        vocabulary, positions: of the text.   region_width: D.   width: W.   layers, heads, feed_forward: of a BERT.
        dropout: of embeddings, attentions and each layer's outputs.   pooler: whether [CLS] is pooled, W -> W.
        visual_type: token type of the regions, of two.

    Parameters have the names, and from one seed the initial values, of transformers' `VisualBertModel`
    with `pad_token_id` 0, where ours is: the embedding of [PAD] is zero and stays.
    Source: Li et al., "VisualBERT: A Simple and Performant Baseline for Vision and Language", 2019.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        positions: int,
        region_width: int,
        width: int,
        layers: int,
        heads: int,
        feed_forward: int,
        dropout: float,
        pooler: bool,
        visual_type: int = 1,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width: {width} is no multiple of the {heads} heads")
        self.dropout = dropout
        self.embeddings = _Embeddings(vocabulary, positions, region_width, width, visual_type)
        self.encoder = _Stack(layers, width, heads, feed_forward)
        self.pooler = nn.ModuleDict({"dense": nn.Linear(width, width)} if pooler else {})
        self.apply(_initialise)

    def forward(self, views: Sequence[Inputs], streams: Sequence[torch.Generator], *, internals: bool) -> list[Encoded]:
        """The states of each view, whose `words` are looked up; without `internals` those of the last layer alone.

        In training, dropout is drawn from `streams`, one for each view.
        """
        dropout = Dropout(self.dropout if self.training else 0.0, streams)
        masks = [_attention_mask(view) for view in views]
        sizes = [mask.shape[0] * mask.shape[3] for mask in masks]
        states = dropout(self.embeddings(views), sizes)
        kept, attentions = [states], list[list[Tensor]]()
        for layer in self.encoder.layer:
            states, seen = layer(states, masks, dropout, internals=internals)
            kept, attentions = ([*kept, states], [*attentions, seen]) if internals else ([states], [])
        of_views = zip(*(each.split(sizes) for each in kept), strict=True)
        seen_in_views = zip(*attentions, strict=True) if attentions else itertools.repeat(())
        return [
            Encoded(tuple(part.view(mask.shape[0], mask.shape[3], -1) for part in parts), seen)
            for parts, seen, mask in zip(of_views, seen_in_views, masks, strict=False)
        ]

    def pooled(self, states: Tensor) -> Tensor:
        """(B, S, W) -> (B, W) of the first token."""
        return torch.tanh(self.pooler["dense"](states[:, 0]))


def _attention_mask(view: Inputs) -> Tensor:
    """(B, 1, 1, S): 0 for what is attended to, the lowest number for padding."""
    mask = view.mask
    return ((1 - mask) * torch.finfo(mask.dtype).min)[:, None, None]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=SPREAD)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding) and module.padding_idx is not None:
        nn.init.zeros_(module.weight[module.padding_idx])
