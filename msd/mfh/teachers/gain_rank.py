"""Table `gain_rank`: does γ or the teacher's score predict what a student gains?"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ConstantInputWarning, norm, spearmanrho

from msd.measure.intervals import drawn_interval
from msd.measure.scorers import FloatArray
from msd.measure.stats import generator
from msd.mfh.cells import scored_cell
from msd.mfh.teachers.results import TransferResults, crossing
from msd.mfh.teachers.variants import variants_of
from msd.tables.cell import Against, Cell, Value
from msd.tables.table import Table

if TYPE_CHECKING:
    from msd.mfh.teachers.config import TeacherTables

PREDICTORS = {"counts": "γ by counts", "information": "γ by information", "score": "Teacher's score"}
SCOPES = {
    "all": "All marks",
    "within": "Within dataset × direction",
    "regular": "Regular teachers",
    "telling": "Where the student's modality tells something",
}


def gain_rank_table(results: Mapping[str, TransferResults], params: TeacherTables, *, study: str) -> Table:
    """Spearman's ρ between the gain and each predictor, and γ's ρ less that of the teacher's score."""
    marks = gain_marks(results, params)
    cells = [cell for scope in SCOPES for cell in _scope_cells(scope, marks, draws=params.draws)]
    return Table(
        name="gain_rank",
        caption="Gain and γ: does γ, or the teacher's own score, predict what a student gains?",
        notes=[
            "Spearman's ρ over marks (n), one a dataset, direction, kind of teacher and r; ± is half a 95 % bootstrap "
            "interval, whose draws resample dataset × direction and seeds. Below: ρ less that of the teacher's score.",
            "Within dataset × direction: the mean of each one's own ρ, so that neither the dataset's metric nor its "
            "difficulty counts. The last row leaves out students that, without a teacher, do not beat the best "
            "constant answer.",
            "Where γ is undefined it counts as zero here: nothing is known that both could know.",
        ],
        study=study,
        rows=["scope"],
        columns=["predictor"],
        titles={
            "scope": SCOPES,
            "predictor": PREDICTORS,
            "dataset": {"all": "All"},
            "metric": {},
            "method": PREDICTORS,
        },
        cells=cells,
        more={
            "marks": marks,
            "datasets": {name: of_dataset.about.title for name, of_dataset in results.items()},
            "alternative": _in_words(cells),
            "checks": [],
        },
    )


def _scope_cells(scope: str, marks: Sequence[Mapping[str, Any]], *, draws: int) -> list[Cell]:
    """One cell a predictor, of the marks of one scope."""
    groups = [mark["group"] for mark in marks]
    names = list(dict.fromkeys(groups))
    index = np.array([[i for i, group in enumerate(groups) if group == name] for name in names])  # (G, V)
    gains = np.array([mark["gains"] for mark in marks])[index]  # (G, V, S)
    telling = np.array([marks[row[0]]["telling"] for row in index])
    kept = telling if scope == "telling" else np.ones(len(names), dtype=bool)
    rows = [marks[i] for i in index[kept].flatten() if scope != "regular" or marks[i]["kind"] == "regular"]
    correlations = {
        name: _drawn(scope, np.array([mark[name] or 0.0 for mark in marks])[index][kept], gains[kept], draws=draws)
        for name in PREDICTORS
    }
    runs = list(dict.fromkeys(run for row in rows for run in row["runs"]))
    cells = []
    for name, (rho, drawn) in correlations.items():
        value, place = Value(rho, *drawn_interval(drawn), len(rows)), {"scope": scope, "predictor": name}
        more: dict[str, Any] = {"against": None if name == "score" else _against(correlations, name)}
        more["details"] = {"scope_title": SCOPES[scope], "predictor_title": PREDICTORS[name]}
        cells.append(scored_cell("all", name, "spearman", value, place, runs, **more))
    return cells


def gain_marks(results: Mapping[str, TransferResults], params: TeacherTables) -> list[dict[str, Any]]:
    """One mark a dataset, direction that crosses modalities, kind and r: both γ, the teacher's score, the gain.

    gains: of each seed; gain, low, high: their mean, paired over seeds and test pictures. telling: whether the
    student's modality alone beats a constant prediction.
    """
    marks = []
    for name, of_dataset in results.items():
        telling = {modality: of_dataset.is_informative(modality) for modality in of_dataset.runs}
        for way in crossing():
            for variant in variants_of(way, params.shares):
                gain = of_dataset.gain(variant)
                marks.append(
                    {
                        "group": f"{name}/{way.teacher}-{way.student}",
                        "dataset": name,
                        **variant._asdict(),
                        "counts": of_dataset.gamma[variant]["counts"]["value"],
                        "information": of_dataset.gamma[variant]["information"]["value"],
                        "score": float(np.mean([run[0] for run in of_dataset.teachers[variant]])),
                        "gain": gain.difference,
                        "low": gain.low,
                        "high": gain.high,
                        "gains": of_dataset.gains(variant).tolist(),
                        "telling": telling[way.student],
                        "runs": [of_dataset.runs[way.student], of_dataset.folder],
                    }
                )
    return marks


def spearman(x: FloatArray, y: FloatArray) -> FloatArray:
    """Spearman's rank correlation along the last axis; NaN where one side is constant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return np.asarray(spearmanrho(x, y, axis=-1).statistic)


def _drawn(scope: str, x: FloatArray, gains: FloatArray, *, draws: int) -> tuple[float | None, FloatArray]:
    """ρ of predictor (G, V) and gains (G, V, S), and its draws: groups and seeds resampled, the same for each x."""
    if not len(x):
        return None, np.full(draws, np.nan)
    random = generator(f"gain-rank/{scope}")
    of_groups = random.integers(len(x), size=(draws, len(x)))
    of_seeds = random.integers(gains.shape[2], size=(draws, gains.shape[2]))
    pairs = zip(of_groups, of_seeds, strict=True)
    drawn_gains = np.stack([gains[rows][:, :, seeds].mean(axis=2) for rows, seeds in pairs])
    whole = float(_rho(scope, x[None], gains.mean(axis=2)[None])[0])
    return (None if np.isnan(whole) else whole), _rho(scope, x[of_groups], drawn_gains)


def _rho(scope: str, x: FloatArray, gain: FloatArray) -> FloatArray:
    """ρ (K,) of x and gain (K, G, V), the regular teacher being the first of each group."""
    if scope == "within":
        of_each = spearman(x, gain)
        known = np.isfinite(of_each)
        total = np.where(known, of_each, 0).sum(axis=1)
        return np.divide(total, known.sum(axis=1), out=np.full(len(x), np.nan), where=known.any(axis=1))
    if scope == "regular":
        x, gain = x[:, :, :1], gain[:, :, :1]
    return spearman(x.reshape(len(x), -1), gain.reshape(len(x), -1))


def _against(correlations: Mapping[str, tuple[float | None, NDArray[np.float64]]], name: str) -> Against:
    """ρ of a predictor less that of the teacher's score, p by the standard deviation of the draws."""
    (rho, drawn), (other, others) = correlations[name], correlations["score"]
    gap = drawn - others
    known = gap[np.isfinite(gap)]
    if rho is None or other is None or not len(known):
        return Against("score")
    error = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    p = 2 * float(norm.sf(abs(rho - other) / error)) if error else None
    return Against("score", rho - other, *drawn_interval(gap), p)


def _in_words(cells: Sequence[Cell]) -> str:
    """The figure's message for those who do not see it."""
    parts = [
        f"{cell.details['predictor_title']}, {cell.details['scope_title'].lower()}: {cell.value.mean:.2f}"
        for cell in cells
        if cell.value.mean is not None
    ]
    return f"Gain of students against γ and against the teacher's score. Rank correlations: {'; '.join(parts)}."
