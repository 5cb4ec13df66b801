"""Benchmarks that no test runs whole still run."""

import runpy
from pathlib import Path

import pytest
import torch

from msd.models.views import VIEWS

PROGRAM = Path(__file__).resolve().parents[1] / "bench/student_step.py"


@pytest.mark.parametrize("simple", [True, False])
def test_a_step_of_the_benchmark_trains(simple: bool) -> None:
    torch.manual_seed(0)
    step = runpy.run_path(str(PROGRAM))["stepper"](50, fused=True, views=VIEWS, simple=simple)
    model = step.__closure__[step.__code__.co_freevars.index("model")].cell_contents
    before = [each.clone() for each in model.parameters()]
    step()
    assert any(not torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
