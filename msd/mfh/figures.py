"""Stage `mfh_figures`: accuracy against γ or α, with intervals and the paper's values, as in the paper's figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from msd.mfh.tables import METHODS, Table
from msd.mfh.teachers.gain_figure import gain_figure
from msd.report.style import INK, PALETTE, SETTINGS, Look, new_figure, save
from msd.tables.results import read_json

if TYPE_CHECKING:
    from msd.job import Job

LOOKS = {
    "teacher-regular": Look(PALETTE[0], "o", "-"),
    "teacher-general": Look(PALETTE[2], "^", (0, (5, 1.5))),
    "no-kd": Look(INK, "s", (0, (1, 1.2))),
    "kd-regular": Look(PALETTE[0], "o", "-"),
    "kd-general": Look(PALETTE[2], "^", (0, (5, 1.5))),
    "kd-specific": Look(PALETTE[3], "D", (0, (5, 1.5, 1, 1.5))),
}
PANELS = {"Teachers": ["teacher-regular", "teacher-general"], "Students": [*list(LOOKS)[2:]]}


def figures(job: Job) -> dict[str, float]:
    """Write gaussian-<experiment>.{svg,png}, each from the table gaussian_<experiment>, and so gain-rank."""
    tables = {table["name"].replace("_", "-"): table for table in map(read_json, job.inputs["tables"])}
    for name, table in tables.items():
        with mpl.rc_context(SETTINGS):
            figure = gain_figure(table) if name == "gain-rank" else sweep_figure(table)
        for path in job.outputs["figures"]:
            if Path(path).stem == name:
                save(figure, path)
    return {}


def sweep_figure(table: Table) -> Figure:
    """Teachers above, students below, over the swept share of channels; hollow marks are the paper's values."""
    figure, panels = new_figure(2, row_height=2.5, sharex=True)
    for (title, methods), [axes] in zip(PANELS.items(), panels, strict=True):
        for method in methods:
            _line(axes, [cell for cell in table["cells"] if cell["method"] == method], method)
        axes.set_title(title)
        axes.set_ylabel("Accuracy, %")
        if any(cell["paper"] is not None for cell in table["cells"] if cell["method"] in methods):
            paper = Line2D([], [], linestyle="none", marker="o", markersize=9, markerfacecolor="none", color=INK)
            paper.set_label("paper")
            axes.add_line(paper)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    panels[-1][0].set_xlabel(table["swept"])
    return figure


def _line(axes: Axes, cells: list[dict[str, Any]], method: str) -> None:
    """Mean and interval where the net exists, and what the paper says."""
    look = LOOKS[method]
    known = [cell for cell in cells if cell["mean"] is not None]
    at = [cell["setting"] for cell in known]
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.dash, "marker": look.marker, "markersize": 5}
    axes.plot(at, [cell["mean"] for cell in known], label=METHODS[method], **style)
    if all(cell["low"] is not None for cell in known):
        lows, highs = ([cell[side] for cell in known] for side in ("low", "high"))
        axes.fill_between(at, lows, highs, color=look.colour, alpha=0.1, linewidth=0)
    published = [(cell["setting"], cell["paper"]) for cell in cells if cell["paper"] is not None]
    if published:
        marks: dict[str, Any] = {"marker": look.marker, "markerfacecolor": "none", "markersize": 9, "linestyle": "none"}
        axes.plot(*zip(*published, strict=True), color=look.colour, **marks)
