"""The table of predictions: verdicts on made-up scores, one family a prediction, teachers in the intervals."""

import itertools

import numpy as np
import pytest
from made_up_transfer import ABOUT, DRAWS, GAINS, PARAMS, SEEDS, SHARES, about, gain_of, made_up
from stages import cell_of

from msd.measure.stats import holm
from msd.mfh.teachers.gain_rank import gain_rank_table
from msd.mfh.teachers.predictions import CLAIMS, TESTS, predictions_table
from msd.mfh.teachers.results import TransferResults, compared
from msd.mfh.teachers.table import gamma_table, titles, variants_table
from msd.mfh.teachers.variants import Variant
from msd.tables.table import Table

GENERAL = Variant("text", "image", "general", 0.5)
PRIMARY = {
    "P1": "general ≥ regular",
    "P2": "regular > general",
    "P3": "smaller r above r = 0",
    "P4": "γ by counts, within dataset × direction",
    "P5": "general − specific: across modalities above within one",
}


@pytest.fixture(scope="module")
def results() -> dict[str, TransferResults]:
    return {about.name: made_up(about) for about in ABOUT}


@pytest.fixture(scope="module")
def table(results: dict[str, TransferResults]) -> dict:
    return predicted(results)


def predicted(results: dict[str, TransferResults]) -> dict:
    """The table of predictions."""
    ranks = gain_rank_table(results, PARAMS, study="mfh")
    return predictions_table(results, ranks, SHARES, titles=titles(results, PARAMS)).to_json()


def verdict(table: dict, claim: str, dataset: str) -> str:
    """That of the primary test of a prediction."""
    return cell_of(table, claim=CLAIMS[claim], test=PRIMARY[claim], dataset=dataset)["verdict"]


def test_predictions_are_supported_where_scores_are_as_predicted(table: dict) -> None:
    for claim, dataset in itertools.product(("P1", "P2", "P3", "P5"), ("toys", "pets")):
        assert verdict(table, claim, dataset) == "supported"
    assert {verdict(table, claim, "all") for claim in ("P1", "P4")} == {"supported"}
    cell = cell_of(table, test="general ≥ regular", dataset="toys")
    expected = np.mean([gain_of(Variant("both", "image", "general", share)) for share in SHARES]) - GAINS["regular"]
    assert cell["mean"] == pytest.approx(expected, abs=0.01)
    assert cell["evidence"].startswith("+0.0")


def test_predictions_are_refuted_by_scores_the_other_way_and_open_without_a_difference() -> None:
    other = predicted({about.name: made_up(about, gain=lambda variant: -gain_of(variant)) for about in ABOUT})
    assert {verdict(other, claim, "toys") for claim in ("P1", "P3", "P5")} == {"not supported"}
    none = predicted({about.name: made_up(about, gain=lambda variant: 0.0) for about in ABOUT})
    assert {verdict(none, claim, "toys") for claim in ("P1", "P3", "P5")} == {"inconclusive"}


def test_each_prediction_is_a_family_of_one_primary_test_a_dataset(table: dict) -> None:
    """All datasets together are a test of its own, in no family; no other test has a corrected p or a verdict."""
    assert {test.claim: test.title for test in TESTS if test.primary} | {"P4": PRIMARY["P4"]} == PRIMARY
    decided = [cell for cell in table["cells"] if cell["verdict"] != "exploratory"]
    assert {(cell["claim"][:2], cell["test"]) for cell in decided} == set(PRIMARY.items())
    for claim in PRIMARY:
        own = {cell["dataset"]: cell["against"] for cell in decided if cell["claim"].startswith(claim)}
        together = own.pop("all")
        assert together["p_holm"] == together["p"]
        assert [one["p_holm"] for one in own.values()] == holm([one["p"] for one in own.values()])
    others = [cell for cell in table["cells"] if cell["verdict"] == "exploratory"]
    assert len(others) == 4 * 3 + 7  # four further contrasts on two datasets and all, and seven of P4
    assert {cell["against"]["p_holm"] for cell in others} == {None}
    assert "uncorrected p" in cell_of(table, test="random ≥ specific", dataset="toys")["evidence"]
    assert all(f"{claim}, {test}" in table["notes"][0] for claim, test in PRIMARY.items())


def test_intervals_cover_teachers_whose_students_gain_differently(results: dict[str, TransferResults]) -> None:
    """With two teachers half a width is 12.7 standard errors of their mean, but for what the other dataset says."""

    def width(of_datasets: dict[str, TransferResults]) -> float:
        gap = compared(of_datasets, lambda one: one.gains(GENERAL), to="no-kd")["toys"]
        return gap.high - gap.low

    apart = {one.name: made_up(one, of_teacher=0.02) for one in ABOUT}
    alone, both = width({"toys": apart["toys"]}), width(apart)
    assert alone == pytest.approx(2 * 12.7 * 0.01, rel=0.2)  # teachers' means lie .01 from theirs
    assert 0.01 < both < alone / 2
    assert width(results) < alone / 4
    one_teacher = made_up(about("toys", teachers=[0, 0, 0, 0]), of_teacher=0.02)
    assert width({"toys": one_teacher}) < 0.02


def test_tables_say_where_one_teacher_is_all_there_is(results: dict[str, TransferResults]) -> None:
    single = {"toys": made_up(about("toys", teachers=[0, 0, 0, 0])), "pets": results["pets"]}
    few = {"toys": single["toys"]}
    said = "one teacher: intervals do not cover the teacher's training."

    def tables(results: dict[str, TransferResults]) -> list[Table]:
        named = titles(results, PARAMS)
        ranks = gain_rank_table(results, PARAMS, study="mfh")
        rest = [make(results, PARAMS, study="mfh", titles=named) for make in (variants_table, gamma_table)]
        return [ranks, predictions_table(results, ranks, SHARES, titles=named), *rest]

    for of_all, of_some, of_none in zip(tables(few), tables(single), tables(results), strict=True):
        assert said in of_all.notes
        assert f"Toys: {said}" in of_some.notes
        assert not [note for note in of_none.notes if "one teacher" in note]


def test_what_a_teacher_has_stands_for_its_seeds(results: dict[str, TransferResults]) -> None:
    toys = results["toys"]
    assert toys.by_seed(np.array([1.0, 2.0])).tolist() == [1, 2, 1, 2]
    assert (len(toys.teachers[GENERAL]), len(toys.students[GENERAL])) == (2, len(SEEDS))
    assert toys.contrast([(1, [GENERAL])], of="teachers")[0].shape == (1 + DRAWS,)
