"""The teacher's cached outputs, written once and read without any model."""

from collections.abc import Mapping

import safetensors.torch
from torch import Tensor

from msd.data.raw_files import sha256
from msd.data.rows import Rows, all_of, safetensors_rows
from msd.errors import UserError
from msd.models.views import VIEWS

BELONGS_TO = "prepared_sha256"
"""Key of the file's metadata: the sha256 of the prepared table whose samples the rows are."""


def write_outputs(tensors: Mapping[str, Tensor], path: str, *, prepared: str) -> None:
    """Write tensors `<view>/logits` (N, C), `<view>/features` (N, H) … of the samples of a prepared table."""
    safetensors.torch.save_file(dict(tensors), path, metadata={BELONGS_TO: sha256(prepared)})


def stored_views(path: str, *, prepared: str, part: str = "logits") -> dict[str, Rows]:
    """view -> N rows (C,) logits or (H,) features of a teacher, read when they are asked for, float32.

    Raises UserError if they are of another version of the split.
    """
    metadata, stored = safetensors_rows(path)
    if metadata.get(BELONGS_TO) != sha256(prepared):
        raise UserError(f"{path} does not belong to {prepared} as it is now; `snakemake {path}` makes it anew")
    return {view: stored[f"{view}/{part}"] for view in VIEWS}


def read_views(path: str, *, prepared: str, part: str = "logits") -> dict[str, Tensor]:
    """As `stored_views`, in memory: view -> logits (N, C) or features (N, H)."""
    return {view: all_of(rows) for view, rows in stored_views(path, prepared=prepared, part=part).items()}
