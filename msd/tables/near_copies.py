"""Scores without the test samples that training has nearly seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from msd.measure.metric import METRICS
from msd.tables.cell import ONE_TEACHER, Cell, Value
from msd.tables.comparisons import make_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msd.tables.results import Array, DatasetResults
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
        if found := int(results.near_copies.sum()):
            cells += _cells(study, results)
            counts.append(f"{results.title}: {found:,} of {len(results.near_copies):,} test samples")
    return make_table(
        "near-copies",
        cells,
        study.params,
        rows=["dataset", "method"],
        columns=["measure"],
        measures=MEASURES,
        caption="Test scores with and without the near-copies of training samples.",
        notes=[RULE, f"{'; '.join(counts) or 'No test sample of any data set'} is a near-copy."],
    )


def _cells(study: StudyResults, results: DatasetResults) -> list[Cell]:
    """The teacher's and each method's cells with all samples, and with those apart from training."""
    cells = []
    metric, keep = METRICS[results.metric], ~results.near_copies
    models: Mapping[str, Mapping[str, Array]] = {
        "teacher": results.teachers["both"],
        **{name: own.logits("test", "both") for name, own in results.methods.items()},
    }
    for name, by_seed in models.items():
        own = results.methods.get(name)
        for measure, rows in (("all", np.ones_like(keep)), ("apart", keep)):
            values = {
                seed: metric.value(logits[rows], results.gold[rows], results.task).value
                for seed, logits in by_seed.items()
            }
            value = Value.over_seeds(values, metric=metric.name, why=None if own else ONE_TEACHER)
            cell = Cell(
                dataset=results.name,
                method=name,
                metric=metric.name,
                split="test",
                value=value,
                place={"measure": measure},
                selected=own.content["selected"] if own else None,
                runs=own.content["runs"] if own else study.teacher_runs(results),
            )
            cells.append(cell)
    return cells
