"""What every test starts from."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _plain_float_mode() -> Iterator[None]:
    """Stages flush denormals and demand deterministic kernels for their process; tests share one."""
    yield
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_flush_denormal(False)
        torch.use_deterministic_algorithms(False)
