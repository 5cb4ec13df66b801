"""How figures look and how they are saved: one palette, and the same bytes each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from msd.config.contracts.tables import ReportedMethod

# Okabe and Ito's colours for colour-blind readers, without the yellow that white paper swallows.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
INK, FAINT = "#222222", "#8a8a8a"
MODALITY_COLOURS = {"image": PALETTE[0], "text": PALETTE[3]}
WIDTH = 5.3  # inches: letters of 11 pt stay legible when a phone shows the whole width
SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "msd",
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Look:
    """Colour, marker and dash of one method, so that colour is never the only sign."""

    colour: str
    marker: str
    dash: Any


TEACHER = Look("#000000", "*", (0, (1, 1.2)))


def looks(methods: Sequence[ReportedMethod]) -> dict[str, Look]:
    """Method -> look, by its place in the study; the same in every figure."""
    by_method = {"teacher": TEACHER}
    for index, method in enumerate(methods):
        by_method[method.name] = Look(
            PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)], DASHES[index // len(PALETTE) % len(DASHES)]
        )
    return by_method


def new_figure(rows: int, columns: int = 1, *, row_height: float, **options: Any) -> tuple[Figure, list[list[Axes]]]:
    """An empty figure of `rows` × `columns` panels, row by row."""
    figure = Figure(figsize=(WIDTH, row_height * rows + 0.9), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, [list(row) for row in panels]


def legend(figure: Figure, axes: Axes, *, columns: int = 3) -> None:
    """One legend above all panels, from the lines of one of them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=2.4, columnspacing=1.4)


def save(figure: Figure, path: str) -> None:
    """Write SVG or PNG by the file's ending, without dates or versions; the figure's label describes the SVG."""
    kind = Path(path).suffix.removeprefix(".")
    described = {"Description": str(figure.get_label())} if figure.get_label() else {}
    metadata = {"svg": {"Date": None, "Creator": None, **described}, "png": {"Software": None}}[kind]
    with mpl.rc_context(SETTINGS):
        figure.savefig(path, format=kind, dpi=160, metadata=metadata)
