"""Any vision network of transformers, from the files of its repository on the hub: ResNet, ViT, CLIP, DINOv2, ….

The features are the last hidden state: the last feature map of a convolutional network, the patches of a transformer
(without [CLS] and registers). Of a model of pictures and texts, such as CLIP, the part that sees pictures is taken.
Files: config.json, preprocessor_config.json, and the weights, in one file or in parts with their index.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from msd.errors import UserError, decoding
from msd.features.reading import PictureReading, reading_of

NEEDED = ("config.json", "preprocessor_config.json")
UNUSED = "pooler."
"""What a checkpoint may lack: it is made of the last hidden state, and not asked for."""
ADVICE = "name the files of one repository, of one revision, as `sources` of the encoder"


class VisionGrid(nn.Module):
    """(N, H, W, 3) bytes -> (N, rows, columns, D) float32."""

    def __init__(self, network: Any, reading: PictureReading) -> None:
        super().__init__()
        self.network, self.reading = network, reading
        self.side: int = reading.size // getattr(network.config, "patch_size", reading.size)
        sized = getattr(network.config, "image_size", None) not in (None, reading.size)
        positions = "interpolate_pos_encoding" in inspect.signature(network.forward).parameters
        self.options = {"interpolate_pos_encoding": True} if sized and positions else {}

    def forward(self, pixels: Tensor) -> Tensor:
        """The last hidden states of pixels, by place; [CLS] and registers are left out."""
        states: Tensor = self.network(self.reading.normalised(pixels), **self.options).last_hidden_state
        if states.ndim == 4:
            return states.permute(0, 2, 3, 1)
        patches = states[:, -(self.side**2) :]  # [CLS] and registers stand in front
        return patches.unflatten(1, (self.side, self.side))


def reading(weights: Sequence[Path], *, size: int) -> PictureReading:
    """How the model's own processor reads a picture, brought to squares of `size` pixels."""
    from transformers import AutoImageProcessor

    folder = _folder(weights)
    with _quiet(), decoding(f"{folder}/preprocessor_config.json describes no image processor", ADVICE):
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False)
    return reading_of(processor, str(folder)).at(size)


def build(weights: Sequence[Path], *, size: int) -> nn.Module:
    """The extractor for pictures of `size` pixels a side; UserError for files that are no whole vision model."""
    from transformers import AutoConfig, AutoModel

    folder = _folder(weights)
    with _quiet(), decoding(f"{folder} holds no vision model of transformers", ADVICE):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        config = getattr(config, "vision_config", config)
        network, about = AutoModel.from_pretrained(
            folder, config=config, dtype=torch.float32, output_loading_info=True, trust_remote_code=False
        )
    absent = sorted(name for name in about["missing_keys"] if not name.startswith(UNUSED))
    wrong = sorted(str(name) for name in about["mismatched_keys"])
    if absent or wrong:
        what = f"has no {absent[0]}" if absent else f"has another shape than config.json for {wrong[0]}"
        raise UserError(f"{folder}: the checkpoint {what} ({len(absent) + len(wrong)} such); {ADVICE}")
    return VisionGrid(network.eval().requires_grad_(False), reading(weights, size=size))


def _folder(weights: Sequence[Path]) -> Path:
    """The one folder of the files; UserError where one that says what the others are is not among them."""
    [folder] = {path.parent for path in weights}
    absent = [name for name in NEEDED if name not in {path.name for path in weights}]
    if absent:
        raise UserError(f"the files of {folder} lack {absent[0]}; {ADVICE}")
    return folder


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's bars, and its list of the parts that are not asked for."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
