"""What every data set of the crossmodal studies is read into: several modalities of each sample, and its label."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from msd.data import SPLITS
from msd.data.findings import Findings, Row
from msd.errors import UserError
from msd.system.memory import fits_in_memory

IGNORED = 255
"""Label of a pixel that neither loss nor metric counts."""
LARGEST = 1e9
"""Of numbers that are read; the deviation of larger ones need not be finite."""


class Samples(NamedTuple):
    """One split.

    inputs: modality -> (N, ...), numbers of any type, made float32 batch by batch. label: (N,) int64 of one class
    each, (N, H, W) int64 of a class for each pixel (IGNORED for none), or (N, L) float32 of 0 and 1 for several labels.
    """

    inputs: dict[str, Tensor]
    label: Tensor


def gathered(
    rows: Sequence[Row], read: Callable[[Any], dict[str, Tensor] | str], findings: Findings, *, split: str
) -> tuple[Samples, list[Row]]:
    """The samples of a split and the rows they are of: memory holds all of them once, and one besides.

    read: gives what a row's content is read into, all inputs and the `label`, or why it is dropped; a row for which it
    raises UserError is dropped, too. Raises UserError where no row is left.
    """
    tensors: dict[str, Tensor] = {}
    kept: list[Row] = []
    for row in rows:
        with findings.dropping(row.names[0], row.where, "cannot be read", split=split):
            values = read(row.content)
            if isinstance(values, str):
                findings.drop(row.names[0], row.where, values, split=split)
                continue
            wild = [name for name, value in values.items() if not bool(value.abs().max() <= LARGEST)]
            if wild:
                findings.drop(row.names[0], row.where, f"numbers beyond ±{LARGEST:g}: {', '.join(wild)}", split=split)
                continue
            if not tensors:
                needed = len(rows) * sum(value.nbytes for value in values.values())
                what = f"the {len(rows):,} samples of {split}"
                fits_in_memory(needed, what, "choose a smaller size or fewer samples under `data`")
                tensors = {
                    name: torch.empty((len(rows), *value.shape), dtype=value.dtype) for name, value in values.items()
                }
            other = [name for name, value in values.items() if value.shape != tensors[name].shape[1:]]
            if other:
                findings.drop(row.names[0], row.where, f"another shape than others: {', '.join(other)}", split=split)
                continue
            for name, value in values.items():
                tensors[name][len(kept)] = value
            kept.append(row)
    findings.check_share(split, len(kept))
    if not kept:
        raise UserError(f"there is no sample for {split}")
    inputs = {name: values[: len(kept)] for name, values in tensors.items()}
    return Samples(inputs, inputs.pop("label")), kept


def check_splits(splits: Mapping[str, Samples], where: str) -> None:
    """UserError unless train, val and test are there, with the same modalities and as many inputs as labels."""
    if sorted(splits) != sorted(SPLITS):
        raise UserError(f"{where}: there must be the splits train, val and test, not {sorted(splits)}")
    modalities = splits["train"].inputs.keys()
    for name, samples in splits.items():
        if samples.inputs.keys() != modalities:
            raise UserError(f"{where}: {name} has {sorted(samples.inputs)}, train has {sorted(modalities)}")
        if not len(samples.label) or any(len(item) != len(samples.label) for item in samples.inputs.values()):
            sizes = ", ".join(f"{len(item)} of {modality}" for modality, item in samples.inputs.items())
            raise UserError(
                f"{where}: {name} has {sizes} and {len(samples.label)} labels, which should be equally many"
            )


def standardised(splits: Mapping[str, Samples], *modalities: str) -> dict[str, Samples]:
    """The splits with these modalities, or every one, at mean 0 and deviation 1 over the training samples' values."""
    train = splits["train"].inputs
    moments = {name: _moments(train[name]) for name in modalities or train}
    return {
        split: samples._replace(
            inputs=samples.inputs
            | {name: (samples.inputs[name].float() - mean) / deviation for name, (mean, deviation) in moments.items()}
        )
        for split, samples in splits.items()
    }


def resized(logits: Tensor, label: Tensor) -> Tensor:
    """Logits (N, C, h, w) as large as the label's map (N, H, W), by bilinear interpolation; others as they are."""
    if logits.ndim < 4 or logits.shape[2:] == label.shape[1:]:
        return logits
    return F.interpolate(logits, size=label.shape[1:], mode="bilinear", align_corners=False)


def _moments(values: Tensor) -> tuple[float, float]:
    """Mean and deviation of all values; a deviation of 0 counts as 1."""
    deviation, mean = torch.std_mean(values.float(), correction=0)
    if not bool(deviation.isfinite()):
        raise UserError(f"values up to {float(values.abs().max()):g} are too large to be standardised")
    return float(mean), float(deviation) or 1.0
