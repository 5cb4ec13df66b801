"""The sizes of a model: parameters, bytes and arithmetic."""

import safetensors.torch
import torch
from torch.utils.flop_counter import FlopCounterMode

from msd.models.classifier import Classifier
from msd.models.split import Split


def parameter_count(model: Classifier) -> int:
    """Number of trainable and frozen parameters; buffers do not count."""
    return sum(parameter.numel() for parameter in model.parameters())


def byte_count(model: Classifier) -> int:
    """Bytes of the model as a safetensors file."""
    return len(safetensors.torch.save(model.state_dict()))


@torch.no_grad()
def flops(model: Classifier, split: Split) -> int:
    """Floating-point operations for the sample of median length, by PyTorch's counter."""
    counter = FlopCounterMode(display=False)
    with counter:
        model(split.inputs(split.rows_by_length(1)))
    return int(counter.get_total_flops())
