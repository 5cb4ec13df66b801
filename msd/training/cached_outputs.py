"""The teacher's cached answers, read without any model."""

from __future__ import annotations

import hashlib

import safetensors
import torch
from torch import Tensor

from msd.errors import UserError
from msd.models.views import VIEWS

SPLITS = ("train", "val", "test")


def read_views(path: str, *, prepared: str, part: str = "logits") -> dict[str, Tensor]:
    """view -> logits (N, C) or features (N, H) of a teacher; UserError if they answer another version of the split."""
    with safetensors.safe_open(path, framework="pt") as file:
        if (file.metadata() or {}).get("prepared_sha256") != prepared_sha256(prepared):
            raise UserError(f"{path} does not belong to {prepared} as it is now; `snakemake {path}` makes it anew")
        return {view: file.get_tensor(f"{view}/{part}").to(torch.float32) for view in VIEWS}


def prepared_sha256(path: str) -> str:
    """The sha256 of a prepared table, which a teacher's outputs carry in their metadata."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
