"""Scores without the test samples that training has nearly seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from msd.measure.metric import METRICS
from msd.tables.cell import ONE_MODEL, ONE_TEACHER, Cell, Value
from msd.tables.comparisons import make_table, titles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from msd.measure.scorers import FloatArray
    from msd.tables.results import Array, DatasetResults, MethodResults
    from msd.tables.study_results import StudyResults
    from msd.tables.table import Table

MEASURES = {"all": "All test samples", "apart": "Without near-copies"}
RULE = (
    "A near-copy: a test sample with the text of a training sample, letters and digits alone compared, or with a "
    "picture whose 16×16 pattern of lighter and darker cells a training picture has. Questions recur by their nature: "
    "where texts are questions, a near-copy has both."
)


def near_copies_table(study: StudyResults) -> Table:
    """Test scores with and without near-copies of training samples, of every data set that has any."""
    cells, counts = list[Cell](), list[str]()
    for results in study.datasets.values():
        if copies := int(results.near_copies.sum()):
            cells += _cells(study, results)
            counts.append(f"{results.title}: {copies:,} of {len(results.near_copies):,} test samples")
    return make_table(
        "near-copies",
        cells,
        study.params,
        rows=["dataset", "method"],
        columns=["measure"],
        measures=MEASURES,
        caption="Test scores with and without the near-copies of training samples, and the difference without them to "
        f"{titles(study.params)['method'][study.params.baseline]}.",
        notes=[RULE, f"{'; '.join(counts) or 'No test sample of any data set'} is a near-copy."],
    )


def _cells(study: StudyResults, results: DatasetResults) -> list[Cell]:
    """The cells of teacher, probe and each method with all samples, and with those apart from training."""
    references: dict[str, tuple[Mapping[str, Array], list[str], str]] = {
        "teacher": (results.teachers["both"], study.teacher_runs(results), ONE_TEACHER)
    }
    if results.probe is not None:
        references["probe"] = ({"0": results.probe}, study.probe_runs(results), ONE_MODEL)
    cells = []
    for name, (by_seed, runs, why) in references.items():
        for measure in MEASURES:
            value = _value(results, by_seed, measure, why=why)
            cells.append(Cell(**_about(results, name, measure), value=value, runs=runs))
    apart = {name: _apart(study, results, own) for name, own in results.methods.items()}

    def side(name: str, *, seeds: Sequence[str]) -> list[FloatArray]:
        return [apart[name][seed] for seed in seeds]

    for name, own in results.methods.items():
        for measure in MEASURES:
            teachers = study.teachers_of(results, name)
            value = _value(results, own.logits("test", "both"), measure, teachers=teachers)
            baseline = study.against_baseline(name) if measure == "apart" else None
            against = None if baseline is None else study.between(results, name, baseline, side)
            about: dict[str, Any] = {"selected": own.content["selected"], "runs": own.content["runs"]}
            cells.append(Cell(**_about(results, name, measure), value=value, against=against, **about))
    return cells


def _about(results: DatasetResults, name: str, measure: str) -> dict[str, Any]:
    about = {"dataset": results.name, "method": name, "metric": results.metric, "split": "test"}
    return about | {"place": {"measure": measure}}


def _value(results: DatasetResults, by_seed: Mapping[str, Array], measure: str, **more: Any) -> Value:
    """More: further arguments of `Value.over_seeds`."""
    rows = ~results.near_copies if measure == "apart" else np.ones_like(results.near_copies)
    metric = METRICS[results.metric]
    values = {
        seed: metric.value(logits[rows], results.gold[rows], results.task).value for seed, logits in by_seed.items()
    }
    return Value.over_seeds(values, metric=metric.name, **more)


def _apart(study: StudyResults, results: DatasetResults, own: MethodResults) -> dict[str, FloatArray]:
    """Seed -> score of the samples apart from training, on all resampled test splits."""
    keep = ~results.near_copies

    def resampled(logits: Array) -> FloatArray:
        scorer = METRICS[results.metric].scorer(logits[keep], results.gold[keep], results.task)
        return study.resampled(results, lambda weights: scorer(weights[:, keep]))

    return {seed: resampled(logits) for seed, logits in own.logits("test", "both").items()}
