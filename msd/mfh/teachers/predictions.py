"""Table `predictions`: what the hypothesis lets expect of vision-language teachers, each with its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import ttest_1samp

from msd.measure.stats import mean_interval
from msd.mfh.silencing import Kind
from msd.mfh.teachers.results import TaughtDataset, Terms, crossing
from msd.mfh.teachers.variants import DIRECTIONS, MODALITIES, Direction, Variant
from msd.tables.cells import correct
from msd.tables.render import SIGNIFICANT, difference_text, p_text

Table = dict[str, Any]
Shares = Sequence[float]
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


def predictions_table(taught: Mapping[str, TaughtDataset], ranks: Table, params: Mapping[str, Any]) -> Table:
    """Each test on each dataset and over all of them, with its difference, interval, corrected p and verdict."""
    cells = []
    for claim in CLAIMS:
        for test in [test for test in TESTS if test.claim == claim]:
            cells += [_on_dataset(test, name, results, params["shares"]) for name, results in taught.items()]
            cells.append(_over_all(test, taught, params["shares"]))
        if claim == "P4":
            cells += [_from_ranks(cell) for cell in ranks["cells"] if cell["against"] is not None]
    family = correct(cells)
    for cell in cells:
        cell |= {"verdict": verdict(cell["against"]), "evidence": evidence(cell["against"])}
    return {
        "name": "predictions",
        "caption": "Predictions: what the hypothesis lets expect of these teachers, and what came out.",
        "notes": [
            "Supported: the difference is above zero with a Holm-corrected p below .05; not supported: below zero with "
            "such a p; inconclusive otherwise.",
            "Means over the directions that cross modalities and over r, in units of the dataset's metric. On a "
            "dataset they are paired over seeds and test pictures; over all, the interval is a t-interval over dataset "
            "× student's modality.",
            "P4 is the difference of two rank correlations of the next table, with its bootstrap interval; p is by the "
            "standard deviation of the draws.",
        ],
        "family": family,
        "layout": {"rows": ["claim", "test"], "columns": ["dataset"]},
        "cells": cells,
    }


def _cell(test: str, claim: str, dataset: str, against: dict[str, Any], *, runs: list[str], n: int) -> dict[str, Any]:
    about = {
        "claim": CLAIMS[claim],
        "test": test,
        "dataset": dataset,
        "method": "contrast",
        "metric": "",
        "split": "test",
    }
    score = {"mean": against["difference"], "low": against["low"], "high": against["high"], "n": n, "values": {}}
    return {**about, **score, "selected": "default", "runs": runs, "against": against}


def _on_dataset(test: Contrast, name: str, results: TaughtDataset, shares: Shares) -> dict[str, Any]:
    own = [way for way in DIRECTIONS if not way.crosses]
    found = results.contrast(test.terms(crossing(), own, shares), of=test.of)
    against = {"method": "0", "difference": found.difference, "low": found.low, "high": found.high, "p": found.p}
    runs = [results.folder] if test.of == "teachers" else list(results.runs.values())
    return _cell(test.title, test.claim, name, against, runs=runs, n=len(results.resampling.groups))


def _over_all(test: Contrast, taught: Mapping[str, TaughtDataset], shares: Shares) -> dict[str, Any]:
    """The mean over dataset × student's modality: whether it holds on other tasks too."""
    effects, runs = [], []
    for results in taught.values():
        for modality in MODALITIES:
            ways = [way for way in DIRECTIONS if way.student == modality]
            terms = test.terms([way for way in ways if way.crosses], [way for way in ways if not way.crosses], shares)
            effects.append(results.effect(terms, of=test.of))
            runs.append(results.folder if test.of == "teachers" else results.runs[modality])
    mean, low, high = mean_interval(effects)
    p = float(ttest_1samp(effects, 0).pvalue) if len(set(effects)) > 1 else None
    against = {"method": "0", "difference": mean, "low": low, "high": high, "p": p}
    return _cell(test.title, test.claim, ALL, against, runs=list(dict.fromkeys(runs)), n=len(effects))


def _from_ranks(cell: Mapping[str, Any]) -> dict[str, Any]:
    """P4 of one predictor and set of marks, from the table of rank correlations."""
    title = f"{cell['predictor_title']}, {cell['scope_title'].lower()}"
    return _cell(title, "P4", ALL, dict(cell["against"]), runs=cell["runs"], n=cell["n"])


def verdict(against: Mapping[str, Any]) -> str:
    """supported, not supported or inconclusive, of a difference that is expected above zero."""
    if against["p_holm"] is None or against["p_holm"] >= SIGNIFICANT:
        return "inconclusive"
    return "supported" if against["difference"] > 0 else "not supported"


def evidence(against: Mapping[str, Any]) -> str:
    """The numbers that a verdict rests on."""
    if against["difference"] is None:
        return ""
    return ", ".join(filter(None, [difference_text(against), p_text(against)]))
