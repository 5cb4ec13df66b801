"""Control: knowledge distillation from the teacher's predictions for other samples."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from msd.distill.method import Setting
from msd.distill.methods.kd import KD
from msd.models.views import View


class ShuffledKD(KD):
    """KD with the teacher's rows permuted across the training samples, once, by a stream of the seed.

    What is left of the teacher is its mean prediction and how sure it tends to be: a gain that remains is none of
    its knowledge. A sample keeps its own row as often as chance will have it.
    """

    def __init__(self, options: Mapping[str, Any], setting: Setting) -> None:
        super().__init__(options, setting)
        generator = torch.Generator().manual_seed(setting.stream("shuffled teacher"))
        self.other = torch.randperm(len(setting.samples), generator=generator)

    def target(self, view: View, rows: Tensor) -> Tensor:
        """The teacher's logits (B, C) for the samples that the permutation puts in the place of `rows`."""
        return super().target(view, self.other[rows])
