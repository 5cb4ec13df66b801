"""Tables of the Gaussian study beside the paper's values, with intervals, verdicts and the expected order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from msd.measure.intervals import mean_interval
from msd.mfh.cells import Check, Results, by_seed, expectation, paired, scored_cell
from msd.tables.cell import Against, Cell, Paper, Value
from msd.tables.table import Table, corrected
from msd.tables.verdict import WITHIN, of_interval

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.gaussian.config import PublishedSweep
    from msd.mfh.study import ReportParams

Published = Mapping[str, float | None]
"""The paper's values of one setting: method -> percent."""
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


def gaussian_tables(job: Job[ReportParams]) -> list[Table]:
    """The tables of the three experiments, from inputs["runs"], and of Algorithm 1, from inputs["channels"]."""
    params, (runs, channels) = job.params, (Path(job.inputs[name]) for name in ("runs", "channels"))
    study, published = params.study, params.published
    made = [
        experiment_table(
            str(name), part, published=published[str(name)], run=str(runs.parent), study=study, kl=params.kl
        )
        for name, part in pd.read_parquet(runs).groupby("experiment", sort=False)
    ]
    ranks = pd.read_parquet(channels)
    return [*made, generality_table(ranks, published=published["table2"], run=str(channels.parent), study=study)]


def experiment_table(
    name: str, frame: pd.DataFrame, *, published: PublishedSweep, run: str, study: str, kl: str
) -> Table:
    """The table of one experiment: every net in every setting, with the paper's value and the gain over no KD.

    Args:
        name: exp1, exp2 or table2.   frame: setting, gamma, seed, method, accuracy in percent.
        run: the folder of the runs.   kl: the normalisation of KL, noted as the variant.
    """
    cells, checks, gains = [], [], {}
    for _, part in frame.groupby("setting", sort=False):
        setting = printed(float(part["setting"].iloc[0]), published.values)
        paper = {float(key): values for key, values in published.values.items()}.get(setting, {})
        results = by_seed(part, "accuracy")
        at: dict[str, Any] = {"setting": setting, "gamma": float(part["gamma"].iloc[0]), "symbol": SWEPT[name]}
        cells += [_cell(method, results, paper, published, **at, run=run, kl=kl) for method in METHODS]
        checks += [_check(*claim, results, setting=setting) for claim in ORDER]
        gains[setting] = paired(results, "kd-regular", "no-kd").difference
    cells, _ = corrected(cells)
    return Table(
        name=f"gaussian_{name}",
        caption=CAPTIONS[name],
        notes=_notes(cells, checks, published, gains),
        study=study,
        family=sum(cell.against is not None for cell in cells),
        rows=["setting"],
        columns=["method"],
        titles=_titles(METHODS, "accuracy", {str(setting): f"{SWEPT[name]} = {setting:g}" for setting in gains}),
        cells=cells,
        more={"swept": SWEPT[name], "checks": [{"setting": check.setting} | asdict(check) for check in checks]},
    )


def _titles(methods: Mapping[str, str], metric: str, settings: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    metrics = {"gaussian": f"{metric}, %"}
    return {"dataset": {"gaussian": "Gaussian"}, "method": methods, "metric": metrics, "setting": settings}


def printed(value: float, published: Mapping[str, Any]) -> float:
    """The swept value as the paper prints it, or to four decimals where it prints none so near."""
    near = [float(key) for key in published if abs(float(key) - value) <= AS_PRINTED]
    return min(near, key=lambda label: abs(label - value)) if near else round(value, 4)


def _cell(
    method: str,
    results: Results,
    paper: Published,
    published: PublishedSweep,
    *,
    setting: float,
    gamma: float,
    symbol: str,
    run: str,
    kl: str,
) -> Cell:
    """One net in one setting: its accuracy over runs, its gain over no KD, and the paper's value with its verdict."""
    values, theirs = results.get(method, {}), paper.get(method)
    kind = "shared" if method.endswith("general") else "specific"
    mean, low, high = mean_interval(list(values.values())) if values else (None, None, None)
    why = None if values else f"no channel is {kind} at that {symbol}"
    gap = None if theirs is None or mean is None else mean - theirs
    source, error = (None, None) if theirs is None else (published.source, published.reading_error)
    details = {"unit": "percent", "paper_reading_error": error, "gamma": gamma}
    more: dict[str, Any] = {"against": _gain(method, results, paper), "details": details}
    more["paper"] = Paper(theirs, source, gap, of_interval(theirs, low, high))
    value = Value(mean, low, high, len(values), values, why)
    return scored_cell("gaussian", method, "accuracy", value, {"setting": setting}, [run], selected=f"kl-{kl}", **more)


def _gain(method: str, results: Results, paper: Published) -> Against | None:
    """The gain of a distilled student over the one without a teacher, and the paper's gain with its verdict."""
    if not method.startswith("kd-") or method not in results:
        return None
    gain, theirs = paired(results, method, "no-kd"), None
    ours, alone = paper.get(method), paper.get("no-kd")
    if ours is not None and alone is not None:
        theirs = round(ours - alone, 9)
    return replace(gain, details={"paper": theirs, "verdict": of_interval(theirs, gain.low, gain.high)})


def _check(a: str, sign: str, b: str, results: Results, *, setting: float) -> Check:
    """Whether a > b (or a ≥ b) holds between means over runs, where it is expected.

    Not where one of the nets does not exist, nor for teachers where no channel is specific: the general teacher then
    has all decisive channels of the regular one.
    """
    nothing_lost = b == "teacher-general" and "kd-specific" not in results
    is_expected = a in results and b in results and not nothing_lost
    return expectation(a, sign, b, paired(results, a, b) if is_expected else None, METHODS, setting=setting)


def _notes(
    cells: Sequence[Cell], checks: Sequence[Check], published: PublishedSweep, gains: Mapping[float, float | None]
) -> list[str]:
    """How to read the table, what came out of the expected order, and the released scripts' own numbers."""
    count = max(cell.value.n for cell in cells)
    notes = [
        f"± is half a 95 % t-interval over {count} runs.",
        f"Paper: {published.source}; within: inside our interval, outside: how far our mean is from it.",
    ]
    if published.reading_error:
        notes.append(f"Values read off a figure are uncertain by up to {published.reading_error:g} points.")
    notes.append("Below: gain over no KD, paired by run, with 95 % interval; p of the t-test, Holm-corrected.")
    verdicts = [cell.against.details["verdict"] for cell in cells if cell.against is not None]
    judged = [verdict for verdict in verdicts if verdict is not None]
    if judged:
        inside = judged.count(WITHIN)
        notes.append(f"The paper's own gains lie inside these paired intervals in {inside} of {len(judged)} cells.")
    notes += [_outcome(claim, checks, published) for claim in dict.fromkeys(check.claim for check in checks)]
    released = {float(key): gain for key, gain in published.released_gain.items() if gain is not None}
    gaps = [abs(gain - released[label]) for label, gain in gains.items() if gain is not None and label in released]
    if gaps:
        notes.append(
            "Gains of the regular teacher's students over no KD, as the released scripts give them when run unchanged: "
            f"ours are at most {max(gaps):.2f} points away, in {len(gaps)} settings."
        )
    return notes


def _outcome(claim: str, checks: Sequence[Check], published: PublishedSweep) -> str:
    """In how many settings an expectation holds, here and among the paper's own values."""
    mine = [check for check in checks if check.claim == claim]
    known = [check.holds for check in mine if check.holds is not None]
    pairs = [(row.get(mine[0].higher), row.get(mine[0].lower)) for row in published.values.values()]
    higher = [a > b for a, b in pairs if a is not None and b is not None]
    theirs = f", in the paper in {sum(higher)} of {len(higher)}" if higher else ""
    return f"{claim}: holds in {sum(known)} of {len(known)} settings{theirs}."


def generality_table(frame: pd.DataFrame, *, published: PublishedSweep, run: str, study: str) -> Table:
    """How many of table 2's shared channels Algorithm 1 ranks before all others, in percent of them.

    frame: setting, seed, channel, shared (bool), rank (from 0). published: names the settings as the paper does.
    """
    parts = {
        printed(float(part["setting"].iloc[0]), published.values): part
        for _, part in frame.groupby("setting", sort=False)
    }
    return Table(
        name="gaussian_generality",
        caption="Algorithm 1: shared channels (%) of the data of table 2 that it ranks before all others.",
        notes=[
            "± is half a 95 % t-interval over runs.",
            "The ranking is the exact expectation over all permutations of a channel, which linear nets allow.",
        ],
        study=study,
        rows=["setting"],
        columns=["method"],
        titles=_titles({"exact": "Channels found"}, "recall", {str(s): f"γ = {s:g}" for s in parts}),
        cells=[_recall(part, setting, run) for setting, part in parts.items()],
        more={"swept": SWEPT["table2"], "checks": []},
    )


def _recall(part: pd.DataFrame, setting: float, run: str) -> Cell:
    """The share of a setting's shared channels that are ranked before all others, over its runs."""
    recall = {
        str(seed): 100 * float((rows.loc[rows["shared"], "rank"] < rows["shared"].sum()).mean())
        for seed, rows in part.groupby("seed", sort=False)
    }
    value = Value(*mean_interval(list(recall.values())), len(recall), recall)
    more: dict[str, Any] = {"split": "train", "details": {"unit": "percent"}}
    return scored_cell("gaussian", "exact", "recall", value, {"setting": setting}, [run], **more)
