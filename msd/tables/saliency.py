"""Claim C1's table: how far a teacher's answers move when a modality is removed, by dataset and split."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from msd.measure.intervals import LEVEL
from msd.measure.variance import freedom_of_parts, moderated
from msd.tables.cell import ONE_TEACHER, Cell, Value
from msd.tables.comparisons import MEASURES, make_table
from msd.tables.study_results import StudyResults
from msd.tables.table import Table

Entries = list[Mapping[str, float]]
"""Of each teacher what its saliency stage summarised: mean, low, high over pictures, and n samples."""


def saliency_table(summaries: Mapping[str, Mapping[str, Any]], study: StudyResults) -> Table:
    """Mean saliency of each modality; summaries: dataset -> seed of a teacher -> what its stage wrote."""
    params, cells = study.params, []
    relative = {
        dataset: {split: relative_variance(of_teachers, split) for split in ("train", "val", "test")}
        for dataset, of_teachers in summaries.items()
    }
    for dataset, of_teachers in summaries.items():
        first = next(iter(of_teachers.values()))
        for split in [split for split in ("train", "val", "test") if split in first]:
            known = [by_split[split] for name, by_split in relative.items() if name != dataset]
            others = [variance for variance in known if variance is not None]
            for modality in first[split]:
                entries = [summary[split][modality] for summary in of_teachers.values()]
                place = {"modality": modality, "over": "samples"}
                about: dict[str, Any] = {"dataset": dataset, "method": "teacher", "metric": "saliency", "split": split}
                runs = study.teacher_runs(study.datasets[dataset], "saliency")
                value, error = value_over_teachers(entries, others)
                cells.append(Cell(**about, value=value, place=place, runs=runs, details=error))
    return make_table(
        "saliency",
        cells,
        params,
        rows=["dataset", "split"],
        columns=["modality"],
        caption="Mean saliency of each modality: how far the teacher's answer moves when that modality is removed.",
        notes=[
            f"Measure: {MEASURES.get(params.saliency_measure, params.saliency_measure)}.",
            "Here n counts samples. The interval is over pictures and, where there are several, over teachers, whose "
            "variance relative to the squared mean is moderated by that of the other datasets where they are two or "
            "three.",
        ],
        with_metric=False,
    )


def relative_variance(of_teachers: Mapping[str, Any], split: str) -> tuple[float, int] | None:
    """Variance between teachers over the squared mean, averaged over modalities, and its freedom; None of one."""
    freedom = len(of_teachers) - 1
    if not freedom or not all(split in summary for summary in of_teachers.values()):
        return None
    by_modality = [
        np.array([summary[split][modality]["mean"] for summary in of_teachers.values()])
        for modality in next(iter(of_teachers.values()))[split]
    ]
    known = [means.var(ddof=1) / means.mean() ** 2 for means in by_modality if means.mean() > 0]
    return (float(np.mean(known)), freedom) if known else None


def value_over_teachers(entries: Entries, others: list[tuple[float, int]]) -> tuple[Value, dict[str, float]]:
    """The mean over teachers, with its standard error and degrees of freedom.

    Its variance is s²/T of the teachers, `moderated` by the other datasets', and the pictures' of one teacher on
    average: an upper bound, because part of the second is in the first.
    """
    means = np.array([entry["mean"] for entry in entries])
    mean, count, n, many = float(means.mean()), len(entries), int(entries[0]["n"]), int(entries[0]["pictures"]) - 1
    quantile = float(student_t.ppf((1 + LEVEL) / 2, many))
    of_pictures = float(np.mean([((entry["high"] - entry["low"]) / 2 / quantile) ** 2 for entry in entries]))
    if count == 1:
        value = Value(mean, entries[0]["low"], entries[0]["high"], n, why=ONE_TEACHER)
        return value, {"error": math.sqrt(of_pictures), "freedom": many}
    prior = sum(freedom for _, freedom in others)
    expected = mean**2 * sum(variance * freedom for variance, freedom in others) / prior if prior else 0.0
    square, freedom = moderated(float(means.var(ddof=1)), count - 1, expected=expected, prior=prior)
    of_teachers = square / count
    variance = of_teachers + of_pictures
    if variance:
        freedom = freedom_of_parts(of_teachers, freedom, of_pictures, many)
    half = math.sqrt(variance) * float(student_t.ppf((1 + LEVEL) / 2, freedom))
    return Value(mean, mean - half, mean + half, n), {"error": math.sqrt(variance), "freedom": freedom}
