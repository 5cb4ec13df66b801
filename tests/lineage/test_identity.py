"""The identity of cells, on all published tables: each cell has its own, and finds what it is compared with."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from msd.lineage.compare import compare
from msd.lineage.identity import NO_RUN, identity, other_side

PUBLISHED = Path(__file__).parents[2] / "results/published"
STUDIES = sorted(path.name for path in PUBLISHED.iterdir() if path.is_dir())


def read(study: str) -> dict[str, Any]:
    contents = {path.stem: json.loads(path.read_text()) for path in sorted((PUBLISHED / study).glob("*.json"))}
    return {name: content for name, content in contents.items() if "cells" in content}


@pytest.mark.parametrize("study", STUDIES)
def test_no_two_cells_fall_together(study: str) -> None:
    tables = read(study)
    for name, table in tables.items():
        assert max(Counter(map(identity, table["cells"])).values()) == 1, name
    compared = compare(str(PUBLISHED / study), str(PUBLISHED / study))
    assert len(compared.cells) == sum(len(table["cells"]) for table in tables.values())
    assert {cell.verdict for cell in compared.cells} == {"identical"}


@pytest.mark.parametrize("study", STUDIES)
def test_every_comparison_has_its_other_side(study: str) -> None:
    tables = read(study)
    main = [tables["main"]] if "main" in tables else []
    for name, table in tables.items():
        for cell in [cell for cell in table["cells"] if cell["against"]]:
            first = tables[cell["table"]] if "table" in cell else table
            searched = [first, *main, *tables.values()]
            if (
                cell["dataset"] == "all" and "runs" in cell["against"]
            ):  # a test over tasks, whose cells it joins: it names their runs
                assert all(f"/{cell['against']['method']}/" in run for run in cell["against"]["runs"])
                assert len(cell["against"]["runs"]) == len(cell["runs"]) > 1
                continue
            if " and " in cell["metric"]:  # the mean of several measures, each of which has a cell; its runs it names
                parts = [other_side(cell | {"metric": part}, searched) for part in cell["metric"].split(" and ")]
                assert all(part is not None and part["runs"] == cell["against"]["runs"] for part in parts)
                mean = sum(part["mean"] for part in parts if part is not None) / len(parts)
                assert cell["against"]["difference"] == pytest.approx(cell["mean"] - mean, abs=1e-6)
                continue
            other = other_side(cell, searched)
            if cell["against"]["method"] in NO_RUN:
                assert other is None, (name, cell)
                continue
            assert other is not None, (name, identity(cell), cell["against"]["method"])
            if cell["method"] == "teacher" and len(cell["values"]) < len(other["values"]):
                continue  # each teacher counts as often as it has students: no difference of the two means
            if None not in (cell["mean"], other["mean"], cell["against"]["difference"]) and cell["metric"]:
                expected = cell["mean"] - other["mean"]  # over the seeds of both sides, which are the same here
                assert cell["against"]["difference"] == pytest.approx(expected, abs=1e-6), (name, identity(cell))


def test_a_cell_is_known_by_its_variant_whether_selected_or_not() -> None:
    cell = {"dataset": "d", "method": "kd", "split": "val", "metric": "f1", "variant": "c1", "point": "c1 (selected)"}
    assert identity(cell) == identity(cell | {"point": "c1"})


def test_a_judged_cell_is_known_by_its_test_alone() -> None:
    cell = {"dataset": "d", "method": "teacher", "metric": "saliency", "modality": "image", "claim": "C1", "test": "t"}
    assert identity(cell) == identity(cell | {"modality": "text"})
