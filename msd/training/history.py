"""The curves of a training."""

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from msd.data.columns import write_columns

COLUMNS: dict[str, type] = {
    **{"seed": np.int64, "step": np.int64, "epoch": np.int64},
    **{"term": str, "value": np.float64, "sample": np.int32},
}


@dataclass
class History:
    """Training curves in long form: one row per seed, step and term, or per sample where a method keeps those."""

    rows: list[tuple[int, int, int, str, float, int | None]] = field(default_factory=list)

    def add(self, seed: int, step: int, epoch: int, values: dict[str, float]) -> None:
        """Note the values of one step."""
        self.rows.extend((seed, step, epoch, term, value, None) for term, value in values.items())

    def add_samples(self, seed: int, step: int, epoch: int, term: str, samples: Tensor, values: Tensor) -> None:
        """Note one value for each of the training samples with the numbers `samples` (B,)."""
        pairs = zip(samples.tolist(), values.tolist(), strict=True)
        self.rows.extend((seed, step, epoch, term, value, sample) for sample, value in pairs)

    def write(self, path: str) -> None:
        """Write history.parquet: seed, step, epoch, term, value, sample (null: the mean of the batch)."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(COLUMNS)
        write_columns(path, dict(zip(COLUMNS, zip(COLUMNS.values(), columns, strict=True), strict=True)))
