"""The teacher's cached outputs, written once and read without any model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from msd.data.raw_files import sha256
from msd.data.rows import Rows, StoredRows, all_of, new_safetensors, safetensors_rows
from msd.distill.losses import Task, kd_divergence
from msd.distill.top_logits import TopLogits, all_logits, top_logits
from msd.errors import UserError, made_anew
from msd.models.classifier import Classifier
from msd.models.predict import predictions
from msd.models.views import VIEWS, Removal

if TYPE_CHECKING:
    from msd.config.contracts.training import OutputsForm
    from msd.models.split import Split

BELONGS_TO = "prepared_sha256"
"""Key of the file's metadata: the sha256 of the prepared table whose samples the rows are."""


@dataclass(frozen=True)
class TopRows:
    """N rows (C,) of logits of which the k largest are stored, with the one that the rest has: made whole when read.

    Attributes:
        count: C.   values, labels: N rows (k,).   rest: N rows (1,).
    """

    count: int
    values: Rows
    labels: Rows
    rest: Rows

    def __len__(self) -> int:
        return len(self.rest)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, C)."""
        return len(self), self.count

    def __getitem__(self, rows: Tensor) -> Tensor:
        return all_logits(TopLogits(self.values[rows], self.labels[rows], self.rest[rows]), self.count)


def write_outputs(
    teacher: Classifier,
    samples: Split,
    path: str,
    *,
    prepared: str,
    removal: Removal,
    task: Task,
    form: OutputsForm,
) -> dict[str, float]:
    """Write a teacher's outputs for a split, batch by batch; returns by view what its form loses, 0 where nothing.

    Keys: `<view>/logits` (N, C), or `<view>/top/{values,labels,rest}` of them; `<view>/features` (N, H);
    `head/weight` (C, H), `head/bias` (C,). What is lost: the mean KL(whole ‖ kept) at T = 1, in nats.

    Raises UserError for a `top` of all labels or more, and for values that half precision has not.
    """
    labels = teacher.head.out_features
    if form.top is not None and form.top >= labels:
        raise UserError(f"teacher.outputs.top: {form.top} of {labels} labels; to keep all, leave it out")
    stored = new_safetensors(path, _shapes(teacher, len(samples), form), {BELONGS_TO: sha256(prepared)})
    for name, values in (("head/weight", teacher.head.weight), ("head/bias", teacher.head.bias)):
        stored[name].write(torch.arange(len(values)), values.detach().cpu())
    kept, lost = _views(stored, "logits"), dict.fromkeys(VIEWS, 0.0)
    for view in VIEWS:
        for rows, output in predictions(teacher, samples, view, removal=removal):
            stored[f"{view}/features"].write(rows, output.features)
            if form.top is None:
                stored[f"{view}/logits"].write(rows, output.logits)
            else:
                for name, values in top_logits(output.logits, count=form.top, task=task)._asdict().items():
                    stored[f"{view}/top/{name}"].write(rows, values)
            divergence = kd_divergence(kept[view][rows], output.logits, temperature=1, task=task)
            lost[view] += float(divergence.double().sum()) / len(samples)
    return {str(view): value for view, value in lost.items()}


def _shapes(teacher: Classifier, samples: int, form: OutputsForm) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Type and shape of each tensor in the file."""
    labels, width = teacher.head.weight.shape
    whole, dtype = np.dtype("float32"), np.dtype(form.dtype)
    shapes: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {
        "head/weight": (whole, (labels, width)),
        "head/bias": (whole, (labels,)),
    }
    for view in VIEWS:
        shapes[f"{view}/features"] = (dtype, (samples, width))
        if form.top is None:
            shapes[f"{view}/logits"] = (dtype, (samples, labels))
        else:
            shapes[f"{view}/top/values"] = (dtype, (samples, form.top))
            shapes[f"{view}/top/labels"] = (np.dtype("int32"), (samples, form.top))
            shapes[f"{view}/top/rest"] = (whole, (samples, 1))
    return shapes


def stored_views(path: str, *, prepared: str, part: str = "logits") -> dict[str, Rows]:
    """view -> N rows (C,) logits or (H,) features of a teacher, read when they are asked for, float32.

    Raises UserError if they are of another version of the split.
    """
    metadata, stored = safetensors_rows(path)
    if metadata.get(BELONGS_TO) != sha256(prepared):
        raise UserError(f"{path} does not belong to {prepared} as it is now; {made_anew(path)}")
    return _views(stored, part)


def _views(stored: dict[str, StoredRows], part: str) -> dict[str, Rows]:
    if part == "features" or "both/logits" in stored:
        return {view: stored[f"{view}/{part}"] for view in VIEWS}
    labels = len(stored["head/bias"])
    return {view: TopRows(labels, *(stored[f"{view}/top/{name}"] for name in TopLogits._fields)) for view in VIEWS}


def read_views(path: str, *, prepared: str, part: str = "logits") -> dict[str, Tensor]:
    """As `stored_views`, in memory: view -> logits (N, C) or features (N, H)."""
    return {view: all_of(rows) for view, rows in stored_views(path, prepared=prepared, part=part).items()}
