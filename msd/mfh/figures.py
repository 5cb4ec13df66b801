"""Stage `mfh_figures`: the figure of every table that has one, and what it shows in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from msd.mfh.gaussian.figure import sweep_alternative, sweep_figure
from msd.mfh.teachers.figure import gain_alternative, gain_figure
from msd.report.style import SETTINGS, save
from msd.tables.table import Table, read_table

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.study import ReportParams


class Drawing(NamedTuple):
    """How a table is drawn, and what its figure shows in words, for those who do not see it."""

    draw: Callable[[Table], Figure]
    alternative: Callable[[Table], str]


FIGURES = {
    **dict.fromkeys(("gaussian_exp1", "gaussian_exp2", "gaussian_table2"), Drawing(sweep_figure, sweep_alternative)),
    "gain_rank": Drawing(gain_figure, gain_alternative),
}
"""Name of a table -> its figure."""


def figures(job: Job[ReportParams]) -> dict[str, float]:
    """Write each of outputs["figures"], <table>.{svg,png} with dashes for underscores, from the tables' JSON."""
    for table in map(read_table, job.inputs["tables"]):
        with mpl.rc_context(SETTINGS):
            figure = FIGURES[table.name].draw(table)
        for path in job.outputs["figures"]:
            if Path(path).stem == table.name.replace("_", "-"):
                save(figure, path)
    return {}
