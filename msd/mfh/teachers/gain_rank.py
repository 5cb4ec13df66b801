"""Table `gain_rank`: does γ or the teacher's score predict what a student gains?"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ConstantInputWarning, norm, spearmanrho

from msd.measure.intervals import drawn_interval
from msd.measure.scorers import FloatArray
from msd.measure.stats import generator
from msd.measure.variance import grouped
from msd.mfh.cells import scored_cell
from msd.mfh.teachers.results import TransferResults, compared, crossing, note_on_teachers, whole
from msd.mfh.teachers.variants import Variant, variants_of
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
    weights = {name: seed_weights(one.dealt, draws=params.draws, name=name) for name, one in results.items()}
    cells = [cell for scope in SCOPES for cell in _scope_cells(scope, marks, weights)]
    return Table(
        name="gain_rank",
        caption="Gain and γ: does γ, or the teacher's own score, predict what a student gains?",
        notes=[
            "Spearman's ρ over marks (n), one a dataset, direction, kind of teacher and r; ± is half a 95 % bootstrap "
            "interval, whose draws resample dataset × direction and, on a dataset, teachers and of each its seeds. "
            "Below: ρ less that of the teacher's score.",
            "Within dataset × direction: the mean of each one's own ρ, so that neither the dataset's metric nor its "
            "difficulty counts. The last row leaves out students that, without a teacher, do not beat the best "
            "constant answer.",
            "Where γ is undefined it counts as zero here: nothing is known that both could know.",
            *note_on_teachers(results),
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


def _scope_cells(scope: str, marks: Sequence[Mapping[str, Any]], weights: Mapping[str, FloatArray]) -> list[Cell]:
    """One cell a predictor, of the marks of one scope; weights: dataset -> (draws, S) of `seed_weights`."""
    groups = [mark["group"] for mark in marks]
    names = list(dict.fromkeys(groups))
    index = np.array([[i for i, group in enumerate(groups) if group == name] for name in names])  # (G, V)
    by_seed = {name: np.array([mark["by_seed"][name] for mark in marks])[index] for name in ("gain", *PREDICTORS)}
    telling = np.array([marks[row[0]]["telling"] for row in index])
    kept = telling if scope == "telling" else np.ones(len(names), dtype=bool)
    rows = [marks[i] for i in index[kept].flatten() if scope != "regular" or marks[i]["kind"] == "regular"]
    of_groups = np.stack([weights[marks[row[0]]["dataset"]] for row in index])[kept]  # (G, draws, S)
    correlations = {name: _drawn(scope, by_seed[name][kept], by_seed["gain"][kept], of_groups) for name in PREDICTORS}
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

    gain, low, high: mean and interval over seeds, nested in teachers, and test pictures; predictors: mean over seeds of
    what their teacher has. by_seed: all of them, a value a seed, an undefined γ as zero. telling: whether the student's
    modality alone beats a constant prediction.
    """
    variants = [variant for way in crossing() for variant in variants_of(way, params.shares)]
    gains = {
        variant: compared(results, partial(TransferResults.gains, variant=variant), to="no-kd") for variant in variants
    }
    marks = []
    for name, of_dataset in results.items():
        telling = {modality: of_dataset.is_informative(modality) for modality in of_dataset.runs}
        for variant in variants:
            gain, by_seed = gains[variant][name], _by_seed(of_dataset, variant)
            marks.append(
                {
                    "group": f"{name}/{variant.teacher}-{variant.student}",
                    "dataset": name,
                    **variant._asdict(),
                    **{predictor: float(by_seed[predictor].mean()) for predictor in PREDICTORS},
                    "gain": gain.difference,
                    "low": gain.low,
                    "high": gain.high,
                    "by_seed": {measure: values.tolist() for measure, values in by_seed.items()},
                    "telling": telling[variant.student],
                    "runs": [of_dataset.runs[variant.student], *of_dataset.folders],
                }
            )
    return marks


def _by_seed(results: TransferResults, variant: Variant) -> dict[str, FloatArray]:
    """gain -> (S,) of each seed, and each predictor -> (S,) of the seed's teacher."""
    of_teachers = {"score": whole(results.teachers[variant])}
    of_teachers |= {
        measure: np.nan_to_num([run[0, 0] for run in runs]) for measure, runs in results.gamma[variant].items()
    }
    return {"gain": whole(results.gains(variant))} | {name: results.by_seed(of_teachers[name]) for name in PREDICTORS}


def spearman(x: FloatArray, y: FloatArray) -> FloatArray:
    """Spearman's rank correlation along the last axis; NaN where one side is constant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return np.asarray(spearmanrho(x, y, axis=-1).statistic)


def seed_weights(dealt: Sequence[str], *, draws: int, name: str) -> FloatArray:
    """Weights (draws, S) of resampled seeds, 1 in all: teachers are drawn with replacement, and of each its seeds."""
    groups, random = grouped(dealt), generator(f"gain-rank/{name}/seeds")
    members = [np.flatnonzero(groups == group) for group in range(groups.max() + 1)]
    weights = np.empty((draws, len(groups)))
    for row in weights:
        picked = [members[group] for group in random.integers(len(members), size=len(members))]
        seeds = np.concatenate([random.choice(own, size=len(own)) for own in picked])
        row[:] = np.bincount(seeds, minlength=len(groups)) / len(seeds)
    return weights


def _drawn(scope: str, x: FloatArray, gains: FloatArray, weights: FloatArray) -> tuple[float | None, FloatArray]:
    """ρ of predictor and gains, both (G, V, S), and its draws: groups resampled, and seeds as `weights` (G, draws, S)
    of `seed_weights` have it; the same for each predictor."""
    draws = weights.shape[1]
    if not len(x):
        return None, np.full(draws, np.nan)
    chosen = generator(f"gain-rank/{scope}").integers(len(x), size=(draws, len(x)))
    drawn = [np.einsum("gvs,gds->dgv", part, weights)[np.arange(draws)[:, None], chosen] for part in (x, gains)]
    rho = float(_rho(scope, x.mean(axis=2)[None], gains.mean(axis=2)[None])[0])
    return (None if np.isnan(rho) else rho), _rho(scope, *drawn)


def _rho(scope: str, x: FloatArray, gain: FloatArray) -> FloatArray:
    """ρ (K,) of x and gain, both (K, G, V), the regular teacher being the first of each group."""
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
