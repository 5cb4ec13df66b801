"""The teacher's cached outputs, written once and read without any model."""

from collections.abc import Mapping

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from msd.data.raw_files import sha256
from msd.errors import UserError
from msd.models.views import VIEWS

BELONGS_TO = "prepared_sha256"
"""Key of the file's metadata: the sha256 of the prepared table whose samples the rows are."""


def write_outputs(tensors: Mapping[str, Tensor], path: str, *, prepared: str) -> None:
    """Write tensors `<view>/logits` (N, C), `<view>/features` (N, H) … of the samples of a prepared table."""
    safetensors.torch.save_file(dict(tensors), path, metadata={BELONGS_TO: sha256(prepared)})


def read_views(path: str, *, prepared: str, part: str = "logits") -> dict[str, Tensor]:
    """view -> logits (N, C) or features (N, H) of a teacher; UserError if they are of another version of the split."""
    with safetensors.safe_open(path, framework="pt") as file:
        if (file.metadata() or {}).get(BELONGS_TO) != sha256(prepared):
            raise UserError(f"{path} does not belong to {prepared} as it is now; `snakemake {path}` makes it anew")
        return {view: file.get_tensor(f"{view}/{part}").to(torch.float32) for view in VIEWS}
