"""Claims: verdicts follow the stated rules, nothing that did not run is dropped."""

import json
from pathlib import Path

import pytest

from msd.config.claims import Claims, read_claims
from msd.config.contracts.tables import ReportedDataset, ReportedMethod, ReportParams
from msd.tables.cell import Against, Cell, Value
from msd.tables.claims import claims_table
from msd.tables.table import Table

FILE = Path(__file__).parents[2] / "config/claims.yaml"
PARAMS = ReportParams(
    **{"study": "s", "title": "S", "saliency_measure": "kl", "draws": 100},
    **{"baseline": "kd", "from_scratch": "kd", "best_of": ["kd"]},
    datasets=[ReportedDataset(name="d", title="D", role="", task="binary", metric="accuracy")],
    methods=[ReportedMethod(name="kd", title="KD")],
)
ABOUT = {"statement": "it works", "source": "a paper"}


def cell(method="msd-instance", *, low=0.6, high=0.8, against=None, **place):
    value = Value((low + high) / 2, low, high, 3)
    about = {"dataset": "d", "method": method, "metric": "accuracy", "split": "test"}
    return Cell(**about, value=value, against=against, place=place)


def against(difference, p_holm, method="kd"):
    return Against(method, difference, difference - 0.01, difference + 0.01, p_holm, p_holm)


def verdicts(cells, **claim):
    """Verdict of each cell of one claim put to a table with these cells."""
    about = ABOUT | {"rule": "higher", "table": "main", "methods": ["msd-instance"], "against": ["kd"]} | claim
    claims = Claims.model_validate({"claims": {"C": about}, "published": {}})
    columns = list(cells[0].place) if cells else []
    table = Table(name="main", caption="", study="s", titles={}, cells=cells, rows=["method"], columns=columns)
    return [found.verdict.outcome for found in claims_table(claims, {about["table"]: table}, PARAMS).cells]


@pytest.mark.parametrize(
    ("rule", "difference", "p_holm", "verdict"),
    [
        ("higher", 0.1, 0.01, "supported"),
        ("higher", -0.1, 0.01, "not supported"),
        ("higher", 0.1, 0.05, "inconclusive"),
        ("lower", -0.1, 0.01, "supported"),
        ("lower", 0.1, 0.01, "not supported"),
    ],
)
def test_a_difference_needs_its_corrected_p(rule, difference, p_holm, verdict):
    assert verdicts([cell(against=against(difference, p_holm))], rule=rule) == [verdict]


def test_what_is_not_in_the_study_is_not_run():
    assert verdicts([]) == ["not run"]
    assert verdicts([cell(against=against(0.1, 0.01, method="finetune"))]) == ["not run"]
    assert verdicts([], rule="separate", against=[]) == ["not run"]


def test_an_undefined_difference_is_inconclusive():
    assert verdicts([cell(against=Against("kd", why="one class"))]) == ["inconclusive"]


@pytest.mark.parametrize(
    ("image", "text", "verdict"),
    [((1, 2), (3, 4), "supported"), ((1, 3), (2, 4), "inconclusive"), ((-0.1, 0.1), (3, 4), "not supported")],
)
def test_modalities_must_lie_apart_and_above_zero(image, text, verdict):
    sides = {"image": image, "text": text}
    cells = [cell("teacher", modality=name, low=low, high=high) for name, (low, high) in sides.items()]
    assert verdicts(cells, rule="separate", table="saliency", methods=["teacher"], against=[]) == [verdict]


@pytest.mark.parametrize(
    ("student", "teacher", "verdict"),
    [((1, 2), (3, 4), "supported"), ((1, 3), (2, 4), "inconclusive"), ((3, 4), (1, 2), "not supported")],
)
def test_smaller_counts_intervals(student, teacher, verdict):
    sides = {"student": student, "teacher": teacher}
    cells = [cell(name, measure="bytes", low=low, high=high) for name, (low, high) in sides.items()]
    sides = {"methods": ["student"], "against": ["teacher"], "measures": ["bytes"]}
    assert verdicts(cells, rule="smaller", table="cost", **sides) == [verdict]


def test_every_claim_of_the_file_has_its_verdicts(in_study):
    table = json.loads(Path("results/tiny/tables/claims.json").read_text())
    claims = read_claims(FILE)
    assert list(table["claims"]) == list(claims.claims)
    assert len(table["cells"]) == sum(len(claim.tests) for claim in claims.claims.values()) * 4
    found = {(item["claim"], item["test"], item["dataset"]): item["verdict"] for item in table["cells"]}
    assert found["C1", "teacher", "match"] == "supported"
    assert found["C3", "msd-learned/kd", "match"] == found["C5", "msd-learned/msd-uniform", "tags"] == "not run"
    assert found["C6", "student/teacher/bytes", "match"] == "supported"
    assert found["C6", "student/teacher/latency_ms", "match"] == "inconclusive"
    [compared] = [item for item in table["cells"] if item["test"] == "msd-uniform/kd" and item["dataset"] == "relation"]
    assert compared["against"]["difference"] > 0
    expected = "supported" if compared["against"]["p_holm"] < 0.05 else "inconclusive"
    assert found["C3", "msd-uniform/kd", "relation"] == expected
    assert "C3: MSD beats KD" in Path("results/tiny/tables/claims.md").read_text()
