"""The figures of the Gaussian study: accuracy against γ or α, with intervals and the paper's values."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from msd.mfh.gaussian.table import METHODS
from msd.report.style import INK, PALETTE, Look, new_figure
from msd.tables.cell import Cell
from msd.tables.table import Table
from msd.tables.text import number

LOOKS = {
    "teacher-regular": Look(PALETTE[0], "o", "-"),
    "teacher-general": Look(PALETTE[2], "^", (0, (5, 1.5))),
    "no-kd": Look(INK, "s", (0, (1, 1.2))),
    "kd-regular": Look(PALETTE[0], "o", "-"),
    "kd-general": Look(PALETTE[2], "^", (0, (5, 1.5))),
    "kd-specific": Look(PALETTE[3], "D", (0, (5, 1.5, 1, 1.5))),
}
PANELS = {"Teachers": ["teacher-regular", "teacher-general"], "Students": [*list(LOOKS)[2:]]}


def sweep_figure(table: Table) -> Figure:
    """Teachers above, students below, over the swept share of channels; hollow marks are the paper's values."""
    figure, panels = new_figure(2, row_height=2.5, sharex=True)
    for (title, methods), [axes] in zip(PANELS.items(), panels, strict=True):
        for method in methods:
            _line(axes, [cell for cell in table.cells if cell.method == method], method)
        axes.set_title(title)
        axes.set_ylabel("Accuracy, %")
        if any(_published(cell) is not None for cell in table.cells if cell.method in methods):
            paper = Line2D([], [], linestyle="none", marker="o", markersize=9, markerfacecolor="none", color=INK)
            paper.set_label("paper")
            axes.add_line(paper)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    panels[-1][0].set_xlabel(table.more["swept"])
    return figure


def _line(axes: Axes, cells: Sequence[Cell], method: str) -> None:
    """Mean and interval where the net exists, and what the paper says."""
    look = LOOKS[method]
    known = [cell for cell in cells if cell.value.mean is not None]
    at = [cell.place["setting"] for cell in known]
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.dash, "marker": look.marker, "markersize": 5}
    means, lows, highs = ([getattr(cell.value, name) for cell in known] for name in ("mean", "low", "high"))
    axes.plot(at, means, label=METHODS[method], **style)
    if None not in lows:
        axes.fill_between(at, lows, highs, color=look.colour, alpha=0.1, linewidth=0)
    published = [(cell.place["setting"], value) for cell in cells if (value := _published(cell)) is not None]
    if published:
        marks: dict[str, Any] = {"marker": look.marker, "markerfacecolor": "none", "markersize": 9, "linestyle": "none"}
        axes.plot(*zip(*published, strict=True), color=look.colour, **marks)


def _published(cell: Cell) -> float | None:
    return None if cell.paper is None else cell.paper.value


def sweep_alternative(table: Table) -> str:
    """The figure's values in words, for those who do not see it."""
    parts = [
        f"{METHODS[cell.method]} at {cell.place['setting']:g}: {number(cell.value.mean)}"
        for cell in table.cells
        if cell.value.mean is not None
    ]
    return f"Accuracy in percent against {table.more['swept']}. {'; '.join(parts)}."
