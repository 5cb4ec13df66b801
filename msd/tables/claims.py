"""Claims, judged by stated rules on cells of tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msd.config.claims import Claim, Claims
from msd.tables.cell import Cell, Value, Verdict
from msd.tables.comparisons import make_table, titles
from msd.tables.table import Table
from msd.tables.text import score_text
from msd.tables.verdict import INCONCLUSIVE, NOT_RUN, NOT_SUPPORTED, SUPPORTED, of_difference

if TYPE_CHECKING:
    from msd.config.contracts.tables import ReportParams

RULES = {
    "higher": "higher: supported when the method's score is above the other's and the corrected p is below .05; not "
    "supported when it is below and p is; inconclusive otherwise.",
    "lower": "lower: as higher, with the sides exchanged.",
    "separate": "separate: supported when the intervals of the modalities lie apart and above zero; not supported when "
    "one of them holds zero; inconclusive otherwise.",
    "smaller": "smaller: supported when the first value, with its interval if it has one, is below the second; not "
    "supported when it is above; inconclusive otherwise.",
}
Judged = tuple[Verdict, Cell | None]
"""A verdict, and the cell that it rests on; none for a claim whose methods are not in the study."""
UNKNOWN: Judged = (Verdict(NOT_RUN), None)


def claims_table(claims: Claims, tables: Mapping[str, Table], params: ReportParams) -> Table:
    """Every test of every claim on every data set of the study, with its verdict."""
    named = titles(params)
    cells, tests = [], {}
    for key, claim in claims.claims.items():
        table = tables.get(claim.table)
        for method, other, measure in claim.tests:
            test = "/".join(filter(None, (method, other, measure)))
            tests[test] = _test_title(method, other, measure, table, named["method"])
            for dataset in named["dataset"]:
                verdict, cell = _judge(claim, table, (method, other, measure), dataset=dataset)
                cell = cell or Cell(dataset=dataset, method=method, metric="", split="test", value=Value())
                about: dict[str, Any] = {"place": {**cell.place, "claim": key, "test": test}, "verdict": verdict}
                about["details"] = {**cell.details, "rule": claim.rule, "table": claim.table}
                cells.append(replace(cell, **about))
    stated = {key: f"{key}: {claim.statement}" for key, claim in claims.claims.items()}
    judged = {}
    for key, claim in claims.claims.items():
        outcomes = Counter(cell.verdict.outcome for cell in cells if cell.verdict and cell.place["claim"] == key)
        judged[key] = claim.model_dump() | {"verdicts": dict(outcomes)}
    empty = make_table(
        "claims",
        [],
        params,
        rows=["claim", "test"],
        columns=["dataset"],
        caption="What the papers claim, and what this study says to it.",
        notes=[RULES[rule] for rule in dict.fromkeys(claim.rule for claim in claims.claims.values())]
        + ["Differences and p are those of the tables named; p is corrected there. Not run: its methods are not here."],
        with_metric=False,
        more={"claims": judged},
    )
    return replace(empty, cells=cells, titles={**empty.titles, "claim": stated, "test": tests})


def _test_title(
    method: str, other: str | None, measure: str | None, table: Table | None, named: Mapping[str, str]
) -> str:
    sides = " against ".join(named.get(name, name) for name in (method, other) if name)
    if measure is None:
        return sides
    known = {} if table is None else table.titles.get("measure", {})
    return f"{sides}: {known.get(measure, measure)}"


def _judge(claim: Claim, table: Table | None, test: tuple[str, str | None, str | None], *, dataset: str) -> Judged:
    """The verdict on one test, (method, other, measure), of a claim on one dataset."""
    method, other, measure = test

    def cells(name: str | None) -> list[Cell]:
        wanted = (dataset, name, "test", measure)
        known = [] if table is None else table.cells
        return [cell for cell in known if (cell.dataset, cell.method, cell.split, cell.place.get("measure")) == wanted]

    if claim.rule == "separate":
        return _separate(cells(method))
    if claim.rule == "smaller":
        return _smaller(cells(method), cells(other))
    sign = 1 if claim.rule == "higher" else -1
    for cell in cells(method):
        if cell.against is not None and cell.against.method == other:
            return of_difference(cell.against, sign=sign), cell
    return UNKNOWN


def _separate(cells: Sequence[Cell]) -> Judged:
    """Whether the intervals of the modalities lie apart and above zero."""
    if not cells:
        return UNKNOWN
    evidence = "; ".join(f"{cell.place['modality']} {score_text(cell)}" for cell in cells)
    lower, upper = sorted(cells, key=lambda cell: _bound(cell, "mean"))
    if _bound(lower, "low") <= 0:
        return Verdict(NOT_SUPPORTED, evidence), upper
    apart = _bound(lower, "high") < _bound(upper, "low")
    return Verdict(SUPPORTED if apart else INCONCLUSIVE, evidence), upper


def _smaller(own: Sequence[Cell], others: Sequence[Cell]) -> Judged:
    """Whether the first value lies below the second."""
    if not own or not others:
        return UNKNOWN
    ours, theirs = own[0], others[0]
    evidence = f"{score_text(ours)} against {score_text(theirs)}"
    if _bound(ours, "high") < _bound(theirs, "low"):
        return Verdict(SUPPORTED, evidence), ours
    return Verdict(NOT_SUPPORTED if _bound(ours, "low") > _bound(theirs, "high") else INCONCLUSIVE, evidence), ours


def _bound(cell: Cell, name: str) -> float:
    """An end of a cell's interval, or its mean where it has none."""
    bound = getattr(cell.value, name)
    return float(cell.value.mean if bound is None else bound)  # type: ignore[arg-type]
