"""What a model predicts for a split, without dropout and gradients."""

from collections.abc import Iterator

import torch
from torch import Tensor

from msd.models.classifier import Classifier, Output
from msd.models.split import Split
from msd.models.views import Removal, View

BATCH = 256
"""Samples that are predicted at a time."""


@torch.inference_mode()
def predictions(
    model: Classifier, split: Split, view: View, *, removal: Removal = "mask"
) -> Iterator[tuple[Tensor, Output]]:
    """Row numbers (B,) and outputs of a batch after the other, short texts first, float32, without dropout.

    It runs where the model is; the outputs are on the processor.
    """
    model.eval()
    for rows in split.lengths.argsort(stable=True).split(BATCH):
        output = model(split.inputs(rows).to(model.head.weight.device), (view,), removal=removal)[view]
        yield rows, Output(output.logits.cpu(), output.features.cpu())


def predict(model: Classifier, split: Split, view: View, *, removal: Removal = "mask") -> tuple[Tensor, Tensor]:
    """Logits (N, C) and pooled features (N, H) of all samples in their order, float32, without dropout."""
    labels, width = model.head.weight.shape
    logits, features = torch.empty(len(split), labels), torch.empty(len(split), width)
    for rows, output in predictions(model, split, view, removal=removal):
        logits[rows], features[rows] = output.logits, output.features
    return logits, features
