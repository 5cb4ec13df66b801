"""Stage `report`: the whole study on one HTML page that needs no network."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from msd.errors import UserError
from msd.reporting.comparisons import metric_title, titles
from msd.reporting.render import Entry, Table, grid, notes, number
from msd.reporting.results import read_json

if TYPE_CHECKING:
    from msd.job import Job

FIGURE_TITLES = {
    "main": "Scores",
    "densities": "Model outputs",
    "saliency": "Saliency",
    "curves": "Training curves",
    "weights": "Learned weights",
}


@dataclass(frozen=True)
class PageTable:
    """A table as the page shows it; each row is its headers with the rows they span, and its entries."""

    name: str
    caption: str
    heads: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[tuple[Sequence[tuple[str, int]], Sequence[Entry]]]
    notes: Sequence[str]


@dataclass(frozen=True)
class PageFigure:
    """A figure as the page shows it, its picture inside the page."""

    name: str
    title: str
    source: str
    width: int
    height: int
    alt: str


def report(job: Job) -> dict[str, float]:
    """Write report.html from the tables' JSON, the figures' SVG, captions, cells, sources and the study file."""
    tables = {table["name"]: table for table in map(read_json, job.inputs["tables"])}
    if "main" not in tables:
        raise UserError("the report job needs the table main.json among its inputs")
    figures = [_page_figure(Path(path), tables["main"]) for path in job.inputs["figures"]]
    captions = {Path(path).stem: _paragraphs(Path(path)) for path in job.inputs["captions"]}
    groups = _group(figures, captions)
    environment = Environment(loader=PackageLoader("msd.reporting"), autoescape=True, undefined=StrictUndefined)
    environment.globals.update(number=number, metric_title=metric_title)
    page = environment.get_template("report.html.j2").render(
        params=job.params,
        titles=titles(job.params),
        tables={name: page_table(table) for name, table in tables.items()},
        samples=tables["main"]["samples"],
        groups=groups,
        cells=[read_json(path) for path in job.inputs["cells"]],
        sources=[read_json(path) for path in job.inputs["sources"]],
        environment=read_json(job.inputs["environment"]),
        study=Path(job.inputs["study"]).read_text(encoding="utf-8"),
    )
    Path(job.outputs["report"]).write_text(page, encoding="utf-8")
    return {"tables": float(len(tables)), "figures": float(len(figures)), "bytes": float(len(page.encode()))}


def page_table(table: Table) -> PageTable:
    """A table's grid with equal row headers joined."""
    layout = grid(table)
    rows = []
    for index, (labels, entries) in enumerate(zip(layout.labels, layout.rows, strict=True)):
        headers = []
        for depth, label in enumerate(labels):
            path = labels[: depth + 1]
            if index and layout.labels[index - 1][: depth + 1] == path:
                continue
            span = 1
            while index + span < len(layout.labels) and layout.labels[index + span][: depth + 1] == path:
                span += 1
            headers.append((label, span))
        rows.append((headers, entries))
    return PageTable(table["name"], table["caption"], layout.heads, layout.columns, rows, notes(table))


def _page_figure(path: Path, main: Table) -> PageFigure:
    """Read an SVG into a data URI: as an image of its own, its ids cannot clash with another figure's."""
    text = path.read_text(encoding="utf-8")
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    if path.suffix != ".svg" or size is None:
        raise UserError(f"{path} is not an SVG figure of the figures stage")
    width, height = (round(float(points) * 4 / 3) for points in size.groups())  # points to CSS pixels
    kind, _, dataset = path.stem.partition("-")
    title = main["titles"]["dataset"].get(dataset, FIGURE_TITLES.get(kind, path.stem))
    source = "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode()
    return PageFigure(path.stem, title, source, width, height, _alternative(kind, title, main))


def _alternative(kind: str, title: str, main: Table) -> str:
    """Text for those who do not see the figure; the scores themselves for the main one."""
    if kind != "main":
        return f"{FIGURE_TITLES.get(kind, kind)}: {title}. The caption says what to see."
    parts = []
    for dataset, name in main["titles"]["dataset"].items():
        scores = [
            f"{main['titles']['method'][cell['method']]} {number(cell['mean'])}"
            for cell in main["cells"]
            if cell["dataset"] == dataset and cell["mean"] is not None
        ]
        parts.append(f"{name} ({main['titles']['metric'][dataset]}): {', '.join(scores)}.")
    return "Dot plot of test scores. " + " ".join(parts)


def _paragraphs(path: Path) -> list[str]:
    """Paragraphs of a caption file."""
    return [" ".join(part.split()) for part in path.read_text(encoding="utf-8").split("\n\n") if part.strip()]


def _group(
    figures: Sequence[PageFigure], captions: Mapping[str, list[str]]
) -> list[tuple[str, str, list[PageFigure], list[str]]]:
    """(kind, title, figures, caption) with all figures of a kind together, in the order of the inputs."""
    kinds = list(dict.fromkeys(figure.name.partition("-")[0] for figure in figures))
    missing = [kind for kind in kinds if kind not in captions]
    if missing:
        raise UserError(f"the figure {missing[0]!r} has no caption: add workflow/report/{missing[0]}.rst to the inputs")
    return [
        (
            kind,
            FIGURE_TITLES.get(kind, kind.capitalize()),
            [figure for figure in figures if figure.name.partition("-")[0] == kind],
            captions[kind],
        )
        for kind in kinds
    ]
