"""Whose students the seeds of a cell are: as tables name it, and what follows from the record of those that do not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msd.lineage.compare import ONE_TEACHER, OVER_SAMPLES, CellComparison, Comparison, compare
from msd.lineage.teachers import DEALT, UNKNOWN, Teachers
from msd.measure.intervals import mean_interval

VALUES = {"0": 0.50, "1": 0.60, "2": 0.51, "3": 0.61, "4": 0.52}
TEACHERS = {"0": "7", "1": "8", "2": "7", "3": "8", "4": "7"}


def cell(values: dict[str, float], method: str = "kd", **more: Any) -> dict[str, Any]:
    mean, low, high = mean_interval(list(values.values()))
    about = {"dataset": "d", "method": method, "metric": "accuracy", "split": "test", "selected": "base", "runs": []}
    return about | {"mean": mean, "low": low, "high": high, "n": len(values), "values": values, "against": None} | more


def record(*teachers: int) -> dict[str, Any]:
    about = {"name": "d", "teachers": list(teachers), "methods": ["finetune", "kd"]}
    return {"params": {"datasets": [about]}}


def test_tables_that_name_teachers_are_believed() -> None:
    kd, finetune = cell(VALUES, teachers=TEACHERS), cell(VALUES, "finetune")
    teachers = Teachers([{"cells": [kd, finetune]}], record(1, 2, 3))
    assert (teachers.of(kd), teachers.of(finetune), teachers.note) == (TEACHERS, {}, None)


def test_in_tables_of_an_earlier_form_seeds_are_dealt_in_turn_to_the_teachers_of_the_record() -> None:
    kd, teacher = cell(VALUES), cell({"7": 0.5, "8": 0.6}, "teacher")
    teachers = Teachers([{"cells": [kd, teacher]}], record(7, 8))
    assert (teachers.of(kd), teachers.of(teacher), teachers.note) == (TEACHERS, {}, DEALT)
    assert (teachers.is_one(kd), Teachers([{"cells": [kd]}], record(7)).is_one(kd)) == (False, True)


@pytest.mark.parametrize("known", [None, {"params": {"study": "mfh", "teachers": {"datasets": []}}}])
def test_without_teachers_in_the_record_every_seed_is_its_own(known: dict[str, Any] | None) -> None:
    kd = cell(VALUES)
    teachers = Teachers([{"cells": [kd]}], known)
    assert (teachers.of(kd), teachers.note) == ({}, UNKNOWN)


def written(folder: Path, *cells: dict[str, Any], teachers: tuple[int, ...] = (7, 8)) -> str:
    """Tables of these cells in a folder, with their record."""
    folder.mkdir()
    (folder / "main.json").write_text(json.dumps({"name": "main", "cells": cells}))
    facts = {
        "code": {"modules": {}},
        "versions": {},
        "host": {},
        "cpu": {"model": "x"},
        "gpu": None,
        "outputs": [],
        "inputs": [],
    }
    (folder / "record.json").write_text(json.dumps(facts | record(*teachers)))
    return str(folder)


def moved(by: float) -> dict[str, float]:
    return {seed: value + by for seed, value in VALUES.items()}


def only(found: Comparison) -> CellComparison:
    assert len(found.cells) == 1
    return found.cells[0]


def test_what_leaves_the_interval_of_seeds_can_lie_within_that_of_teachers(tmp_path: Path) -> None:
    one = written(tmp_path / "one", cell(VALUES, teachers=TEACHERS))
    other = written(tmp_path / "other", cell(moved(0.1), teachers=TEACHERS))
    apart = written(tmp_path / "apart", cell(moved(0.1), teachers=dict.fromkeys(VALUES, "7")), teachers=(7,))
    single = written(tmp_path / "single", cell(VALUES, teachers=dict.fromkeys(VALUES, "7")), teachers=(7,))
    several, alone = compare(one, other), compare(single, apart)
    assert (only(several).verdict, only(several).note) == ("within interval", None)
    assert (only(alone).verdict, only(alone).note) == ("changed", ONE_TEACHER)
    assert f"0.548 → 0.648, changed; {ONE_TEACHER} (" in str(alone)
    assert several.notes == alone.notes == []


def test_tables_of_an_earlier_form_are_compared_and_the_output_says_what_was_taken_for_granted(tmp_path: Path) -> None:
    one, other = written(tmp_path / "one", cell(VALUES)), written(tmp_path / "other", cell(moved(0.1)))
    found = compare(one, other)
    assert only(found).verdict == "within interval"
    assert f"{one}: {DEALT}\n{other}: {DEALT}\n" in str(found)
    assert compare(one, one).notes == []


def test_a_difference_has_a_verdict_of_its_own(tmp_path: Path) -> None:
    against = {"method": "kd", "difference": 0.01, "low": 0.0, "high": 0.02, "error": 0.003, "freedom": 4.0, "n": 5}
    one = written(tmp_path / "one", cell(VALUES, "finetune", against=against))
    grown = written(tmp_path / "other", cell(VALUES, "finetune", against=against | {"difference": 0.05}))
    found = compare(one, grown)
    assert "finetune/test/accuracy: 0.548 → 0.548, within interval; its difference to kd 0.01 → 0.05, changed (" in (
        str(found).replace("main d/", "")
    )
    assert "differences between methods: 1 changed\n" in str(found)
    assert json.loads(found.to_json())["cells"][0]["difference"]["verdict"] == "changed"


def test_of_a_mean_over_samples_the_line_says_that_its_table_knows_what_it_covers(tmp_path: Path) -> None:
    saliency = cell(VALUES, "teacher") | {"values": {}, "n": 100}
    one = written(tmp_path / "one", saliency)
    other = written(tmp_path / "other", saliency | {"mean": float(np.mean([saliency["mean"], saliency["high"]]))})
    assert only(compare(one, other)).note == OVER_SAMPLES
