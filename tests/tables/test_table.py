"""Tables as types: their form on disk, one identity a cell, Holm's correction."""

import json
from pathlib import Path
from typing import Any

import pytest
from faults import one_sentence

from msd.measure.stats import Difference
from msd.tables.cell import ONE_SEED, Against, Cell, Value
from msd.tables.table import Table, corrected, read_table
from msd.tables.text import number, score_text
from msd.tables.verdict import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED, of_difference, of_interval

PUBLISHED = Path(__file__).parents[2] / "results/published"
OTHERS = ("record", "metrics", "predictions", "published")  # the last of older versions alone
FILES = [path for path in sorted(PUBLISHED.glob("*/*.json")) if path.stem not in OTHERS]


def cell(method: str = "kd", **more: Any) -> Cell:
    given: dict[str, Any] = {"dataset": "d", "metric": "accuracy", "split": "test"}
    value = Value.over_seeds({"0": 0.4, "1": 0.6}, metric="accuracy")
    return Cell(**given | {"method": method, "value": value} | more)


def table(*cells: Cell) -> Table:
    about: dict[str, Any] = {"name": "main", "caption": "", "study": "s", "titles": {}}
    return Table(**about, cells=cells, rows=["method"], columns=["dataset"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_published_table_is_read_and_written_as_it_was(path: Path) -> None:
    assert read_table(str(path)).to_json() == json.loads(path.read_text(encoding="utf-8"))


def test_another_file_is_no_table(tmp_path: Path) -> None:
    content = FILES[0].read_bytes()
    for other in (b"{}", b"[]", content[:300], content.replace(b'"mean"', b'"mena"', 1)):
        (tmp_path / "main.json").write_bytes(other)
        with one_sentence(r"main.json is no table of this version of msd \(.*\); `snakemake --force .*` makes it anew"):
            read_table(str(tmp_path / "main.json"))


def test_two_cells_of_one_identity_or_in_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="table main: two cells are d/kd/test/accuracy"):
        table(cell(), cell())
    with pytest.raises(ValueError, match="two cells stand at"):
        table(cell(place={"view": "image"}), cell(place={"view": "text"}))
    with pytest.raises(ValueError, match="two cells are C1/kd/d"):
        table(*(cell(method, place={"claim": "C1", "test": "kd"}) for method in ("kd", "msd")))


def test_an_undefined_seed_makes_the_mean_undefined_and_a_single_one_has_no_interval() -> None:
    found = Value.over_seeds({"0": 0.5, "1": float("nan")}, metric="auroc")
    assert (found.mean, found.n, found.by_seed) == (None, 2, {"0": 0.5, "1": None})
    assert found.why == "auroc is undefined for seed 1"
    assert Value.over_seeds({"3": 0.5}, metric="auroc") == Value(0.5, None, None, 1, {"3": 0.5}, ONE_SEED)
    assert Value.over_seeds({}, metric="auroc") == Value()


def test_a_value_names_the_teachers_of_its_own_seeds_where_any_share_one() -> None:
    value = Value.over_seeds({"0": 0.4, "1": 0.6}, metric="accuracy", teachers={"0": "7", "1": "8", "2": "7"})
    content = cell(value=value).to_json()
    assert content["teachers"] == {"0": "7", "1": "8"}
    assert Cell.from_json(content).value == value
    assert "teachers" not in cell().to_json()


def test_holm_corrects_the_comparisons_of_a_table_as_one_family() -> None:
    against = [None, *(Against("kd", 0.1, p=p) for p in (0.01, 0.04, None))]
    filled, family = corrected([cell(against=one) for one in against])
    assert [one.against.p_holm for one in filled if one.against] == [0.02, 0.04, None]
    assert family == 2


def test_a_difference_keeps_its_further_tests_only_with_its_number_of_pairs() -> None:
    found = Difference(0.1, 0.0, 0.2, 0.04, error=0.05, freedom=9, spread={"seeds": 0.01}, effect=1.0, improvement=0.9)
    short, long = Against.of("kd", found).to_json(), Against.of("kd", found, n=5, why="so").to_json()
    assert list(short) == ["method", "difference", "low", "high", "p", "p_holm"]
    further = ["error", "freedom", "spread", "effect", "improvement"]
    assert list(long) == ["method", "n", *list(short)[1:], *further, "why"]


@pytest.mark.parametrize(
    ("difference", "p_holm", "outcome"),
    [(0.1, 0.04, SUPPORTED), (-0.1, 0.04, NOT_SUPPORTED), (0.1, 0.05, INCONCLUSIVE), (0.1, None, INCONCLUSIVE)],
)
def test_a_verdict_needs_a_significant_difference(difference: float, p_holm: float | None, outcome: str) -> None:
    against = Against("kd", difference, p_holm=p_holm)
    assert of_difference(against).outcome == outcome
    swapped = {SUPPORTED: NOT_SUPPORTED, NOT_SUPPORTED: SUPPORTED}
    assert of_difference(against, sign=-1).outcome == swapped.get(outcome, outcome)


def test_the_reason_for_a_missing_p_is_the_evidence() -> None:
    assert of_difference(Against("kd", why="no seed in common")).evidence == "no seed in common"
    assert of_difference(Against("kd", 0.1, 0.05, 0.15, p_holm=0.0004)).evidence == "+0.100 [0.050, 0.150], p < 0.001"


def test_a_paper_s_value_lies_within_our_interval_or_outside() -> None:
    verdicts = [of_interval(0.5, *bounds) for bounds in ((0.4, 0.5), (0.6, 0.7), (None, 0.7))]
    assert verdicts == ["within", "outside", None]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.12345, "0.123"), (-0.5, "−0.500"), (-0.0001, "0.000"), (12.345, "12.35")),
        *((123.45, "123.5"), (9.9996, "10.000"), (12345.6, "12,346")),
    ],
)
def test_numbers_have_as_many_decimals_as_they_need(value: float, text: str) -> None:
    assert number(value) == text


def test_a_signed_number_has_no_sign_at_zero() -> None:
    assert (number(0.01, signed=True), number(0.0, signed=True)) == ("+0.010", "0.000")


def test_a_score_says_n_unless_it_is_counted() -> None:
    assert score_text(cell(value=Value(None, n=3))) == "– (n=3)"
    assert score_text(cell(value=Value(1234567.0), details={"counted": True})) == "1,234,567"
    assert score_text(cell(value=Value(0.5, 0.4, 0.6, 2))) == "0.500 ± 0.100 (n=2)"
