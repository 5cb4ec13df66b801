"""What a model predicts for a split, without dropout and gradients."""

import torch
from torch import Tensor

from msd.models.split import Split
from msd.models.views import VIEWS, Removal, View
from msd.models.visualbert import VisualBertClassifier


@torch.inference_mode()
def predict(
    model: VisualBertClassifier, split: Split, view: View, *, removal: Removal = "mask", batch_size: int = 256
) -> tuple[Tensor, Tensor]:
    """Logits (N, C) and pooled features (N, H) of all samples in their order, float32, without dropout."""
    model.eval()
    order = split.lengths.argsort(stable=True)
    device = model.head.weight.device
    batches = (split.inputs(rows).to(device) for rows in order.split(batch_size))
    outputs = [model(inputs, (view,), removal=removal)[view] for inputs in batches]
    back = order.argsort()
    logits, features = (torch.cat([out[part] for out in outputs]).cpu()[back] for part in (0, 1))
    return logits, features


def predict_views(model: VisualBertClassifier, split: Split, *, removal: Removal) -> dict[str, Tensor]:
    """view -> logits (N, C) of all split."""
    return {view: predict(model, split, view, removal=removal)[0] for view in VIEWS}
