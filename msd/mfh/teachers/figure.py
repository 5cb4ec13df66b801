"""The figure of `gain_rank`: what students gain against γ and against the teacher's own score, side by side."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from msd.report.style import FAINT, INK, MARKERS, PALETTE, new_figure
from msd.tables.table import Table
from msd.tables.text import number

COLOURS = {"regular": INK, "general": PALETTE[2], "specific": PALETTE[3], "random": PALETTE[5]}
PREDICTORS = {"counts": "γ by counts", "score": "Teacher's score"}
ROWS = {"all": "", "within": ",\nless the regular one's"}


def gain_figure(table: Table) -> Figure:
    """Above: every mark. Below: differences to the regular teacher of the same dataset and direction."""
    figure, panels = new_figure(2, 2, row_height=2.7, sharey="row")
    marks = table.more["marks"]
    regular = {mark["group"]: mark for mark in marks if mark["kind"] == "regular"}
    shapes = dict(zip(table.more["datasets"], MARKERS, strict=False))
    for (scope, less), row in zip(ROWS.items(), panels, strict=True):
        for (predictor, name), axes in zip(PREDICTORS.items(), row, strict=True):
            for mark in marks:
                if scope == "all" or mark["kind"] != "regular":
                    origin = {"gain": 0, predictor: 0} if scope == "all" else regular[mark["group"]]
                    _mark(axes, mark, origin, predictor=predictor, shape=shapes[mark["dataset"]])
            axes.axhline(0, color=FAINT, linewidth=1, zorder=1)
            if scope == "within":
                axes.axvline(0, color=FAINT, linewidth=1, zorder=1)
            axes.set_title(_rho(table, scope, predictor), fontsize=10, fontweight="normal")
            axes.set_xlabel(f"{name}{less}")
            axes.tick_params(labelsize=9)
        row[0].set_ylabel(f"Gain over no KD{less}")
    _legend(figure, table, shapes)
    figure.set_label(gain_alternative(table))
    return figure


def _mark(axes: Axes, mark: dict[str, Any], origin: dict[str, Any], *, predictor: str, shape: str) -> None:
    """One kind of a dataset's teachers: colour the kind, shape the dataset, size r, filled where it sees both views."""
    colour = COLOURS[mark["kind"]]
    face = colour if mark["teacher"] == "both" else "none"
    at = mark[predictor] - origin[predictor], mark["gain"] - origin["gain"]
    size = 18 + 40 * mark["share"]
    axes.scatter(*at, s=size, marker=shape, facecolors=face, edgecolors=colour, linewidths=1, alpha=0.75, zorder=2)


def _rho(table: Table, scope: str, predictor: str) -> str:
    [rho] = [cell.value for cell in table.cells if cell.place == {"scope": scope, "predictor": predictor}]
    if rho.mean is None:
        return "ρ undefined"
    bounds = "" if rho.low is None or rho.high is None else f" [{number(rho.low)}, {number(rho.high)}]"
    return f"ρ = {number(rho.mean)}{bounds}"


def _legend(figure: Figure, table: Table, shapes: dict[str, str]) -> None:
    empty: dict[str, Any] = {"linestyle": "none", "markersize": 6}
    kinds = [Line2D([], [], color=colour, marker="o", label=kind, **empty) for kind, colour in COLOURS.items()]
    sets = [
        Line2D([], [], color=FAINT, marker=shape, label=table.more["datasets"][name], **empty)
        for name, shape in shapes.items()
    ]
    views = [
        Line2D([], [], color=FAINT, marker="o", markerfacecolor=face, label=label, **empty)
        for label, face in (("sees image and text", FAINT), ("sees one of them", "none"))
    ]
    figure.legend(handles=[*kinds, *sets, *views], loc="outside upper left", ncols=3, fontsize=9, columnspacing=1.2)


def gain_alternative(table: Table) -> str:
    """The figure's message, for those who do not see it."""
    return str(table.more["alternative"])
