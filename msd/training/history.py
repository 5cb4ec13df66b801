"""The curves of a training."""

from __future__ import annotations

from array import array
from collections.abc import Collection
from itertools import repeat
from typing import Any

import numpy as np
import torch
from torch import Tensor

from msd.data.columns import write_columns

COLUMNS: dict[str, type] = {
    **{"seed": np.int64, "step": np.int64, "epoch": np.int64},
    **{"term": str, "value": np.float64, "sample": np.int32},
}
CODES = {"seed": "q", "step": "i", "epoch": "i", "term": "h", "value": "d", "sample": "i"}
"""Types of the columns in memory, 30 bytes a row: a method that keeps the values of every sample makes millions."""
MEAN = -1
"""In place of a sample: the value is the mean of the batch."""


class History:
    """Training curves in long form: one row per seed, step and term, or per sample where a method keeps those.

    Attributes:
        terms: names of the terms.   columns: name -> values, of `term` numbers of `terms`.
    """

    def __init__(self) -> None:
        self.terms: list[str] = []
        self.columns: dict[str, array[Any]] = {name: array(code) for name, code in CODES.items()}

    def __len__(self) -> int:
        return len(self.columns["value"])

    def add(self, seed: int, step: int, epoch: int, values: dict[str, float]) -> None:
        """Note the values of one step."""
        terms = [self._number(term) for term in values]
        self._extend((seed, step, epoch), terms, values.values(), [MEAN] * len(values))

    def add_samples(self, seed: int, step: int, epoch: int, term: str, samples: Tensor, values: Tensor) -> None:
        """Note one value for each of the training samples with the numbers `samples` (B,)."""
        assert len(samples) == len(values), f"{len(values)} values of {len(samples)} samples"
        terms = [self._number(term)] * len(samples)
        self._extend((seed, step, epoch), terms, values.tolist(), samples.tolist())

    def add_history(self, other: History) -> None:
        """Note what another one holds."""
        numbers = np.array([self._number(term) for term in other.terms], np.int16)
        for name, column in other.columns.items():
            self.columns[name] += array("h", numbers[column].tobytes()) if name == "term" else column

    def last(self, term: str) -> float:
        """The newest value of a term, NaN where there is none."""
        pairs = zip(reversed(self.columns["term"]), reversed(self.columns["value"]), strict=True)
        return next((value for number, value in pairs if self.terms[number] == term), float("nan"))

    def state_dict(self) -> dict[str, Any]:
        """Texts and tensors, which share the memory of the columns: nothing can be added while they are held."""
        columns = {  # empty columns share one address, which torch.save takes for one tensor of several types
            name: torch.from_numpy(np.asarray(column)) if column else torch.empty(0)
            for name, column in self.columns.items()
        }
        return {"terms": self.terms, "columns": columns}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become what `state` was taken from."""
        self.terms = list(state["terms"])
        self.columns = {name: array(CODES[name], values.numpy().tobytes()) for name, values in state["columns"].items()}

    def write(self, path: str) -> None:
        """Write history.parquet: seed, step, epoch, term, value, sample (null: the mean of the batch)."""
        values: dict[str, Any] = {name: np.asarray(column) for name, column in self.columns.items()}
        values["term"] = [self.terms[number] for number in self.columns["term"]]
        values["sample"] = np.ma.masked_equal(values["sample"], MEAN)
        write_columns(path, {name: (kind, values[name]) for name, kind in COLUMNS.items()})

    def _number(self, term: str) -> int:
        if term not in self.terms:
            self.terms.append(term)
        return self.terms.index(term)

    def _extend(
        self, place: tuple[int, int, int], terms: list[int], values: Collection[float], samples: list[int]
    ) -> None:
        for name, number in zip(("seed", "step", "epoch"), place, strict=True):
            self.columns[name].extend(repeat(number, len(terms)))
        for name, numbers in (("term", terms), ("value", values), ("sample", samples)):
            self.columns[name].extend(numbers)
