"""Rows of two networks side by side, and their directions without a division by zero."""

import torch
from torch import Tensor

from msd.distill.losses import full_precision


def paired(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Both matrices (B, ·), whose widths may differ, in float32 at least (float64 stays).

    Raises ValueError, whose message names the argument, for what is no float matrix and for unequal numbers of rows.
    """
    for name, values in (("student", student), ("teacher", teacher)):
        if values.ndim != 2 or not values.is_floating_point():
            shape = f"{values.dtype} of shape {tuple(values.shape)}"
            raise ValueError(f"{name}: expected a float tensor (B, width), got {shape}")
    if len(student) != len(teacher):
        raise ValueError(f"teacher: {len(teacher)} rows beside {len(student)} of the student")
    return full_precision(student), full_precision(teacher)


def unit(vectors: Tensor, *, dim: int = 1) -> Tensor:
    """v / ‖v‖ along `dim`; a vector of zeros stays zero, with a finite gradient."""
    length = torch.linalg.vector_norm(vectors, dim=dim, keepdim=True)
    return vectors / torch.where(length > 0, length, torch.ones_like(length))
