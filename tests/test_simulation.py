"""The simulation of a study on a cluster, on jobs whose end a person can work out."""

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    folder = Path(__file__).resolve().parents[1] / "bench"
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return SimpleNamespace(**runpy.run_path(str(folder / "simulate.py")))


@pytest.fixture
def jobs(simulation: SimpleNamespace) -> dict[int, Any]:
    """Fetched in 1 s, a teacher in 10 s, four students in 5 s each, tables in 2 s; a probe of 3 s waits for no GPU."""
    one = simulation.Work
    students = {number: one("student", frozenset({1}), 5.0, 1e9) for number in range(2, 6)}
    chain = {0: one("fetch_x", frozenset(), 1.0, 0.0), 1: one("teacher", frozenset({0}), 10.0, 0.0)}
    return (
        chain | students | {6: one("tables", frozenset(students), 2.0, 0.0), 7: one("probe", frozenset({0}), 3.0, 0.0)}
    )


@pytest.mark.parametrize(
    ("gpus", "held_up", "seconds"),
    [
        (1, {}, 1 + 10 + 4 * 5 + 2),
        (2, {}, 1 + 10 + 2 * 5 + 2),
        (1000, {}, 1 + 10 + 5 + 2),
        (1000, {"start": 6.0}, 1 + 10 + 5 + 2 + 4 * 6),
        (1000, {"controller": 1.0}, 1 + 10 + 5 + 2 + (1 + 1 + 4 + 1)),
        (1000, {"disk": 1e8}, 1 + 10 + 4 * 10 + 5 + 2),
    ],
    ids=["one GPU", "two", "many", "jobs start slowly", "a slow controller", "a slow disk"],
)
def test_a_study_ends_when_its_jobs_say(
    simulation: SimpleNamespace, jobs: dict[int, Any], gpus: int, held_up: dict[str, float], seconds: float
) -> None:
    free = {"controller": 0.0, "start": 0.0, "disk": float("inf")}
    assert simulation.finished(jobs, simulation.Machine(gpus, **free | held_up)) == pytest.approx(seconds)


def test_the_longest_chain_bounds_every_number_of_gpus(simulation: SimpleNamespace, jobs: dict[int, Any]) -> None:
    assert simulation.longest_chain(jobs) == (18, ["fetch_x", "teacher", "student", "tables"])
