"""Tables of the Gaussian study beside the paper's values, with intervals, verdicts and the expected order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from msd.measure.stats import mean_interval
from msd.mfh.paired import paired
from msd.tables.cells import correct

if TYPE_CHECKING:
    from msd.job import Job

Table = dict[str, Any]
Values = dict[str, float]
METHODS = {
    "teacher-regular": "Teacher, regular",
    "teacher-general": "Teacher, general",
    "no-kd": "No KD",
    "kd-regular": "KD, regular teacher",
    "kd-general": "KD, general teacher",
    "kd-specific": "KD, specific teacher",
}
SWEPT = {"exp1": "γ", "exp2": "α", "table2": "γ"}
CAPTIONS = {
    "exp1": "Experiment 1: test accuracy (%) as γ, the share of decisive channels that both modalities have, grows.",
    "exp2": "Experiment 2: test accuracy (%) as α, the share that the teacher's modality has alone, grows.",
    "table2": "Table 2: test accuracy (%) of a regular and a modality-general teacher and of their students.",
}
ORDER = (
    ("kd-general", ">", "kd-regular"),
    ("kd-regular", "≥", "no-kd"),
    ("no-kd", ">", "kd-specific"),
    ("teacher-regular", ">", "teacher-general"),
)
"""What the hypothesis lets expect in every setting."""
AS_PRINTED = 0.01
"""How far a swept value may lie from the one that the paper prints for it (2/3 as 0.66)."""


def gaussian_tables(job: Job) -> list[Table]:
    """The tables of the three experiments, from inputs["runs"], and of Algorithm 1, from inputs["channels"]."""
    params, (runs, channels) = job.params, (Path(job.inputs[name]) for name in ("runs", "channels"))
    study, published = params["study"], params["published"]
    made = [
        experiment_table(str(name), part, published=published[name], run=str(runs.parent), study=study, kl=params["kl"])
        for name, part in pd.read_parquet(runs).groupby("experiment", sort=False)
    ]
    ranks = pd.read_parquet(channels)
    return [*made, generality_table(ranks, published=published["table2"], run=str(channels.parent), study=study)]


def experiment_table(
    name: str, frame: pd.DataFrame, *, published: Mapping[str, Any], run: str, study: str, kl: str
) -> Table:
    """The JSON of one experiment's table.

    frame: setting, gamma, seed, method, accuracy. published: source, reading_error, values (as printed -> method ->
    percent), released_gain. run: the folder of the runs. kl: the normalisation of KL, noted as the variant.
    """
    cells, checks, gains = [], [], {}
    for _, part in frame.groupby("setting", sort=False):
        label = printed(float(part["setting"].iloc[0]), published["values"])
        paper = {float(key): values for key, values in published["values"].items()}.get(label, {})
        results = {
            str(method): {str(seed): float(x) for seed, x in zip(rows["seed"], rows["accuracy"], strict=True)}
            for method, rows in part.groupby("method", sort=False)
        }
        about = {"setting": label, "gamma": float(part["gamma"].iloc[0]), "selected": f"kl-{kl}", "runs": [run]}
        cells += [_cell(method, results, paper, published, symbol=SWEPT[name]) | about for method in METHODS]
        checks += [{"setting": label} | _check(*claim, results) for claim in ORDER]
        gains[label] = paired(results, "kd-regular", "no-kd")["difference"]
    correct(cells)
    labels = {str(cell["setting"]): f"{SWEPT[name]} = {cell['setting']:g}" for cell in cells}
    return {
        "name": f"gaussian_{name}",
        "caption": CAPTIONS[name],
        "notes": _notes(cells, checks, published, gains),
        "study": study,
        "family": sum(cell["against"] is not None for cell in cells),
        "layout": {"rows": ["setting"], "columns": ["method"]},
        "titles": {
            "dataset": {"gaussian": "Gaussian"},
            "method": METHODS,
            "metric": {"gaussian": "accuracy, %"},
            "setting": labels,
        },
        "swept": SWEPT[name],
        "cells": cells,
        "checks": checks,
    }


def printed(value: float, published: Mapping[str, Any]) -> float:
    """The swept value as the paper prints it, or to four decimals where it prints none so near."""
    near = [float(key) for key in published if abs(float(key) - value) <= AS_PRINTED]
    return min(near, key=lambda label: abs(label - value)) if near else round(value, 4)


def _cell(
    method: str,
    results: Mapping[str, Values],
    paper: Mapping[str, float],
    published: Mapping[str, Any],
    *,
    symbol: str,
) -> dict[str, Any]:
    """One net in one setting: mean with interval over runs, the paper's value and the verdict."""
    values = results.get(method, {})
    mean, low, high = mean_interval(list(values.values())) if values else (None, None, None)
    value = paper.get(method)
    cell = {
        "dataset": "gaussian",
        "method": method,
        "metric": "accuracy",
        "unit": "percent",
        "split": "test",
        "mean": mean,
        "low": low,
        "high": high,
        "n": len(values),
        "values": values,
        "against": _against(method, results, paper),
        "paper": value,
        "paper_source": None if value is None else published["source"],
        "paper_reading_error": None if value is None else published["reading_error"],
        "gap": None if value is None or mean is None else mean - value,
        "verdict": verdict(value, low, high),
    }
    if not values:
        kind = method.partition("-")[2]
        cell["why"] = f"no channel is {'shared' if kind == 'general' else 'specific'} at that {symbol}"
    return cell


def verdict(paper: float | None, low: float | None, high: float | None) -> str | None:
    """Whether the paper's value lies in our interval: within or outside; None where one of them is missing."""
    if paper is None or low is None or high is None:
        return None
    return "within" if low <= paper <= high else "outside"


def _against(method: str, results: Mapping[str, Values], paper: Mapping[str, float]) -> dict[str, Any] | None:
    """The gain of a distilled student over the one without a teacher, and the paper's gain with its verdict."""
    if not method.startswith("kd-") or method not in results:
        return None
    gain = paired(results, method, "no-kd")
    theirs = round(paper[method] - paper["no-kd"], 9) if {method, "no-kd"} <= paper.keys() else None
    judged = {"paper": theirs, "verdict": verdict(theirs, gain["low"], gain["high"])}
    return {"method": "no-kd", **gain, "p_holm": None, **judged}


def _check(a: str, sign: str, b: str, results: Mapping[str, Values]) -> dict[str, Any]:
    """Whether a > b (or a ≥ b) holds between means over runs; null where nothing is expected.

    That is where one of the nets does not exist, and for teachers where no channel is specific: the general teacher
    then has all decisive channels of the regular one.
    """
    claim = {"claim": f"{METHODS[a]} {sign} {METHODS[b]}", "higher": a, "lower": b}
    nothing_lost = b == "teacher-general" and "kd-specific" not in results
    if a not in results or b not in results or nothing_lost:
        return {**claim, "difference": None, "low": None, "high": None, "holds": None}
    found = paired(results, a, b)
    difference = found["difference"]
    assert difference is not None
    holds = difference > 0 or (sign == "≥" and difference == 0)
    return {**claim, "difference": difference, "low": found["low"], "high": found["high"], "holds": holds}


def _notes(
    cells: list[dict[str, Any]],
    checks: list[dict[str, Any]],
    published: Mapping[str, Any],
    gains: Mapping[float, float | None],
) -> list[str]:
    """How to read the table, what came out of the expected order, and the released scripts' own numbers."""
    count = max(cell["n"] for cell in cells)
    notes = [
        f"± is half a 95 % t-interval over {count} runs.",
        f"Paper: {published['source']}; within: inside our interval, outside: how far our mean is from it.",
    ]
    if published["reading_error"]:
        notes.append(f"Values read off a figure are uncertain by up to {published['reading_error']:g} points.")
    notes.append("Below: gain over no KD, paired by run, with 95 % interval; p of the t-test, Holm-corrected.")
    verdicts = [cell["against"]["verdict"] for cell in cells if cell["against"] is not None]
    judged = [found for found in verdicts if found is not None]
    if judged:
        inside = judged.count("within")
        notes.append(f"The paper's own gains lie inside these paired intervals in {inside} of {len(judged)} cells.")
    notes += [_outcome(claim, checks, published) for claim in dict.fromkeys(check["claim"] for check in checks)]
    released = {float(key): gain for key, gain in published["released_gain"].items()}
    gaps = [abs(gain - released[label]) for label, gain in gains.items() if gain is not None and label in released]
    if gaps:
        notes.append(
            "Gains of the regular teacher's students over no KD, as the released scripts give them when run unchanged: "
            f"ours are at most {max(gaps):.2f} points away, in {len(gaps)} settings."
        )
    return notes


def _outcome(claim: str, checks: list[dict[str, Any]], published: Mapping[str, Any]) -> str:
    """In how many settings an expectation holds, here and among the paper's own values."""
    mine = [check for check in checks if check["claim"] == claim]
    known = [check["holds"] for check in mine if check["holds"] is not None]
    higher, lower = mine[0]["higher"], mine[0]["lower"]
    pairs = [(row[higher], row[lower]) for row in published["values"].values() if higher in row and lower in row]
    theirs = f", in the paper in {sum(a > b for a, b in pairs)} of {len(pairs)}" if pairs else ""
    return f"{claim}: holds in {sum(known)} of {len(known)} settings{theirs}."


def generality_table(frame: pd.DataFrame, *, published: Mapping[str, Any], run: str, study: str) -> Table:
    """How many of table 2's shared channels Algorithm 1 ranks before all others, in percent of them.

    frame: setting, seed, channel, shared (bool), rank (from 0). published: names the settings as the paper does.
    """
    cells, labels = [], {}
    for _, part in frame.groupby("setting", sort=False):
        value = printed(float(part["setting"].iloc[0]), published["values"])
        labels[str(value)] = f"γ = {value:g}"
        found = {
            str(seed): 100 * float((rows.loc[rows["shared"], "rank"] < rows["shared"].sum()).mean())
            for seed, rows in part.groupby("seed", sort=False)
        }
        mean, low, high = mean_interval(list(found.values()))
        about = {"dataset": "gaussian", "setting": value, "method": "exact", "metric": "recall", "unit": "percent"}
        score = {"mean": mean, "low": low, "high": high, "n": len(found), "values": found}
        cells.append(about | score | {"split": "train", "selected": "default", "runs": [run], "against": None})
    return {
        "name": "gaussian_generality",
        "caption": "Algorithm 1: shared channels (%) of the data of table 2 that it ranks before all others.",
        "notes": [
            "± is half a 95 % t-interval over runs.",
            "The ranking is the exact expectation over all permutations of a channel, which linear nets allow.",
        ],
        "study": study,
        "family": 0,
        "layout": {"rows": ["setting"], "columns": ["method"]},
        "titles": {
            "dataset": {"gaussian": "Gaussian"},
            "method": {"exact": "Channels found"},
            "metric": {"gaussian": "recall, %"},
            "setting": labels,
        },
        "swept": SWEPT["table2"],
        "cells": cells,
        "checks": [],
    }
