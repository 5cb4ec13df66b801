"""Stage `mfh_tables`: the tables of every part of the study, and how often its values and expectations hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msd.mfh.av_mnist.table import av_mnist_tables
from msd.mfh.crossmodal.table import crossmodal_tables
from msd.mfh.gaussian.table import gaussian_tables
from msd.mfh.teachers.table import teacher_tables
from msd.tables.render import RENDERINGS
from msd.tables.verdict import OUTSIDE, WITHIN

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.study import ReportParams

PARTS = (gaussian_tables, av_mnist_tables, crossmodal_tables, teacher_tables)
"""Each makes the tables of a part of the study from the inputs of the job; none where the study lacks the part."""


def tables(job: Job[ReportParams]) -> dict[str, float]:
    """Write each of outputs["tables"], <table>.{json,csv,md,tex}; returns counts of verdicts and expectations."""
    made = {table.name: table for part in PARTS for table in part(job)}
    for path in map(Path, job.outputs["tables"]):
        path.write_text(RENDERINGS[path.suffix.removeprefix(".")](made[path.stem]), encoding="utf-8")
    verdicts = [cell.paper.verdict for table in made.values() for cell in table.cells if cell.paper is not None]
    checks = [check["holds"] for table in made.values() for check in table.more["checks"]]
    return {
        "cells/within": float(verdicts.count(WITHIN)),
        "cells/outside": float(verdicts.count(OUTSIDE)),
        "order/holds": float(checks.count(True)),
        "order/fails": float(checks.count(False)),
    }
