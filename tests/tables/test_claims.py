"""Claims: one test a task, corrected within the claim; controls by their own rule; nothing that did not run is dropped."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats as scipy_stats

from msd.config.claims import Claim, Claims, read_claims
from msd.measure.joint import normal_deviate, stouffer
from msd.tables.cell import Against, Cell, Value
from msd.tables.claim_tests import ALL, ClaimTests
from msd.tables.claims import claims_table
from msd.tables.study_results import StudyResults
from msd.tables.table import Table
from msd.tables.tables import read_study

FILE = Path(__file__).parents[2] / "config/claims.yaml"
ABOUT = {"title": "It", "statement": "it works", "source": "a paper"}
SCORES = ABOUT | {"rule": "higher", "methods": ["msd-uniform"], "against": "kd", "controls": "no gain"}
TASKS = ("match", "tags", "relation", "answers")
FREEDOM = 10


@pytest.fixture
def study(in_study) -> StudyResults:
    """The shared study, read."""
    return read_study(in_study.tables_job())


def compared(dataset, difference, error):
    """A cell with this difference over 11 seeds; without an error both sides give the same answers."""
    if error is None:
        against = Against("kd", difference, n=11, details={"runs": []})
        return replace(compared(dataset, difference, 1.0), against=against)
    half = float(scipy_stats.t.ppf(0.975, FREEDOM)) * error
    p = float(2 * scipy_stats.t.sf(abs(difference) / error, FREEDOM))
    about = {"error": error, "freedom": FREEDOM, "n": 11, "details": {"runs": []}}
    against = Against("kd", difference, difference - half, difference + half, p, **about)
    about = {"metric": "accuracy", "split": "test", "place": {"claim": "C"}, "against": against}
    return Cell(dataset=dataset, method="msd-uniform", value=Value(0.5, 0.4, 0.6, 11), **about)


def judged(study, differences, parts=("primary",) * 4, **claim):
    """Task -> cell of a claim with these differences, (difference, error), of tasks that play these parts."""
    pairs = zip(study.params.datasets, parts, strict=True)
    datasets = [about.model_copy(update={"part": part}) for about, part in pairs]
    params = study.params.model_copy(update={"datasets": datasets})
    given = ClaimTests("C", Claim.model_validate(SCORES | claim), 0.01, StudyResults(params, study.datasets))
    vars(given)["compared"] = {name: compared(name, *one) for name, one in differences.items()}
    return given.cells()


def outcomes(cells):
    return {name: cell.verdict.outcome for name, cell in cells.items()}


def test_a_claim_is_a_family_of_its_primary_tasks(study):
    # two-sided p of t = 2.9, 2.5, −2.6, 0.1 with 10 degrees of freedom: .016, .031, .026, .92
    given = {name: (t / 100, 0.01) for name, t in zip(TASKS, (2.9, 2.5, -2.6, 0.1), strict=True)}
    cells = judged(study, given)
    assert set(outcomes(cells).values()) == {"inconclusive"}, "the smallest p times four is above .05"
    cells = judged(study, given, parts=("primary", "other", "primary", "control"))
    small, large = (cells[name].against.p for name in ("match", "relation"))
    assert [cells[name].against.p_holm for name in ("match", "relation")] == pytest.approx([2 * small, 2 * small])
    assert large < 2 * small < 0.05
    expected = {"match": "supported", "tags": "exploratory", "relation": "not supported", "answers": "inconclusive"}
    assert outcomes(cells) == expected | {ALL: "inconclusive"}
    assert cells["tags"].against.p_holm is None
    assert "uncorrected p = 0.031" in cells["tags"].verdict.evidence
    lower = judged(study, given, parts=("primary", "other", "primary", "other"), rule="lower", controls=None)
    assert (lower["match"].verdict.outcome, lower["relation"].verdict.outcome) == ("not supported", "supported")


@pytest.mark.parametrize(
    ("difference", "error", "outcome"),
    [
        (0.0, 0.002, "as predicted"),
        (-0.05, 0.02, "as predicted"),
        (0.0, 0.02, "inconclusive"),
        (0.03, 0.01, "not as predicted"),
        (0.005, 0.001, "as predicted"),  # a gain, and smaller than what is of interest
    ],
)
def test_a_control_refutes_a_gain_of_interest(study, difference, error, outcome):
    cells = judged(study, {"match": (difference, error)}, parts=("control", "primary", "primary", "primary"))
    assert outcomes(cells) == {"match": outcome}
    p = scipy_stats.t.sf((0.01 - difference) / error, FREEDOM)
    assert cells["match"].details["p_below_smallest"] == pytest.approx(p)


def test_a_control_of_a_claim_without_a_prediction_is_exploratory(study):
    cells = judged(study, {"match": (0.0, 0.002)}, parts=("control", "other", "other", "other"), controls=None)
    assert outcomes(cells) == {"match": "exploratory"}


def test_tasks_together_are_stouffer_s_sum():
    # Two one-sided p of .05: z = 2 · 1.6449 / √2 = 2.3262, one-sided p .0100
    assert stouffer([1.6449, 1.6449]) == pytest.approx((2.3262, 0.0200), abs=1e-4)
    of_t = [normal_deviate(t, error=1.0, freedom=6) for t in (3.1427, 0.9057, -0.5)]
    expected = scipy_stats.combine_pvalues(scipy_stats.t.sf((3.1427, 0.9057, -0.5), 6), method="stouffer")
    assert stouffer(of_t) == pytest.approx((expected.statistic, 2 * expected.pvalue))
    assert stouffer([0.0, 0.0]) == (0, 1)


def test_a_task_far_on_one_side_does_not_outweigh_all_others():
    z, _ = stouffer([normal_deviate(t, error=1.0, freedom=60) for t in (20, 20, -12)])
    assert z == pytest.approx(8.0, abs=0.5)  # Φ⁻¹ of one less a tail of 1e-17 would be infinite
    assert stouffer([normal_deviate(t, error=1e-300, freedom=60) for t in (1, -1)]) == (0, 1)
    assert [normal_deviate(value, error=0.0, freedom=3) for value in (0, 1, -1)] == pytest.approx(
        [0, 37.5, -37.5], abs=0.1
    )


def test_all_primary_tasks_together_see_what_none_sees_alone(study):
    cells = judged(study, dict.fromkeys(TASKS, (0.018, 0.01)))
    assert outcomes(cells) == dict.fromkeys(TASKS, "inconclusive") | {ALL: "supported"}
    assert cells[ALL].verdict.evidence.endswith("4 of 4 tasks in its favour")
    assert cells[ALL].method == "msd-uniform"


def test_a_task_of_identical_answers_weakens_all_together(study):
    shown = [judged(study, dict.fromkeys(TASKS[:3], (0.018, 0.01)) | last)[ALL] for last in (
        {}, {"relation": (0.0, None)}, {"answers": (0.0, None)})]  # fmt: skip
    three, two_and_one, three_and_one = (cell.against.p for cell in shown)
    assert three < three_and_one < two_and_one
    assert shown[2].verdict.evidence.endswith("3 of 4 tasks in its favour")
    nothing = judged(study, dict.fromkeys(TASKS, (0.0, None)))
    assert ALL not in nothing, "nothing was tested"


def test_the_form_that_validation_prefers_is_tested(study):
    forms = ["msd-instance", "msd-uniform"]
    claim = Claim.model_validate(SCORES | {"methods": [*forms, "msd-learned"]})
    cells = ClaimTests("C", claim, 0.01, study).cells()
    for name, results in study.datasets.items():
        means = {method: sum(results.methods[method].values("val", results.metric).values()) for method in forms}
        assert cells[name].method == max(means, key=means.get)
        assert cells[name].verdict.evidence.startswith("MSD, ")


def test_several_measures_are_tested_as_their_mean(study):
    def one(*measures):
        claim = SCORES | {"rule": "lower", "measures": [f"kl/{view}" for view in measures]}
        return ClaimTests("C", Claim.model_validate(claim), 0.01, study).cells()["match"]

    image, text, mean = one("image"), one("text"), one("image", "text")
    assert mean.against.difference == pytest.approx((image.against.difference + text.against.difference) / 2)
    assert mean.value.mean == pytest.approx((image.value.mean + text.value.mean) / 2)
    assert mean.metric == "kl/image and kl/text"


def of_tables(study, found, **claim):
    """Verdict on the task `match` of one claim put to cells of the table of saliency or of costs."""
    about = {"dataset": "match", "metric": "m", "split": "test"}
    cells = [
        Cell(**about, method=method, value=Value((low + high) / 2, low, high, 3), place=place)
        for method, low, high, place in found
    ]
    claims = Claims.model_validate({"smallest": 0.01, "claims": {"C": ABOUT | claim}})
    about = {"caption": "", "study": "s", "titles": {}, "rows": ["method"], "cells": cells}
    known = {name: Table(name=name, columns=list(cells[0].place), **about) for name in ("saliency", "cost")}
    [cell] = [cell for cell in claims_table(claims, known, study).cells if cell.dataset == "match"]
    return cell.verdict.outcome


@pytest.mark.parametrize(
    ("image", "text", "verdict"),
    [
        ((1, 2), (3, 4), "supported"),
        ((1, 3), (2, 4), "inconclusive"),
        ((-0.1, 0.1), (3, 4), "not supported"),
        ((1, 2), (-1, 7), "not supported"),
    ],
)
def test_modalities_must_lie_apart_and_above_zero(study, image, text, verdict):
    found = [("teacher", *image, {"modality": "image"}), ("teacher", *text, {"modality": "text"})]
    assert of_tables(study, found, rule="separate", methods=["teacher"]) == verdict


@pytest.mark.parametrize(
    ("bytes_of_student", "flops", "verdict"),
    [((1, 2), 1, "supported"), ((1, 5), 1, "inconclusive"), ((6, 7), 1, "inconclusive"), ((6, 7), 4, "not supported")],
)
def test_all_measures_must_be_smaller(study, bytes_of_student, flops, verdict):
    found = [("teacher", 4, 5, {"measure": "bytes"}), ("student", *bytes_of_student, {"measure": "bytes"})]
    found += [("teacher", 4, 4, {"measure": "flops"}), ("student", flops, flops, {"measure": "flops"})]
    sides = {"methods": ["student"], "against": "teacher", "measures": ["bytes", "flops"]}
    assert of_tables(study, found, rule="smaller", **sides) == verdict


def test_every_claim_of_the_file_has_one_verdict_a_task(in_study):
    table = json.loads(Path("results/tiny/tables/claims.json").read_text())
    claims = read_claims(FILE)
    assert list(table["claims"]) == list(claims.claims)
    found = {(item["claim"], item["dataset"]): item for item in table["cells"]}
    assert {key for key in found if key[1] != ALL} == {(claim, task) for claim in claims.claims for task in TASKS}
    verdicts = {key: item["verdict"] for key, item in found.items()}
    assert verdicts["C1", "match"] == verdicts["C6", "match"] == "supported"
    assert verdicts["C4", "match"] == verdicts["C5", "tags"] == "not run"
    tested = found["C3", "relation"]["against"]
    assert tested["difference"] > 0
    assert verdicts["C3", "relation"] == ("supported" if tested["p_holm"] < 0.05 else "inconclusive")
    together = found["C2", ALL]["against"]
    assert verdicts["C2", ALL] == ("supported" if together["p"] < 0.05 else "inconclusive")
    assert verdicts["F1", ALL] == "supported"
    assert "C3: MSD beats KD" in Path("results/tiny/tables/claims.md").read_text()
