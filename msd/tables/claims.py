"""Claims, each judged on each task by the one test that config/claims.yaml names for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from msd.config.claims import Claim, Claims
from msd.tables.cell import Cell, Value, Verdict
from msd.tables.claim_tests import ALL, ClaimTests
from msd.tables.comparisons import make_table, titles
from msd.tables.descriptions import COUNTED
from msd.tables.power import power_sentence
from msd.tables.study_results import StudyResults
from msd.tables.table import Table
from msd.tables.text import number, score_text
from msd.tables.verdict import INCONCLUSIVE, NOT_RUN, NOT_SUPPORTED, SUPPORTED

RULES = {
    "higher": "Higher, lower: supported where the difference has that sign and p, corrected by Holm over the primary "
    "tasks of the claim, is below .05; not supported where it has the other one and p is; inconclusive otherwise.",
    "separate": "Separate: supported where the intervals of the modalities lie apart and above zero; not supported "
    "where one of them holds zero; inconclusive otherwise.",
    "smaller": "Smaller: supported where all measures are smaller, not supported where none is, else inconclusive.",
}
TOGETHER = (
    "Over the primary tasks: Stouffer's sum of their one-sided tests, each with the same weight; scores in different "
    "metrics have no mean."
)
MEASURES = {"kl": "KL to the teacher", "agreement": "agreement with the teacher"}


def claims_table(claims: Claims, tables: Mapping[str, Table], study: StudyResults) -> Table:
    """The one test of every claim on every task of the study, with its verdict."""
    parts = {about.name: about.part for about in study.params.datasets}
    cells: list[Cell] = []
    for key, claim in claims.claims.items():
        judged = _judged(key, claim, claims.smallest, tables, study)
        for dataset in [*parts, ALL]:
            cell = judged.get(dataset)
            if cell is None and dataset != ALL:
                cell = _not_run(dataset, key, claim)
            if cell is not None:
                part = {"rule": claim.rule, "part": parts.get(dataset, ALL)}
                cells.append(replace(cell, details={**cell.details, **part}))
    named = titles(study.params)
    table = make_table(
        "claims",
        cells,
        study.params,
        rows=["claim"],
        columns=["dataset"],
        caption="What the paper claims, and what this study says to it: one test a task.",
        notes=[*_notes(claims, named["method"], "control" in parts.values()), _metrics(named), TOGETHER],
        with_metric=False,
        more={"claims": {key: _summary(key, claim, cells) for key, claim in claims.claims.items()}},
    )
    shown = {key: f"{key}: {claim.statement}" for key, claim in claims.claims.items()}
    tasks = {name: _dataset_title(title, parts[name]) for name, title in named["dataset"].items()}
    tasks[ALL] = "All primary tasks together"
    notes = [*table.notes, power_sentence(table)]
    return replace(table, notes=notes, titles={**table.titles, "claim": shown, "dataset": tasks})


def _dataset_title(title: str, part: str) -> str:
    return title if part == "primary" else f"{title} ({'control' if part == 'control' else 'not primary'})"


def _judged(
    key: str, claim: Claim, smallest: float, tables: Mapping[str, Table], study: StudyResults
) -> dict[str, Cell]:
    """Task -> judged cell, of the tasks that have what the claim speaks of."""
    if claim.rule in ("higher", "lower"):
        return ClaimTests(key, claim, smallest, study).cells()
    table = tables["saliency" if claim.rule == "separate" else "cost"]
    judge = _separate if claim.rule == "separate" else _smaller
    by_task = {}
    for name in study.datasets:
        cells = [cell for cell in table.cells if (cell.dataset, cell.split) == (name, "test")]
        judged = judge(claim, cells)
        if judged is not None:
            verdict, cell = judged
            by_task[name] = replace(cell, place={**cell.place, "claim": key}, verdict=verdict)
    return by_task


def _not_run(dataset: str, key: str, claim: Claim) -> Cell:
    about: dict[str, Any] = {"dataset": dataset, "method": claim.methods[0], "metric": "", "split": "test"}
    verdict = Verdict(NOT_RUN, "the study does not have its methods")
    return Cell(**about, value=Value(), place={"claim": key}, verdict=verdict)


def _summary(key: str, claim: Claim, cells: Sequence[Cell]) -> dict[str, object]:
    """The claim with how often each verdict was reached on the primary tasks."""
    own = [cell for cell in cells if (cell.place["claim"], cell.details["part"]) == (key, "primary")]
    outcomes = Counter(cell.verdict.outcome for cell in own if cell.verdict)
    return claim.model_dump() | {"verdicts": dict(outcomes)}


def _notes(claims: Claims, named: Mapping[str, str], has_controls: bool) -> Iterator[str]:
    """What is tested for each claim, and by which rule."""
    for key, claim in claims.claims.items():
        forms = " / ".join(named.get(method, method) for method in claim.methods)
        chosen = f"the one of {forms} that validation prefers" if len(claim.methods) > 1 else forms
        other = "" if claim.against is None else f", against {named.get(claim.against, claim.against)}"
        yield f"{key}: {chosen}{other}, {_measured(claim)}."
    yield from (RULES[rule] for rule in RULES if any(claim.rule == rule for claim in claims.claims.values()))
    if has_controls:
        predicted = ", ".join(key for key, claim in claims.claims.items() if claim.controls)
        yield (
            f"Controls: of {predicted} the study predicts that nothing is gained: as predicted where a gain of "
            f"{number(claims.smallest)}, the smallest of interest, is refuted (one-sided p below .05, by Holm over "
            "the controls), not as predicted where the interval lies above zero. Others are exploratory there."
        )


def _metrics(named: Mapping[str, Mapping[str, str]]) -> str:
    """Which score a claim speaks of on each task."""
    scores = [f"{named['dataset'][name]}, {metric}" for name, metric in named["metric"].items()]
    return f"Test score: {'; '.join(scores)}."


def _measured(claim: Claim) -> str:
    if claim.rule == "separate":
        return "saliency of image and of text (n counts samples)"
    if claim.rule == "smaller":
        return ", ".join(COUNTED[measure].lower() if measure != "flops" else "FLOPs" for measure in claim.measures)
    if not claim.measures:
        return measured_title(claim.measures)
    views = " and of ".join(f"{measure.partition('/')[2]} alone" for measure in claim.measures)
    return f"{measured_title(claim.measures)}, mean of {views}"


def measured_title(measures: Sequence[str]) -> str:
    """What a claim about a difference compares: measures as kind/view, none for the test score."""
    return MEASURES[measures[0].partition("/")[0]] if measures else "test score"


def _separate(claim: Claim, cells: Sequence[Cell]) -> tuple[Verdict, Cell] | None:
    """Whether the intervals of the modalities lie apart and above zero."""
    if not cells:
        return None
    evidence = "; ".join(f"{cell.place['modality']} {score_text(cell)}" for cell in cells)
    lower, upper = sorted(cells, key=lambda cell: _bound(cell, "mean"))
    if min(_bound(cell, "low") for cell in cells) <= 0:
        return Verdict(NOT_SUPPORTED, evidence), upper
    apart = _bound(lower, "high") < _bound(upper, "low")
    return Verdict(SUPPORTED if apart else INCONCLUSIVE, evidence), upper


def _smaller(claim: Claim, cells: Sequence[Cell]) -> tuple[Verdict, Cell] | None:
    """Whether all measures of the first model lie below those of the second."""
    known = {(cell.method, str(cell.place["measure"])): cell for cell in cells}
    own, other = claim.methods[0], str(claim.against)
    pairs = [
        (known[own, one], known[other, one]) for one in claim.measures if {(own, one), (other, one)} <= known.keys()
    ]
    if not pairs:
        return None
    evidence = "; ".join(
        f"{COUNTED[str(ours.place['measure'])]} {score_text(ours)} against {score_text(theirs)}"
        for ours, theirs in pairs
    )
    below = [_bound(ours, "high") < _bound(theirs, "low") for ours, theirs in pairs]
    not_below = [_bound(ours, "low") >= _bound(theirs, "high") for ours, theirs in pairs]
    outcome = SUPPORTED if all(below) else NOT_SUPPORTED if all(not_below) else INCONCLUSIVE
    return Verdict(outcome, evidence), pairs[0][0]


def _bound(cell: Cell, name: str) -> float:
    """An end of a cell's interval, or its mean where it has none."""
    bound = getattr(cell.value, name)
    return float(cell.value.mean if bound is None else bound)  # type: ignore[arg-type]
