"""The other figures: scores with intervals, saliency, training curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from msd.measure.scorers import FloatArray
from msd.report.densities import density
from msd.report.style import FAINT, INK, MODALITY_COLOURS, PALETTE, Look, legend, new_figure
from msd.tables.cell import Cell, Value
from msd.tables.comparisons import MEASURES
from msd.tables.table import Table

FLOOR = 1e-3  # what is smaller, zero included, is drawn at the left edge


def main_figure(table: Table, *, styles: Mapping[str, Look]) -> Figure:
    """One panel a dataset: seeds, mean and interval of each method, with teacher and probe as lines.

    A method far below all others stands at the left edge as an arrow with its mean: see :func:`far_below`.
    """
    methods = [name for name in styles if name != "teacher"]
    datasets = list(dict.fromkeys(cell.dataset for cell in table.cells))
    figure, panels = new_figure(len(datasets), row_height=0.75 + 0.19 * len(methods))
    for dataset, [axes] in zip(datasets, panels, strict=True):
        cells = {cell.method: cell for cell in table.cells if cell.dataset == dataset}
        for name, dash in (("teacher", (0, (1, 1.2))), ("probe", (0, (5, 1.5)))):
            mean = cells[name].value.mean if name in cells else None
            if mean is not None:
                label = table.titles["method"][name]
                axes.axvline(mean, color=INK, linestyle=dash, linewidth=1.3, label=label, zorder=1)
        far = far_below({method: cells[method].value for method in methods if method in cells})
        for row, method in enumerate(methods):
            if method in far:
                _arrow(axes, cells[method], row=row, look=styles[method])
            elif method in cells:
                _dot(axes, cells[method], row=row, look=styles[method])
        axes.set_yticks(range(len(methods)), [table.titles["method"][method] for method in methods])
        axes.set_ylim(len(methods) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        metric = table.titles["metric"][dataset]
        axes.set_title(f"{table.titles['dataset'][dataset]} · {metric}, test")
    legend(figure, panels[0][0])
    return figure


def _dot(axes: Any, cell: Cell, *, row: int, look: Look) -> None:
    """Mean with interval and, fainter, every seed."""
    value = cell.value
    if value.mean is None:
        return
    seeds = list(value.by_seed.values())
    axes.scatter(seeds, [row + 0.3] * len(seeds), s=10, color=look.colour, alpha=0.5, linewidths=0, zorder=2)
    if value.low is not None:
        axes.plot([value.low, value.high], [row, row], color=look.colour, linewidth=2.2, zorder=3)
    axes.plot(value.mean, row, marker=look.marker, markersize=7, color=look.colour, markeredgecolor="white", zorder=4)


def _arrow(axes: Any, cell: Cell, *, row: int, look: Look) -> None:
    """At the left edge: a mean that lies beyond it, in words."""
    edge = axes.get_yaxis_transform()
    axes.plot(0.012, row, marker="<", markersize=7, color=look.colour, transform=edge, clip_on=False)
    axes.text(0.035, row, f"{cell.value.mean:.3f}, off the axis", color=INK, fontsize=9, va="center", transform=edge)


def far_below(values: Mapping[str, Value]) -> set[str]:
    """Methods that an axis cannot show without pressing all others together: controls that ruin the student.

    They are fewer than half, and the gap between them and the rest, intervals and seeds included, is wider than
    the rest.
    """
    spans = {}
    for name, value in values.items():
        if value.mean is not None:
            ends = [end for end in (value.mean, value.low, value.high, *value.by_seed.values()) if end is not None]
            spans[name] = (min(ends), max(ends))
    ascending = sorted(spans, key=lambda name: spans[name])
    for count in range(1, (len(ascending) + 1) // 2):
        below, rest = ascending[:count], ascending[count:]
        start, end = min(spans[name][0] for name in rest), max(spans[name][1] for name in rest)
        if start - max(spans[name][1] for name in below) > end - start:
            return set(below)
    return set()


def saliency_figure(
    saliency: Mapping[str, Mapping[str, FloatArray]], *, titles: Mapping[str, str], measure: str
) -> Figure:
    """One panel a dataset: saliency (N,) of each modality over test samples, on a logarithmic axis, means as ticks."""
    top = max(float(values.max()) for modalities in saliency.values() for values in modalities.values())
    low, high = np.log10(FLOOR), np.log10(max(top, 10 * FLOOR)) + 0.1
    figure, panels = new_figure(len(saliency), row_height=1.35, sharex=True)
    for (dataset, modalities), [axes] in zip(saliency.items(), panels, strict=True):
        for modality, values in modalities.items():
            logarithms = np.log10(np.maximum(values, FLOOR))
            at, height = density(logarithms, low=low, high=high, bandwidth=0.12)
            dash: Any = "-" if modality == "image" else (0, (5, 1.5))
            look = {"color": MODALITY_COLOURS[modality], "linestyle": dash}
            axes.plot(at, height, label=modality.capitalize(), **look)
            axes.fill_between(at, height, color=look["color"], alpha=0.12, linewidth=0)
            mean = np.log10(max(float(values.mean()), FLOOR))
            axes.plot([mean, mean], [0, 0.16], transform=axes.get_xaxis_transform(), **look, linewidth=3)
        axes.set_title(titles[dataset])
        axes.set_ylabel("Density")
        axes.set_ylim(bottom=0)
        axes.set_xlim(low, high)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.xaxis.set_major_formatter(FuncFormatter(_power))
    panels[-1][0].set_xlabel(f"Saliency: {MEASURES.get(measure, measure)}")
    legend(figure, panels[0][0])
    return figure


def saliency_scatter_figure(
    saliency: Mapping[str, Mapping[str, FloatArray]], *, titles: Mapping[str, str], measure: str
) -> Figure:
    """One panel a dataset: a test sample's text saliency (N,) over its image saliency, both logarithmic."""
    logarithms = {
        dataset: [np.log10(np.maximum(modalities[modality], FLOOR)) for modality in ("image", "text")]
        for dataset, modalities in saliency.items()
    }
    low, high = np.log10(FLOOR), max(float(values.max()) for pair in logarithms.values() for values in pair) + 0.1
    figure, panels = new_figure((len(saliency) + 1) // 2, 2, row_height=2.3, sharex=True, sharey=True)
    flat = [axes for row in panels for axes in row]
    for axes, (dataset, (image, text)) in zip(flat, logarithms.items(), strict=False):
        axes.plot([low, high], [low, high], color=FAINT, linewidth=1, linestyle=(0, (5, 1.5)), zorder=1)
        axes.scatter(image, text, s=7, color=PALETTE[0], alpha=0.25, linewidths=0, rasterized=True, zorder=2)
        axes.set_title(f"{titles[dataset]}\ntext ahead: {100 * float(np.mean(text > image)):.0f} %")
        axes.set_aspect("equal")
        axes.tick_params(labelsize=9)
        axes.set(xlim=(low - 0.05, high), ylim=(low - 0.05, high))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axis.set_major_formatter(FuncFormatter(_power))
    for axes in flat[len(saliency) :]:
        axes.set_visible(False)
    figure.supxlabel(f"Image saliency: {MEASURES.get(measure, measure)}", fontsize="medium")
    figure.supylabel("Text saliency, same measure", fontsize="medium")
    return figure


def _power(exponent: float, _: int) -> str:
    """Tick label: 10 to the exponent; the left edge holds all that is smaller."""
    value = 10**exponent
    return f"≤{value:g}" if value <= FLOOR * 1.001 else f"{value:g}"


def curves_figure(
    curves: Mapping[str, Mapping[str, Mapping[str, pd.DataFrame]]],
    *,
    titles: Mapping[str, Mapping[str, str]],
    styles: Mapping[str, Look],
) -> Figure:
    """One row a dataset: training loss (left, logarithmic) and validation score (right) over epochs, mean of seeds.

    curves: dataset -> method -> "loss" or "score" -> frame with epoch and value.
    """
    figure, panels = new_figure(len(curves), 2, row_height=1.9)
    for (dataset, methods), row in zip(curves.items(), panels, strict=True):
        for axes, kind in zip(row, ("loss", "score"), strict=True):
            for method, by_kind in methods.items():
                _curve(axes, by_kind[kind], look=styles[method], label=titles["method"][method])
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        row[0].set_yscale("log")
        row[0].yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        row[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        row[0].yaxis.set_minor_locator(NullLocator())
        row[0].set_title(f"{titles['dataset'][dataset]}\ntraining loss")
        row[1].set_title(f"\nvalidation {titles['metric'][dataset]}")
    for axes in panels[-1]:
        axes.set_xlabel("Epoch")
    legend(figure, panels[0][0], columns=2)
    return figure


def _curve(axes: Any, frame: pd.DataFrame, *, look: Look, label: str) -> None:
    epochs: Sequence[int] = (frame["epoch"] + 1).tolist()
    marks: dict[str, Any] = {"marker": look.marker, "markersize": 4, "markeredgecolor": "white", "markeredgewidth": 0.5}
    axes.plot(epochs, frame["value"], color=look.colour, linestyle=look.dash, label=label, **marks)
    axes.tick_params(which="both", color=FAINT)
