"""How scores depend on a hyper-parameter: every point of every grid, on validation and on test."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from matplotlib.figure import Figure

from msd.errors import UserError
from msd.measure.intervals import mean_interval
from msd.report.style import DASHES, Look, legend, new_figure
from msd.tables.results import DatasetResults

Variant = Mapping[str, Any]
SPLITS = {"val": "validation", "test": "test"}
SYMBOLS = {"lambda": "λ", "strength": "c", "temperature": "T"}
MEANINGS = {
    "lambda": "λ: share of the distillation loss",
    "strength": "c: strength of the terms of single modalities",
    "temperature": "T: temperature",
}
LONG = 22  # letters of a label, of which two do not fit beside each other
SPREAD = 0.6  # of the distance between two values, taken by the methods beside each other


def searched(results: DatasetResults, method: str) -> list[str]:
    """Parameters of which a method's variants have more than one value."""
    variants = results.methods[method].content["variants"]
    names = list(dict.fromkeys(name for variant in variants for name in variant["parameters"]))
    return [name for name in names if len({str(variant["parameters"].get(name)) for variant in variants}) > 1]


def lines_of(variants: Sequence[Variant], parameter: str) -> list[list[Variant]]:
    """Variants that differ in `parameter` alone, in the order of its value: one line each."""
    groups: dict[str, list[Variant]] = {}
    for variant in variants:
        rest = {name: value for name, value in variant["parameters"].items() if name != parameter}
        groups.setdefault(str(sorted(rest.items())), []).append(variant)
    return [sorted(line, key=lambda variant: variant["parameters"][parameter]) for line in groups.values()]


def sensitivity_figure(
    study: Mapping[str, DatasetResults],
    parameter: str,
    *,
    titles: Mapping[str, Mapping[str, str]],
    styles: Mapping[str, Look],
) -> Figure:
    """One row a dataset, validation left and test right: mean and 95 % t-interval over seeds by value of `parameter`.

    A line is a method and a value of what else it searches; selected points are filled. UserError where none does.
    """
    searching = {
        dataset: [name for name in results.methods if parameter in searched(results, name)]
        for dataset, results in study.items()
    }
    study = {dataset: results for dataset, results in study.items() if searching[dataset]}
    if not study:
        raise UserError(f"no method of the study searches {parameter!r}, so there is no figure of it")
    variants = [
        variant
        for dataset, results in study.items()
        for name in searching[dataset]
        for variant in results.methods[name].content["variants"]
    ]
    values = sorted({variant["parameters"][parameter] for variant in variants})
    figure, panels = new_figure(len(study), 2, row_height=1.9, sharey="row")
    for (dataset, results), row in zip(study.items(), panels, strict=True):
        lines = [
            drawn
            for method in searching[dataset]
            for drawn in _lines(results, method, parameter, title=titles["method"][method], look=styles[method])
        ]
        for (split, name), axes in zip(SPLITS.items(), row, strict=True):
            _draw_all(axes, lines, values, parameter=parameter, split=split)
            axes.set_title(f"{titles['dataset'][dataset]}\n{name}" if split == "val" else f"\n{name}")
        row[0].set_ylabel(titles["metric"][dataset])
    figure.supxlabel(MEANINGS.get(parameter, parameter), fontsize="medium")
    longest = max(len(text) for text in panels[0][0].get_legend_handles_labels()[1])
    legend(figure, panels[0][0], columns=1 if longest > LONG else 2)
    return figure


def _lines(
    results: DatasetResults, method: str, parameter: str, *, title: str, look: Look
) -> list[tuple[list[Variant], Look, str, str]]:
    """Each line of a method with its look, its label and the variant that was selected."""
    content = results.methods[method].content
    others = [name for name in searched(results, method) if name != parameter]
    lines = []
    for number, line in enumerate(lines_of(content["variants"], parameter)):
        rest = [f"{SYMBOLS.get(name, name)} = {line[0]['parameters'][name]}" for name in others]
        own = replace(look, dash=DASHES[number % len(DASHES)]) if others else look
        lines.append((line, own, ", ".join([title, *rest]), content["selected"]))
    return lines


def _draw_all(
    axes: Any, lines: Sequence[tuple[list[Variant], Look, str, str]], values: list[Any], *, parameter: str, split: str
) -> None:
    """All lines side by side, over the values of `parameter`."""
    for place, (line, look, label, chosen) in enumerate(lines):
        shift = SPREAD * ((place + 0.5) / len(lines) - 0.5)
        at = [values.index(variant["parameters"][parameter]) + shift for variant in line]
        _draw(axes, at, line, split=split, look=look, label=label, chosen=chosen)
    axes.set_xticks(range(len(values)), [str(value) for value in values])
    axes.set_xlim(-0.5, len(values) - 0.5)
    axes.grid(visible=False, axis="x")


def _draw(
    axes: Any, at: Sequence[float], line: Sequence[Variant], *, split: str, look: Look, label: str, chosen: str
) -> None:
    """Means joined by a line, each with its interval; points that are undefined for a seed are left out."""
    points = []
    for place, variant in zip(at, line, strict=True):
        values = [value for value in variant[split]["values"].values() if value is not None]
        if len(values) == len(variant[split]["values"]):
            points.append((place, *mean_interval(values), variant["variant"] == chosen))
    axes.plot([point[0] for point in points], [point[1] for point in points], color=look.colour, linestyle=look.dash,
              linewidth=1.0, alpha=0.6)  # fmt: skip
    axes.plot([], [], marker=look.marker, markersize=6, color=look.colour, linestyle=look.dash, label=label)
    for place, mean, low, high, is_chosen in points:
        if low is not None:
            axes.plot([place, place], [low, high], color=look.colour, linewidth=1.5)
        face = look.colour if is_chosen else "white"
        axes.plot(place, mean, marker=look.marker, markersize=6, color=look.colour, markerfacecolor=face)
