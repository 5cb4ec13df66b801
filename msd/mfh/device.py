"""The device that a study file names for training."""

import torch

from msd.errors import UserError


def chosen_device(name: str, *, key: str) -> torch.device:
    """The device that `key` names, the first GPU included; UserError where PyTorch does not see it."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"{key}: {name!r} is no device; write cpu, cuda or cuda:<number>") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"{key}: PyTorch sees no {name!r} on this machine; write cpu")
    return device
