"""The report's first screen: a mark for the verdict on each claim and task, and one forest plot of the tests behind."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from msd.report.page import PageFigure, data_uri
from msd.report.style import FAINT, INK, PALETTE, SETTINGS, new_figure
from msd.tables.cell import Cell
from msd.tables.claim_tests import ALL
from msd.tables.claims import measured_title
from msd.tables.power import power_sentence
from msd.tables.table import Table
from msd.tables.text import difference_text
from msd.tables.verdict import (
    AS_PREDICTED,
    EXPLORATORY,
    INCONCLUSIVE,
    NOT_AS_PREDICTED,
    NOT_RUN,
    NOT_SUPPORTED,
    SUPPORTED,
)

MARKS = {
    SUPPORTED: ("✔", "good"),
    NOT_SUPPORTED: ("✘", "bad"),
    INCONCLUSIVE: ("○", "open"),
    AS_PREDICTED: ("✔", "good"),
    NOT_AS_PREDICTED: ("✘", "bad"),
    EXPLORATORY: ("·", "open"),
    NOT_RUN: ("–", "open"),
}
"""Verdict -> mark and class: never colour alone."""
PANELS = 4
LONGEST = 19  # letters of a panel's title that stand in one line
PARTS = {"primary": "", "control": "control", "other": "not primary", ALL: ""}


@dataclass(frozen=True)
class Mark:
    """A verdict as the matrix shows it; lineage: the name of its cell."""

    sign: str
    style: str
    words: str
    lineage: str


@dataclass(frozen=True)
class Glance:
    """What the first screen shows: tasks are (title, part), rows are (claim, its title, marks)."""

    tasks: Sequence[tuple[str, str]]
    rows: Sequence[tuple[str, str, Sequence[Mark | None]]]
    legend: Sequence[tuple[str, str, str]]
    power: str
    forest: PageFigure | None


def glance(table: Table, datasets: dict[str, str]) -> Glance:
    """The first screen of the table of claims; datasets: name -> title."""
    order = {"primary": 0, "control": 2, "other": 3, ALL: 1}
    parts = {cell.dataset: str(cell.details["part"]) for cell in table.cells}
    tasks = sorted(parts, key=lambda name: order[parts[name]])
    cells = {(cell.place["claim"], cell.dataset): cell for cell in table.cells}
    rows = [
        (key, str(claim["title"]), [_mark(cells.get((key, name)), table) for name in tasks])
        for key, claim in table.more["claims"].items()
    ]
    shown = {mark.words for _, _, marks in rows for mark in marks if mark is not None}
    return Glance(
        tasks=[("All primary", "") if name == ALL else (datasets[name], PARTS[parts[name]]) for name in tasks],
        rows=rows,
        legend=[(*MARKS[words], words) for words in MARKS if words in shown],
        power=power_sentence(table),
        forest=_forest(table, [name for name in tasks if name != ALL], parts, datasets),
    )


def _mark(cell: Cell | None, table: Table) -> Mark | None:
    if cell is None or cell.verdict is None:
        return None
    return Mark(*MARKS[cell.verdict.outcome], cell.verdict.outcome, f"{table.name}#{table.short_name(cell)}")


def _forest(table: Table, tasks: list[str], parts: dict[str, str], datasets: dict[str, str]) -> PageFigure | None:
    """One panel a claim: each task's difference with its interval, primary tasks above the line."""
    compared: dict[str, dict[str, Cell]] = {}
    for cell in table.cells:
        if cell.against is not None and cell.against.difference is not None and cell.dataset != ALL:
            compared.setdefault(str(cell.place["claim"]), {})[cell.dataset] = cell
    panels = dict(list(compared.items())[:PANELS])
    if not panels:
        return None
    with mpl.rc_context(SETTINGS | {"font.size": 10, "axes.titlesize": 10}):
        figure = _drawn(panels, table, tasks, parts, datasets)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    said = []
    for key, cells in panels.items():
        gaps = [f"{datasets[name]} {difference_text(cell.against)}" for name, cell in cells.items() if cell.against]
        said.append(f"{key} {table.more['claims'][key]['title']}: {'; '.join(gaps)}")
    alt = f"Forest plot of the tests of {len(panels)} claims, with their intervals. {'. '.join(said)}."
    return PageFigure("claims", "Tests of claims", data_uri(buffer.getvalue()), width, height, alt)


def _drawn(
    panels: dict[str, dict[str, Cell]],
    table: Table,
    tasks: list[str],
    parts: dict[str, str],
    datasets: dict[str, str],
) -> Figure:
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure, grid = new_figure(rows, columns, row_height=0.8 + 0.2 * len(tasks), sharey=True)
    figure.set_size_inches(figure.get_size_inches()[0], rows * (0.8 + 0.2 * len(tasks)) + 0.2)
    flat = [axes for row in grid for axes in row]
    primary = sum(parts[name] == "primary" for name in tasks)
    for axes, (key, cells) in zip(flat, panels.items(), strict=False):
        claim = table.more["claims"][key]
        for row, name in enumerate(tasks):
            if name in cells:
                _interval(axes, cells[name], row=row, is_primary=parts[name] == "primary")
        axes.axvline(0, color=INK, linewidth=1, zorder=1)
        if primary < len(tasks):
            axes.axhline(primary - 0.5, color=FAINT, linewidth=0.8, linestyle=(0, (4, 2)))
        axes.set_title("\n".join(wrap(f"{key} {claim['title']}", LONGEST)))
        axes.set_xlabel(f"Δ {measured_title(claim['measures'])}", fontsize=9)
        axes.set_yticks(range(len(tasks)), [datasets[name] for name in tasks])
        axes.set_ylim(len(tasks) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(3))
        if claim["rule"] == "lower":
            axes.invert_xaxis()
    for axes in flat[len(panels) :]:
        axes.set_visible(False)
    return figure


def _interval(axes: Axes, cell: Cell, *, row: int, is_primary: bool) -> None:
    """A difference with its interval: filled for a primary task, hollow for another; in colour where it is decided."""
    against = cell.against
    assert against is not None
    assert against.difference is not None
    decided = cell.verdict is not None and MARKS[cell.verdict.outcome][1] != "open"
    colour = PALETTE[0] if decided else FAINT
    if against.low is not None and against.high is not None:
        axes.plot([against.low, against.high], [row, row], color=colour, linewidth=2.2, zorder=3)
    marker: dict[str, Any] = {
        "marker": "o",
        "markersize": 7,
        "markeredgecolor": colour,
        "markeredgewidth": 1.6,
        "zorder": 4,
    }
    axes.plot(against.difference, row, color=colour if is_primary else "white", **marker)
