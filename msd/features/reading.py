"""How a picture becomes the numbers that a network reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from msd.errors import UserError, decoding


@dataclass(frozen=True)
class PictureReading:
    """A square of pixels, each (value − mean) / deviation of its channel.

    Attributes:
        size: pixels of the square's side.
        edge: pixels to which the shorter side of the picture is brought first, its aspect kept, of whose middle the
            square is cut; None: the whole picture is stretched to the square.
        filter: Pillow's, by which it is made smaller or larger.
        mean, deviation: of values of 0 to 255, for red, green and blue.
    """

    size: int
    edge: int | None
    filter: str
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]

    @classmethod
    def of(cls, content: Any, source: Path) -> PictureReading:
        """From JSON; UserError for a source that has something else, as one of an earlier version."""
        with decoding(f"{source} does not say how pictures are read", "make it anew"):
            mean, deviation = (tuple(content[name]) for name in ("mean", "deviation"))
            return cls(**content | {"mean": mean, "deviation": deviation})

    def at(self, size: int) -> PictureReading:
        """The same for a square of another size, of which as much is cut away."""
        edge = None if self.edge is None else self.edge * size // self.size
        return replace(self, size=size, edge=edge)

    def square(self, picture: Image.Image) -> Image.Image:
        """An RGB picture as the square of it that is read."""
        resampling, size = Image.Resampling[self.filter.upper()], (self.size, self.size)
        if self.edge is None:
            return picture if picture.size == size else picture.resize(size, resampling)
        short, long = min(picture.size), max(picture.size)
        other = self.edge * long // short
        width, height = (self.edge, other) if picture.size[0] <= picture.size[1] else (other, self.edge)
        whole = picture if picture.size == (width, height) else picture.resize((width, height), resampling)
        left, top = (width - self.size) // 2, (height - self.size) // 2
        return whole.crop((left, top, left + self.size, top + self.size))

    def normalised(self, pixels: Tensor) -> Tensor:
        """(N, H, W, 3) bytes -> (N, 3, H, W) float32."""
        mean, deviation = (torch.tensor(each, device=pixels.device) for each in (self.mean, self.deviation))
        return ((pixels.float() - mean) / deviation).permute(0, 3, 1, 2)


def reading_of(processor: Any, source: str) -> PictureReading:
    """What an image processor of transformers does to a picture.

    Raises UserError, which begins with `source`, for one that does more or other than to resize, crop and normalise.
    """
    size, crop = processor.size, processor.crop_size if processor.do_center_crop else None
    square = crop or size
    side = square.height or square.shortest_edge
    edge = size.shortest_edge
    if (share := getattr(processor, "crop_pct", None)) and edge:  # ConvNeXt's: below 384 the middle of a larger one
        side, edge = edge, int(edge / share) if edge < 384 else None
    plain = processor.do_resize and side and not processor.do_pad and (square.width in (None, square.height))
    if not plain or size.longest_edge or size.max_height or (edge is None and crop and size.height != side):
        what = "resizes a picture to no square, by its whole or its shorter side"
        raise UserError(f"{source}: its processor {what}; take another model, or write a preprocessor that does")
    if edge is not None and edge < side:
        raise UserError(f"{source}: a square of {side} pixels is no part of a picture whose shorter side has {edge}")
    factor = processor.rescale_factor if processor.do_rescale else 1.0
    mean, deviation = (0.0,) * 3, (1.0,) * 3
    if processor.do_normalize:
        mean, deviation = tuple(processor.image_mean), tuple(processor.image_std)
    red, green, blue = ((one / factor, other / factor) for one, other in zip(mean, deviation, strict=True))
    return PictureReading(
        side,
        edge,
        Image.Resampling(processor.resample).name.lower(),
        (red[0], green[0], blue[0]),
        (red[1], green[1], blue[1]),
    )
