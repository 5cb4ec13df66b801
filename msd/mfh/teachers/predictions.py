"""Table `predictions`: what the hypothesis lets expect of vision-language teachers, each with its verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from scipy.stats import ttest_1samp

from msd.measure.intervals import mean_interval
from msd.mfh.silencing import Kind
from msd.mfh.teachers.results import Terms, TransferResults, crossing
from msd.mfh.teachers.variants import DIRECTIONS, MODALITIES, Direction, Variant
from msd.tables.cell import Against, Cell, Value
from msd.tables.table import Table, corrected
from msd.tables.verdict import of_difference

Shares = Sequence[float]
Titles = Mapping[str, Mapping[str, str]]
CLAIMS = {
    "P1": "P1: students of general teachers gain most, those of specific ones least",
    "P2": "P2: the teachers' own scores order the other way",
    "P3": "P3: as r grows, the gain by a general teacher rises, then falls",
    "P4": "P4: the gain follows γ, not the teacher's score",
    "P5": "P5: a teacher of the student's own modality is not subject to it",
}
ALL = "all"


@dataclass(frozen=True)
class Contrast:
    """A contrast that the prediction says is above zero, of students or teachers.

    terms: (directions that cross modalities, those that do not, shares) -> signed sets of variants.
    """

    claim: str
    title: str
    of: str
    terms: Callable[[list[Direction], list[Direction], Shares], Terms]


def _of(kind: Kind, ways: Sequence[Direction], shares: Shares) -> list[Variant]:
    used = [0.0] if kind == "regular" else shares
    return [Variant(way.teacher, way.student, kind, share) for way in ways for share in used]


def _order(claim: str, higher: Kind, sign: str, lower: Kind, of: str) -> Contrast:
    def terms(cross: list[Direction], own: list[Direction], shares: Shares) -> Terms:
        return [(1, _of(higher, cross, shares)), (-1, _of(lower, cross, shares))]

    return Contrast(claim, f"{higher} {sign} {lower}", of, terms)


def _rise(cross: list[Direction], own: list[Direction], shares: Shares) -> Terms:
    return [(1, _of("general", cross, shares[:-1])), (-1, _of("regular", cross, shares))]


def _fall(cross: list[Direction], own: list[Direction], shares: Shares) -> Terms:
    return [(1, _of("general", cross, shares[:-1])), (-1, _of("general", cross, shares[-1:]))]


def _only_across(cross: list[Direction], own: list[Direction], shares: Shares) -> Terms:
    across = [(1, _of("general", cross, shares)), (-1, _of("specific", cross, shares))]
    return [*across, (-1, _of("general", own, shares)), (1, _of("specific", own, shares))]


TESTS = (
    _order("P1", "general", "≥", "regular", "students"),
    _order("P1", "regular", "≥", "random", "students"),
    _order("P1", "random", "≥", "specific", "students"),
    _order("P2", "regular", ">", "general", "teachers"),
    _order("P2", "specific", ">", "general", "teachers"),
    Contrast("P3", "smaller r above r = 0", "students", _rise),
    Contrast("P3", "smaller r above the largest", "students", _fall),
    Contrast("P5", "general − specific: across modalities above within one", "students", _only_across),
)


def predictions_table(results: Mapping[str, TransferResults], ranks: Table, shares: Shares, *, titles: Titles) -> Table:
    """Each test on each dataset and over all of them, with its difference, interval, corrected p and verdict.

    ranks: the table of `msd.mfh.teachers.gain_rank`, whose comparisons are the tests of P4.
    """
    cells: list[Cell] = []
    for claim in CLAIMS:
        for test in [test for test in TESTS if test.claim == claim]:
            cells += [_on_dataset(test, name, of_dataset, shares) for name, of_dataset in results.items()]
            cells.append(_over_all(test, results.values(), shares))
        if claim == "P4":
            cells += [_from_ranks(cell, cell.against) for cell in ranks.cells if cell.against is not None]
    cells, family = corrected(cells)
    return Table(
        name="predictions",
        caption="Predictions: what the hypothesis lets expect of these teachers, and what came out.",
        notes=[
            "Supported: the difference is above zero with a Holm-corrected p below .05; not supported: below zero with "
            "such a p; inconclusive otherwise.",
            "Means over the directions that cross modalities and over r, in units of the dataset's metric. On a "
            "dataset they are paired over seeds and test pictures; over all, the interval is a t-interval over dataset "
            "× student's modality.",
            "P4 is the difference of two rank correlations of the next table, with its bootstrap interval; p is by the "
            "standard deviation of the draws.",
        ],
        study=ranks.study,
        family=family,
        rows=["claim", "test"],
        columns=["dataset"],
        titles=titles,
        cells=[replace(cell, verdict=of_difference(cell.against)) for cell in cells if cell.against is not None],
        more={"checks": []},
    )


def _cell(test: str, claim: str, dataset: str, against: Against, *, runs: Sequence[str], n: int) -> Cell:
    return Cell(
        dataset=dataset,
        method="contrast",
        metric="",
        split="test",
        value=Value(against.difference, against.low, against.high, n),
        place={"claim": CLAIMS[claim], "test": test},
        runs=runs,
        selected="default",
        against=against,
    )


def _on_dataset(test: Contrast, name: str, results: TransferResults, shares: Shares) -> Cell:
    own = [way for way in DIRECTIONS if not way.crosses]
    gap = results.contrast(test.terms(crossing(), own, shares), of=test.of)
    runs = [results.folder] if test.of == "teachers" else list(results.runs.values())
    against = Against("0", gap.difference, gap.low, gap.high, gap.p)
    return _cell(test.title, test.claim, name, against, runs=runs, n=len(results.resampling.groups))


def _over_all(test: Contrast, datasets: Iterable[TransferResults], shares: Shares) -> Cell:
    """The mean over dataset × student's modality: whether it holds on other tasks too."""
    effects, runs = [], []
    for results in datasets:
        for modality in MODALITIES:
            ways = [way for way in DIRECTIONS if way.student == modality]
            terms = test.terms([way for way in ways if way.crosses], [way for way in ways if not way.crosses], shares)
            effects.append(results.effect(terms, of=test.of))
            runs.append(results.folder if test.of == "teachers" else results.runs[modality])
    p = float(ttest_1samp(effects, 0).pvalue) if len(set(effects)) > 1 else None
    against = Against("0", *mean_interval(effects), p)
    return _cell(test.title, test.claim, ALL, against, runs=list(dict.fromkeys(runs)), n=len(effects))


def _from_ranks(cell: Cell, against: Against) -> Cell:
    """P4 of one predictor and set of marks, from the table of rank correlations."""
    title = f"{cell.details['predictor_title']}, {cell.details['scope_title'].lower()}"
    return _cell(title, "P4", ALL, against, runs=cell.runs, n=cell.value.n)
