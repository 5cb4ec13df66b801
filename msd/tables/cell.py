"""A cell of a table: what it is known by, its value, what it is compared with and what is concluded."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from msd.lineage.identity import JUDGED, KEYS, Identity, identity
from msd.measure.intervals import mean_interval
from msd.measure.stats import Difference

ONE_SEED = "one seed: no interval over seeds"
ONE_MODEL = "one model, not trained anew with further seeds: no interval over seeds"
ONE_TEACHER = "one teacher: intervals do not cover the teacher's training"

_MAIN = ("dataset", "method", "metric", "split")
_VALUE = ("mean", "low", "high", "n", "values")
_ERROR = ("error", "freedom", "spread")
_TESTED = (*_ERROR, "effect", "improvement")
_ORDER = (
    *("view", "label", "variant", "point", "comparison", "modality", "measure", "better", "over", "counted"),
    *("claim", "test", "verdict", "evidence", "rule", "part"),
)
"""Order in which a cell's JSON has what not every cell has."""


@dataclass(frozen=True)
class Value:
    """A mean with its 95 % interval.

    n: number of seeds, or of samples where `by_seed` is empty. by_seed: seed -> value, None where undefined.
    why: the reason why the mean or the interval is missing.
    teachers: seed -> the teacher that its value depends on; empty, and not in the JSON, where no two seeds share one.
    """

    mean: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    by_seed: Mapping[str, float | None] = field(default_factory=dict)
    why: str | None = None
    teachers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def over_seeds(
        cls,
        values: Mapping[str, float | None],
        *,
        metric: str,
        why: str | None = None,
        teachers: Mapping[str, str] | None = None,
    ) -> Self:
        """Mean and t-interval of one value a seed; undefined as soon as one of them is.

        why: the reason for the missing interval of a single value. teachers: of these seeds and of any others.
        """
        known = {seed: value for seed, value in values.items() if value is not None and math.isfinite(value)}
        undefined = [seed for seed in values if seed not in known]
        stated = {seed: known.get(seed) for seed in values}
        own = {seed: teachers[seed] for seed in values} if teachers else {}
        if undefined:
            why = f"{metric} is undefined for seed {undefined[0]}"
            return cls(n=len(values), by_seed=stated, why=why, teachers=own)
        if not values:
            return cls(why=why)
        mean, low, high = mean_interval(list(known.values()))
        return cls(mean, low, high, len(values), stated, None if len(values) > 1 else why or ONE_SEED, own)


@dataclass(frozen=True)
class Against:
    """A difference to another cell's value, or to a constant.

    method: the other side; `msd.lineage.trace` looks for its cell. low, high: 95 % interval. p: two-sided; p_holm is
    filled in by `msd.tables.table.corrected`. error, freedom, spread, effect, improvement: see
    `msd.measure.stats.Difference`. n: pairs of seeds; where it is None, these five are not part of the JSON.
    details: what else is known of the other side, such as its mean or the paper's difference.
    """

    method: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    error: float | None = None
    freedom: float | None = None
    spread: Mapping[str, float] | None = None
    effect: float | None = None
    improvement: float | None = None
    n: int | None = None
    why: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, method: str, difference: Difference, *, n: int | None = None, why: str | None = None) -> Self:
        """The difference that a paired comparison gave."""
        return cls(method, **vars(difference), n=n, why=why)

    def to_json(self) -> dict[str, Any]:
        """The "against" of a cell's JSON."""
        content: dict[str, Any] = {"method": self.method} | ({} if self.n is None else {"n": self.n})
        content |= {key: getattr(self, key) for key in ("difference", "low", "high", "p", "p_holm")}
        further = {} if self.n is None else {key: getattr(self, key) for key in _TESTED}
        content |= {key: value for key, value in further.items() if value is not None or key not in _ERROR}
        return content | ({} if self.why is None else {"why": self.why}) | dict(self.details)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` gives."""
        own = {key: value for key, value in content.items() if key in cls.__dataclass_fields__}
        return cls(**own, details={key: value for key, value in content.items() if key not in own})


@dataclass(frozen=True)
class Paper:
    """A paper's value beside ours.

    verdict: within or outside our interval, None where it is not held against it. gap: ours minus the paper's.
    """

    value: float | None
    source: str | None = None
    gap: float | None = None
    verdict: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What is concluded about a claim, in the words of `msd.tables.verdict`, and the numbers that it rests on."""

    outcome: str
    evidence: str = ""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of a table with everything that is known of it.

    Attributes:
        dataset, method, metric, split, place: what it is known by; `place` holds those of the further keys of
            `msd.lineage.identity` that its table uses: view, measure, label, variant, setting, claim, test …
        value: mean, interval, n and the values by seed.
        runs: folders of the jobs whose outputs it was computed from.   selected: the variant chosen on validation.
        against: the difference to another cell.   paper: a paper's value.   verdict: on a claim.
        details: further entries of its JSON, which do not tell it apart: better, counted, unit, parts …
    """

    dataset: str
    method: str
    metric: str
    split: str
    value: Value
    place: Mapping[str, str | float] = field(default_factory=dict)
    runs: Sequence[str] = ()
    selected: str | None = None
    against: Against | None = None
    paper: Paper | None = None
    verdict: Verdict | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> Identity:
        """What tells it apart from the other cells of its table."""
        return identity(self.entries())

    def entries(self) -> dict[str, Any]:
        """What rows and columns may be laid out by: all that names the cell, and its details."""
        main = {"dataset": self.dataset, "method": self.method, "metric": self.metric, "split": self.split}
        return main | dict(self.place) | dict(self.details)

    def to_json(self) -> dict[str, Any]:
        """The cell as a table's JSON has it."""
        value = self.value
        content: dict[str, Any] = {key: getattr(self, key) for key in _MAIN}
        content |= {"mean": value.mean, "low": value.low, "high": value.high, "n": value.n}
        content |= {"values": dict(value.by_seed)} | ({"teachers": dict(value.teachers)} if value.teachers else {})
        content |= {"selected": self.selected, "runs": list(self.runs)}
        content["against"] = None if self.against is None else self.against.to_json()
        content |= {} if value.why is None else {"why": value.why}
        more: dict[str, Any] = dict(self.place) | dict(self.details)
        if self.verdict is not None:
            more |= {"verdict": self.verdict.outcome, "evidence": self.verdict.evidence}
        if self.paper is not None:
            more |= {"paper": self.paper.value, "paper_source": self.paper.source}
            more |= {"gap": self.paper.gap, "verdict": self.paper.verdict}
        order = sorted(more, key=lambda key: _ORDER.index(key) if key in _ORDER else len(_ORDER))
        return content | {key: more[key] for key in order}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` gives."""
        rest = dict(content)
        main = {key: rest.pop(key) for key in _MAIN}
        mean, low, high, n, by_seed = (rest.pop(key) for key in _VALUE)
        value = Value(mean, low, high, n, by_seed, rest.pop("why", None), rest.pop("teachers", {}))
        against = rest.pop("against")
        made: dict[str, Any] = {"runs": rest.pop("runs"), "selected": rest.pop("selected")}
        made["against"] = None if against is None else Against.from_json(against)
        if "paper" in rest:
            made["paper"] = Paper(*(rest.pop(key) for key in ("paper", "paper_source", "gap", "verdict")))
        if "evidence" in rest:
            made["verdict"] = Verdict(rest.pop("verdict"), rest.pop("evidence"))
        place = {key: rest.pop(key) for key in (*KEYS, *JUDGED) if key in rest}
        return cls(**main, value=value, place=place, **made, details=rest)
