"""Table `predictions`: what the hypothesis lets expect of vision-language teachers, each with its verdict.

A prediction is a family of its own with one primary test a dataset, corrected by Holm over the datasets; over all
datasets together it is one more test, alone. The other tests of a prediction are exploratory: their p is uncorrected.
Which is primary is what the hypothesis and the paper's own experiment say, whatever the scores are:

P1: general above regular. Of the paper's experiments it is the comparison: its table 2, and RAVDESS.
P2: regular above general, the same two teachers of its table 2, by their own accuracy.
P3: smaller r above r = 0, the rise. It says that silencing helps; that a teacher without channels has nothing to teach,
    and so the fall, any hypothesis lets expect.
P4: γ by counts within dataset × direction. The paper defines γ as a share of decisive channels, not of information, and
    varies it with data and direction held fixed. Across datasets, metric and difficulty would differ too.
P5: the one test that it has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.stats import ttest_1samp

from msd.measure.intervals import mean_interval
from msd.mfh.cells import scored_cell
from msd.mfh.generality import Kind
from msd.mfh.teachers.results import Terms, TransferResults, compared, note_on_teachers, whole
from msd.mfh.teachers.variants import DIRECTIONS, Variant
from msd.tables.cell import Against, Cell, Value, Verdict
from msd.tables.table import Table, corrected
from msd.tables.verdict import EXPLORATORY, of_difference

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
PRIMARY_RANK = {"predictor": "counts", "scope": "within"}
"""Which cell of the table `gain_rank` decides P4."""


class Part(NamedTuple):
    """One signed mean of a contrast, over the teachers of a kind, of some shares r and in some directions."""

    sign: int
    kind: Kind
    shares: slice = slice(None)
    crosses: bool = True


@dataclass(frozen=True)
class Contrast:
    """A contrast that the prediction says is above zero, of students or teachers; primary: whether it decides it."""

    claim: str
    title: str
    of: str
    parts: Sequence[Part]
    primary: bool = False

    def terms(self, shares: Shares) -> Terms:
        """Its signed sets of variants."""
        return [
            (
                part.sign,
                [
                    Variant(way.teacher, way.student, part.kind, share)
                    for way in DIRECTIONS
                    if way.crosses == part.crosses
                    for share in ([0.0] if part.kind == "regular" else shares[part.shares])
                ],
            )
            for part in self.parts
        ]


def _order(claim: str, higher: Kind, sign: str, lower: Kind, of: str, *, primary: bool = False) -> Contrast:
    return Contrast(claim, f"{higher} {sign} {lower}", of, [Part(1, higher), Part(-1, lower)], primary)


SMALLER, LARGEST = Part(1, "general", slice(-1)), Part(-1, "general", slice(-1, None))
ACROSS = (Part(1, "general"), Part(-1, "specific"))
WITHIN = (Part(-1, "general", crosses=False), Part(1, "specific", crosses=False))
TESTS = (
    _order("P1", "general", "≥", "regular", "students", primary=True),
    _order("P1", "regular", "≥", "random", "students"),
    _order("P1", "random", "≥", "specific", "students"),
    _order("P2", "regular", ">", "general", "teachers", primary=True),
    _order("P2", "specific", ">", "general", "teachers"),
    Contrast("P3", "smaller r above r = 0", "students", [SMALLER, Part(-1, "regular")], primary=True),
    Contrast("P3", "smaller r above the largest", "students", [SMALLER, LARGEST]),
    Contrast(
        "P5", "general − specific: across modalities above within one", "students", [*ACROSS, *WITHIN], primary=True
    ),
)


def predictions_table(results: Mapping[str, TransferResults], ranks: Table, shares: Shares, *, titles: Titles) -> Table:
    """Each test on each dataset and over all, with its verdict; `ranks`, the table `gain_rank`, has those of P4."""
    cells: list[Cell] = []
    for claim in CLAIMS:
        for test in [test for test in TESTS if test.claim == claim]:
            cells += _judged(_on_datasets(test, results, shares), primary=test.primary)
            cells += _judged([_over_all(test, results, shares)], primary=test.primary)
        if claim == "P4":
            for rank in ranks.cells:
                if rank.against is not None:
                    cells += _judged([_from_rank(rank, rank.against)], primary=rank.place == PRIMARY_RANK)
    return Table(
        name="predictions",
        caption="Predictions: what the hypothesis lets expect of these teachers, and what came out.",
        notes=[*_notes(cells), *note_on_teachers(results)],
        study=ranks.study,
        family=len(results),
        rows=["claim", "test"],
        columns=["dataset"],
        titles=titles,
        cells=cells,
        more={"checks": []},
    )


def _judged(cells: Sequence[Cell], *, primary: bool) -> list[Cell]:
    """The cells of a test with their verdicts, as one family if it is the primary one."""
    if primary:
        return [replace(cell, verdict=of_difference(_against(cell))) for cell in corrected(cells)[0]]
    return [replace(cell, verdict=Verdict(EXPLORATORY, of_difference(_against(cell)).evidence)) for cell in cells]


def _notes(cells: Sequence[Cell]) -> list[str]:
    """How the tests are made, and which are primary."""
    primary = {
        str(cell.place["claim"]).partition(":")[0]: cell.place["test"]
        for cell in cells
        if cell.verdict is not None and cell.verdict.outcome != EXPLORATORY
    }
    return [
        "Each prediction is decided by one test, named before the study runs: "
        f"{'; '.join(f'{claim}, {test}' for claim, test in primary.items())}. Supported: the difference is above zero "
        "with p below .05, by Holm over the datasets; not supported: below zero with such a p; inconclusive otherwise. "
        "All datasets together are one more test, alone. Others are exploratory: their p is uncorrected.",
        "Means over the directions that cross modalities and over r, in units of the dataset's metric. On a dataset "
        "the interval is over seeds nested in teachers, to which they are dealt in turn, and test pictures; over all, "
        "it is a t-interval over datasets.",
        "P4 is the difference of two rank correlations of the next table, with its bootstrap interval; p is by the "
        "standard deviation of the draws.",
    ]


def _against(cell: Cell) -> Against:
    assert cell.against is not None, "every cell of a prediction is compared with zero"
    return cell.against


def _cell(test: str, claim: str, dataset: str, against: Against, *, runs: Sequence[str], n: int) -> Cell:
    value = Value(against.difference, against.low, against.high, n)
    return scored_cell(dataset, "contrast", "", value, {"claim": CLAIMS[claim], "test": test}, runs, against=against)


def _on_datasets(test: Contrast, results: Mapping[str, TransferResults], shares: Shares) -> list[Cell]:
    """The contrast on each dataset."""
    contrast = partial(TransferResults.contrast, terms=test.terms(shares), of=test.of)
    return [
        _cell(
            test.title,
            test.claim,
            name,
            against,
            runs=_runs(results[name], test),
            n=len(results[name].resampling.groups),
        )
        for name, against in compared(results, contrast, to="0").items()
    ]


def _runs(results: TransferResults, test: Contrast) -> list[str]:
    """The folders of the runs that a contrast is of."""
    return list(results.folders if test.of == "teachers" else results.runs.values())


def _over_all(test: Contrast, results: Mapping[str, TransferResults], shares: Shares) -> Cell:
    """The mean over datasets, each with teachers of its own: whether it holds on other tasks too."""
    contrasts = [one.contrast(test.terms(shares), of=test.of) for one in results.values()]
    effects = [float(np.mean(whole(runs))) for runs in contrasts]
    p = float(ttest_1samp(effects, 0).pvalue) if len(set(effects)) > 1 else None
    runs = [run for one in results.values() for run in _runs(one, test)]
    return _cell(test.title, test.claim, ALL, Against("0", *mean_interval(effects), p), runs=runs, n=len(effects))


def _from_rank(cell: Cell, against: Against) -> Cell:
    """P4 of one predictor and set of marks, from the table of rank correlations."""
    title = f"{cell.details['predictor_title']}, {cell.details['scope_title'].lower()}"
    return _cell(title, "P4", ALL, against, runs=cell.runs, n=cell.value.n)
