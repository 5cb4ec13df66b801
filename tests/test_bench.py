"""Benchmarks that no test runs whole: what they import is there, and a step of one trains."""

import runpy
from pathlib import Path

import pytest
import torch

from msd.models.views import VIEWS

BENCH = Path(__file__).resolve().parents[1] / "bench"
PROGRAM = BENCH / "student_step.py"


@pytest.mark.parametrize("program", sorted(BENCH.glob("*.py")), ids=lambda path: path.stem)
def test_what_a_benchmark_imports_is_there(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    names = runpy.run_path(str(program), run_name="imported")
    assert program.stem == "page" or callable(names["main"])


@pytest.mark.parametrize("simple", [True, False])
def test_a_step_of_the_benchmark_trains(simple: bool) -> None:
    torch.manual_seed(0)
    step = runpy.run_path(str(PROGRAM))["stepper"](50, fused=True, views=VIEWS, simple=simple)
    model = step.__closure__[step.__code__.co_freevars.index("model")].cell_contents
    before = [each.clone() for each in model.parameters()]
    step()
    assert any(not torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
