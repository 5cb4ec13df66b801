"""Files of a teacher's outputs, written by the library whose format they have."""

from collections.abc import Mapping

import safetensors.torch
from torch import Tensor

from msd.data.raw_files import sha256
from msd.training.cached_outputs import BELONGS_TO


def write_outputs(tensors: Mapping[str, Tensor], path: str, *, prepared: str) -> None:
    """Write tensors `<view>/logits` (N, C), `<view>/features` (N, H) … of the samples of a prepared table."""
    safetensors.torch.save_file(dict(tensors), path, metadata={BELONGS_TO: sha256(prepared)})
