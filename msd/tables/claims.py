"""Claims and published numbers, judged by stated rules on cells of tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msd.config.claims import Claim, Claims, Published
from msd.tables.cells import TableCell, table_cell
from msd.tables.comparisons import Table, make_table, titles
from msd.tables.render import SIGNIFICANT, difference_text, number, p_text, score_text

RULES = {
    "higher": "higher: supported when the method's score is above the other's and the corrected p is below .05; not "
    "supported when it is below and p is; inconclusive otherwise.",
    "lower": "lower: as higher, with the sides exchanged.",
    "separate": "separate: supported when the intervals of the modalities lie apart and above zero; not supported when "
    "one of them holds zero; inconclusive otherwise.",
    "smaller": "smaller: supported when the first value, with its interval if it has one, is below the second; not "
    "supported when it is above; inconclusive otherwise.",
}
SETTING_TOLERANCE = 0.01  # published settings have two decimals


def claims_table(claims: Claims, tables: Mapping[str, Table], params: Mapping[str, Any]) -> Table:
    """Every test of every claim on every data set of the study, with its verdict."""
    named = titles(params)
    cells, tests = [], {}
    for key, claim in claims.claims.items():
        found = tables.get(claim.table, {"cells": [], "titles": {}})
        for method, other, measure in claim.tests:
            name = "/".join(filter(None, (method, other, measure)))
            tests[name] = _test_title(method, other, measure, found, named["method"])
            for dataset in named["dataset"]:
                own = [cell for cell in found["cells"] if _fits(cell, dataset, method, measure)]
                verdict, cell, evidence = _judge(claim, own, found["cells"], other, dataset=dataset, measure=measure)
                made = cell or table_cell((dataset, method), ("", "test"), values={}, runs=[])
                made = {**made, "claim": key, "test": name, "verdict": verdict, "evidence": evidence}
                cells.append(made | {"rule": claim.rule, "table": claim.table})
    table = make_table(
        "claims",
        [],
        params,
        layout=(["claim", "test"], ["dataset"]),
        caption="What the papers claim, and what this study says to it.",
        notes=[RULES[rule] for rule in dict.fromkeys(claim.rule for claim in claims.claims.values())]
        + ["Differences and p are those of the tables named; p is corrected there. Not run: its methods are not here."],
        with_metric=False,
    )
    stated = {key: f"{key}: {claim.statement}" for key, claim in claims.claims.items()}
    verdicts = {key: dict(Counter(cell["verdict"] for cell in cells if cell["claim"] == key)) for key in stated}
    about = {key: claim.model_dump() | {"verdicts": verdicts[key]} for key, claim in claims.claims.items()}
    return table | {
        "cells": cells,
        "claims": about,
        "titles": table["titles"] | {"claim": stated, "test": tests},
    }


def _test_title(
    method: str, other: str | None, measure: str | None, table: Mapping[str, Any], named: Mapping[str, str]
) -> str:
    sides = " against ".join(named.get(name, name) for name in (method, other) if name)
    what = table["titles"].get("measure", {}).get(measure, measure) if measure else None
    return f"{sides}: {what}" if what else sides


def _fits(cell: TableCell, dataset: str, method: str, measure: str | None) -> bool:
    own = (cell["dataset"], cell["method"], cell["split"], cell.get("measure"))
    return own == (dataset, method, "test", measure)


def _judge(
    claim: Claim,
    own: Sequence[TableCell],
    cells: Sequence[TableCell],
    other: str | None,
    *,
    dataset: str,
    measure: str | None,
) -> tuple[str, TableCell | None, str]:
    """(verdict, the cell it rests on, its numbers in words)."""
    if claim.rule == "separate":
        return _separate(own)
    if claim.rule == "smaller":
        second = [cell for cell in cells if _fits(cell, dataset, str(other), measure)]
        return _smaller(own, second)
    compared = [cell for cell in own if cell["against"] and cell["against"]["method"] == other]
    return _difference(compared, sign=1 if claim.rule == "higher" else -1)


def _difference(compared: Sequence[TableCell], *, sign: int) -> tuple[str, TableCell | None, str]:
    if not compared:
        return "not run", None, ""
    cell = compared[0]
    against = cell["against"]
    if against["p_holm"] is None:
        return "inconclusive", cell, str(against.get("why", ""))
    evidence = f"{difference_text(against)}, {p_text(against)}"
    if against["p_holm"] >= SIGNIFICANT:
        return "inconclusive", cell, evidence
    return ("supported" if sign * against["difference"] > 0 else "not supported"), cell, evidence


def _separate(cells: Sequence[TableCell]) -> tuple[str, TableCell | None, str]:
    if not cells:
        return "not run", None, ""
    evidence = "; ".join(f"{cell['modality']} {score_text(cell)}" for cell in cells)
    low, high = sorted(cells, key=lambda cell: float(cell["mean"]))
    if low["low"] <= 0:
        return "not supported", high, evidence
    return ("supported" if low["high"] < high["low"] else "inconclusive"), high, evidence


def _smaller(own: Sequence[TableCell], second: Sequence[TableCell]) -> tuple[str, TableCell | None, str]:
    if not own or not second:
        return "not run", None, ""
    ours, theirs = own[0], second[0]
    evidence = f"{score_text(ours)} against {score_text(theirs)}"
    if _bound(ours, "high") < _bound(theirs, "low"):
        return "supported", ours, evidence
    return ("not supported" if _bound(ours, "low") > _bound(theirs, "high") else "inconclusive"), ours, evidence


def _bound(cell: TableCell, name: str) -> float:
    return float(cell["mean"] if cell[name] is None else cell[name])


def published_table(claims: Claims, tables: Mapping[str, Table], params: Mapping[str, Any]) -> Table:
    """Every published number beside ours: within our interval or outside, and the gap."""
    cells = [cell for key, item in claims.published.items() for cell in _published_cells(key, item, tables)]
    table = make_table(
        "published",
        [],
        params,
        layout=(["claim", "test"], ["outcome"]),
        caption="Numbers that papers give, and ours.",
        notes=["Within: the published value lies in our 95 % interval. The gap is ours minus the published value."],
        with_metric=False,
    )
    stated = {
        key: f"{item.title} ({item.metric}, {item.split}) [{item.mark}]" for key, item in claims.published.items()
    }
    about = {key: item.model_dump() for key, item in claims.published.items()}
    return table | {"cells": cells, "published": about, "titles": table["titles"] | {"claim": stated}}


def _published_cells(key: str, item: Published, tables: Mapping[str, Table]) -> Iterator[TableCell]:
    settings: list[str | None] = [*item.settings] or [None]
    for method, values in item.values.items():
        for setting, value in zip(settings, values, strict=True):
            own = _own_cell(item, method, setting, tables)
            verdict, evidence, gap = _compare(value, own)
            made = own or table_cell((item.dataset, method), (item.metric, item.split), values={}, runs=[])
            name = f"{method} - {item.against}" if item.against else method
            made = {**made, "claim": key, "test": name if setting is None else f"{name}, {setting}"}
            made |= {"outcome": "Verdict", "verdict": verdict, "evidence": evidence, "published": value, "gap": gap}
            yield made | {"mark": item.mark, "source": item.source}


def _own_cell(item: Published, method: str, setting: str | None, tables: Mapping[str, Table]) -> TableCell | None:
    """Our cell for a published number; a difference stands in it as if it were a mean."""
    for cell in tables.get(item.table, {"cells": []})["cells"]:
        wanted = (item.dataset, method, item.metric, item.split)
        if (cell["dataset"], cell["method"], cell["metric"], cell["split"]) != wanted:
            continue
        if setting is not None and abs(float(cell["setting"]) - float(setting)) >= SETTING_TOLERANCE:
            continue
        if item.against is None:
            return dict(cell)
        against = cell["against"]
        if against and against["method"] == item.against:
            return {**cell, "mean": against["difference"], "low": against["low"], "high": against["high"]}
    return None


def _compare(value: float | None, own: TableCell | None) -> tuple[str, str, float | None]:
    """(verdict, numbers in words, ours minus published)."""
    if value is None:
        return "no paper value", "" if own is None else f"ours {score_text(own)}", None
    if own is None or own["mean"] is None:
        return "not run", f"published {number(value)}", None
    gap = own["mean"] - value
    evidence = f"ours {score_text(own)}; published {number(value)}; gap {number(gap, signed=True)}"
    if own["low"] is None:
        return "inconclusive", evidence, gap
    within = own["low"] <= value <= own["high"]
    return ("within our interval" if within else "outside our interval"), evidence, gap
