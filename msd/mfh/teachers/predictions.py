"""Table `predictions`: what the hypothesis lets expect of vision-language teachers, each with its verdict."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from scipy.stats import ttest_1samp

from msd.measure.intervals import mean_interval
from msd.mfh.cells import scored_cell
from msd.mfh.generality import Kind
from msd.mfh.teachers.results import Terms, TransferResults
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


class Part(NamedTuple):
    """One signed mean of a contrast, over the teachers of a kind, of some shares r and in some directions."""

    sign: int
    kind: Kind
    shares: slice = slice(None)
    crosses: bool = True


@dataclass(frozen=True)
class Contrast:
    """A contrast that the prediction says is above zero, of students or teachers."""

    claim: str
    title: str
    of: str
    parts: Sequence[Part]

    def terms(self, ways: Sequence[Direction], shares: Shares) -> Terms:
        """Its signed sets of variants in some of the directions."""
        return [
            (
                part.sign,
                [
                    Variant(way.teacher, way.student, part.kind, share)
                    for way in ways
                    if way.crosses == part.crosses
                    for share in ([0.0] if part.kind == "regular" else shares[part.shares])
                ],
            )
            for part in self.parts
        ]


def _order(claim: str, higher: Kind, sign: str, lower: Kind, of: str) -> Contrast:
    return Contrast(claim, f"{higher} {sign} {lower}", of, [Part(1, higher), Part(-1, lower)])


SMALLER = Part(1, "general", slice(-1))
TESTS = (
    _order("P1", "general", "≥", "regular", "students"),
    _order("P1", "regular", "≥", "random", "students"),
    _order("P1", "random", "≥", "specific", "students"),
    _order("P2", "regular", ">", "general", "teachers"),
    _order("P2", "specific", ">", "general", "teachers"),
    Contrast("P3", "smaller r above r = 0", "students", [SMALLER, Part(-1, "regular")]),
    Contrast("P3", "smaller r above the largest", "students", [SMALLER, Part(-1, "general", slice(-1, None))]),
    Contrast(
        "P5",
        "general − specific: across modalities above within one",
        "students",
        [
            *(Part(1, "general"), Part(-1, "specific")),
            *(Part(-1, "general", crosses=False), Part(1, "specific", crosses=False)),
        ],
    ),
)


def predictions_table(results: Mapping[str, TransferResults], ranks: Table, shares: Shares, *, titles: Titles) -> Table:
    """Each test on each dataset and over all, with its verdict; `ranks`, the table `gain_rank`, has those of P4."""
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
    value = Value(against.difference, against.low, against.high, n)
    return scored_cell(dataset, "contrast", "", value, {"claim": CLAIMS[claim], "test": test}, runs, against=against)


def _on_dataset(test: Contrast, name: str, results: TransferResults, shares: Shares) -> Cell:
    gap = results.contrast(test.terms(DIRECTIONS, shares), of=test.of)
    runs = [results.folder] if test.of == "teachers" else list(results.runs.values())
    against = Against("0", gap.difference, gap.low, gap.high, gap.p)
    return _cell(test.title, test.claim, name, against, runs=runs, n=len(results.resampling.groups))


def _over_all(test: Contrast, datasets: Iterable[TransferResults], shares: Shares) -> Cell:
    """The mean over dataset × student's modality: whether it holds on other tasks too."""
    effects, runs = [], []
    for results in datasets:
        for modality in MODALITIES:
            ways = [way for way in DIRECTIONS if way.student == modality]
            effects.append(results.effect(test.terms(ways, shares), of=test.of))
            runs.append(results.folder if test.of == "teachers" else results.runs[modality])
    p = float(ttest_1samp(effects, 0).pvalue) if len(set(effects)) > 1 else None
    against = Against("0", *mean_interval(effects), p)
    return _cell(test.title, test.claim, ALL, against, runs=list(dict.fromkeys(runs)), n=len(effects))


def _from_ranks(cell: Cell, against: Against) -> Cell:
    """P4 of one predictor and set of marks, from the table of rank correlations."""
    title = f"{cell.details['predictor_title']}, {cell.details['scope_title'].lower()}"
    return _cell(title, "P4", ALL, against, runs=cell.runs, n=cell.value.n)
