"""PyTorch's optimisers without PyTorch's compiler."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer


class _Uncompiled(Optimizer):
    """Calls what PyTorch hides from its compiler, but not what hides it.

    That imports the compiler at the first call, for more processor time than PyTorch itself takes to be imported.
    """

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; without a closure."""
        assert closure is None
        return inspect.unwrap(super().step)(self)


class AdamW(_Uncompiled, torch.optim.AdamW):
    """As `torch.optim.AdamW`."""


class Adam(_Uncompiled, torch.optim.Adam):
    """As `torch.optim.Adam`."""
