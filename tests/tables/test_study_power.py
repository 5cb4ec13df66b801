"""The power of a study's own tests, from the variances in its table of claims."""

import json
from pathlib import Path

import pytest

from msd.errors import UserError
from msd.measure.power import Design
from msd.tables.power import power, powers
from msd.tables.table import read_table

TABLE = "results/tiny/tables/claims.json"


def test_a_test_is_held_against_the_strictest_step_of_its_claim(in_study):
    found = {(one.cell.place["claim"], one.cell.dataset): one for one in powers(read_table(TABLE))}
    assert {claim for claim, _ in found} == {"C2", "C3", "F1"}, "the others have no test that ran"
    one = found["C3", "relation"]
    [cell] = [
        c for c in json.loads(Path(TABLE).read_text())["cells"] if (c["claim"], c["dataset"]) == ("C3", "relation")
    ]
    assert one.design == Design(cell["against"]["spread"], 0.05 / 4)
    assert one.design.power(one.smallest, 3) == pytest.approx(0.8)


def test_the_command_prints_each_test_and_the_seeds_that_a_difference_needs(in_study):
    lines = power("tiny", 0.01).splitlines()
    assert lines[0].startswith("Power: with 3 seeds a task, a true difference in score is found four times in five")
    assert lines[1].endswith("seeds for 0.01")
    assert len(lines) == 2 + 3 * 4
    with pytest.raises(UserError, match=r"no results of a study 'tinny' .*; did you mean 'tiny'"):
        power("tinny")
