"""The test of a claim that compares two methods: on each task, and on all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from msd.config.claims import Claim
from msd.measure.intervals import mean_if_known
from msd.measure.joint import normal_deviate, p_above, stouffer
from msd.measure.stats import holm
from msd.tables.cell import Against, Cell, Value, Verdict
from msd.tables.comparisons import titles
from msd.tables.results import DatasetResults
from msd.tables.study_results import Side, StudyResults
from msd.tables.table import corrected
from msd.tables.text import difference_text, number, p_words
from msd.tables.verdict import AS_PREDICTED, EXPLORATORY, INCONCLUSIVE, NOT_AS_PREDICTED, SIGNIFICANT, of_difference

ALL = "all"


@dataclass(frozen=True)
class ClaimTests:
    """The tests of one claim in a study; smallest: the smallest difference of interest, for control tasks."""

    key: str
    claim: Claim
    smallest: float
    study: StudyResults

    @property
    def sign(self) -> int:
        """1 where the claim is that the method's value is higher, −1 where it is lower."""
        return -1 if self.claim.rule == "lower" else 1

    def cells(self) -> dict[str, Cell]:
        """Task -> cell with its verdict; "all" -> all primary tasks, where there are two or more."""
        parts = {about.name: about.part for about in self.study.params.datasets}
        primary = self._decided([cell for name, cell in self.compared.items() if parts[name] == "primary"])
        controls = [cell for name, cell in self.compared.items() if parts[name] == "control"]
        predicted = self._predicted(controls) if self.claim.controls else []
        judged = {name: self._explored(cell) for name, cell in self.compared.items()}
        judged |= {cell.dataset: cell for cell in [*primary, *predicted]}
        return judged | self._together(primary)

    @cached_property
    def compared(self) -> dict[str, Cell]:
        """Task -> the cell of its test, p not corrected; not in it: tasks whose methods the study does not have."""
        cells = {}
        for name, results in self.study.datasets.items():
            forms = [method for method in self.claim.methods if method in results.methods]
            method, other = results.best_on_validation(forms), str(self.claim.against)
            if method is not None and other in results.methods:
                cells[name] = self._cell(results, method, other)
        return cells

    def _cell(self, results: DatasetResults, method: str, other: str) -> Cell:
        """The score, or the mean of the claim's measures."""
        kinds = [(kind, view) for kind, _, view in (one.partition("/") for one in self.claim.measures)]
        kinds = kinds or [("score", "both")]
        cells = [self.study.method_cell(results, method, view=view, kind=kind) for kind, view in kinds]

        def side(name: str, *, seeds: Sequence[str]) -> Side:
            measured = [self.study.runs(results, name, view=view, kind=kind, seeds=seeds) for kind, view in kinds]
            return [sum(runs) / len(kinds) for runs in zip(*measured, strict=True)]

        against = self.study.between(results, method, other, side, kinds=kinds)
        metric = " and ".join(cell.metric for cell in cells)
        by_seed = {seed: mean_if_known([cell.value.by_seed[seed] for cell in cells]) for seed in cells[0].value.by_seed}
        return replace(
            cells[0],
            metric=metric,
            value=Value.over_seeds(by_seed, metric=metric, teachers=cells[0].value.teachers),
            place={"claim": self.key},
            against=replace(against, details={"runs": results.methods[other].content["runs"]}),
            details={"better": "lower" if self.claim.rule == "lower" else "higher"},
        )

    def _decided(self, cells: Sequence[Cell]) -> list[Cell]:
        """Primary tasks: one family of tests, corrected by Holm."""
        decided = []
        for cell in corrected(cells)[0]:
            verdict = of_difference(_against(cell), sign=self.sign)
            if (_against(cell).n or 0) < 2:
                verdict = replace(verdict, outcome=INCONCLUSIVE)
            decided.append(self._with(cell, verdict))
        return decided

    def _predicted(self, cells: Sequence[Cell]) -> list[Cell]:
        """Control tasks: one family of one-sided tests that a gain is below the smallest of interest."""
        below = holm([self._p_below(_against(cell)) for cell in cells])
        predicted = []
        for cell, p in zip(cells, below, strict=True):
            against, outcome = _against(cell), INCONCLUSIVE
            ends = [self.sign * end for end in (against.low, against.high) if end is not None]
            if p is not None and (against.n or 0) > 1:
                outcome = AS_PREDICTED if p < SIGNIFICANT else NOT_AS_PREDICTED if min(ends) > 0 else INCONCLUSIVE
            small = "" if p is None else f"{difference_text(against)}, below {number(self.smallest)}: {p_words(p)}"
            noted = replace(cell, details={**cell.details, "p_below_smallest": p})
            predicted.append(self._with(noted, Verdict(outcome, small or against.why or "")))
        return predicted

    def _p_below(self, against: Against) -> float | None:
        """One-sided p of a gain below the smallest of interest; None where nothing was tested."""
        if against.difference is None or against.error is None or against.freedom is None:
            return None
        return p_above(self.smallest, self.sign * against.difference, error=against.error, freedom=against.freedom)

    def _explored(self, cell: Cell) -> Cell:
        """A task on which the claim is neither decided nor predicted to fail."""
        return self._with(cell, Verdict(EXPLORATORY, of_difference(_against(cell)).evidence))

    def _with(self, cell: Cell, verdict: Verdict) -> Cell:
        """The cell with its verdict, whose evidence says which method validation chose."""
        title = titles(self.study.params)["method"][cell.method]
        chosen = f"{title}: " if len(self.claim.methods) > 1 else ""
        return replace(cell, verdict=Verdict(verdict.outcome, chosen + verdict.evidence))

    def _together(self, primary: Sequence[Cell]) -> dict[str, Cell]:
        """All primary tasks in one test, to which one whose answers are identical brings no evidence: a z of 0."""
        sides = [_against(cell) for cell in primary]
        tested = [one for one in sides if one.difference is not None and (one.n or 0) > 1]
        if len(tested) < 2 or all(one.error is None for one in tested):
            return {}
        z, p = stouffer(
            [0.0 if one.error is None
             else normal_deviate(self.sign * (one.difference or 0), error=one.error, freedom=one.freedom or 1)
             for one in tested]
        )  # fmt: skip
        against = Against(str(self.claim.against), p=p, p_holm=p, details={"runs": [
            run for one in sides for run in one.details["runs"]]})  # fmt: skip
        outcome = of_difference(replace(against, difference=z)).outcome
        ahead = sum(self.sign * (one.difference or 0) > 0 for one in tested)
        verdict = Verdict(outcome, f"{p_words(p)}; {ahead} of {len(tested)} tasks in its favour")
        methods = " / ".join(dict.fromkeys(cell.method for cell in primary))
        about: dict[str, Any] = {"dataset": ALL, "method": methods, "metric": "", "split": "test"}
        runs = [run for cell in primary for run in cell.runs]
        return {
            ALL: Cell(**about, value=Value(), place={"claim": self.key}, runs=runs, against=against, verdict=verdict)
        }


def _against(cell: Cell) -> Against:
    assert cell.against is not None, "every cell of a claim's tests is compared"
    return cell.against
