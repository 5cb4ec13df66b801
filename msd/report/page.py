"""The parts of the report's page: tables whose cells know their lineage, figures, sections."""

import base64
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from msd.errors import UserError
from msd.tables.render import Entry, grid, notes
from msd.tables.table import Table
from msd.tables.text import number

FIGURE_TITLES = {
    "main": "Scores",
    "densities": "Model outputs",
    "saliency": "Saliency",
    "curves": "Training curves",
    "weights": "Learned weights",
    "sensitivity": "Sensitivity to hyper-parameters",
    "examples": "Examples",
    "rules": "The rule graph",
}
# Section -> title, tables, kinds of figures; what is in none gets a section of its own below them.
SECTIONS: dict[str, tuple[str, list[str], list[str]]] = {
    "verdicts": ("Verdicts", ["claims"], []),
    "scores": ("Scores", ["main", "thresholds", "near-copies", "weighting", "combined"], ["main"]),
    "outputs": ("What students predict from one modality", ["views", "missing"], ["densities"]),
    "teacher": ("Is there something to distil?", ["teacher", "lesson"], []),
    "saliency": (
        "How much each modality matters",
        ["saliency", "saliency-classes"],
        ["saliency", "examples", "weights"],
    ),
    "cost": ("What teacher and student cost", ["cost", "latency"], []),
    "training": ("Training curves", [], ["curves"]),
    "sensitivity": ("Does it depend on the hyper-parameters?", ["grid"], ["sensitivity"]),
}
LAST_FIGURE = "rules"  # it stands with the environment


@dataclass(frozen=True)
class PageEntry:
    """One printed cell, what it is sorted by, and the name of its lineage ("" where there is no cell)."""

    entry: Entry
    sort: float | str | None = None
    lineage: str = ""


@dataclass(frozen=True)
class PageTable:
    """A table as the page shows it.

    Attributes:
        name, caption, notes: of the table.   heads: of the columns of row headers.   columns: heads of the entries.
        rows: headers and entries of each.
    """

    name: str
    caption: str
    heads: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[tuple[Sequence[str], Sequence[PageEntry]]]
    notes: Sequence[str]


@dataclass(frozen=True)
class PageFigure:
    """A figure as the page shows it.

    Attributes:
        name: of its file.   title: dataset or kind.   source: the picture as a data URI.
        width, height: CSS pixels.   alt: text in its place.
    """

    name: str
    title: str
    source: str
    width: int
    height: int
    alt: str


@dataclass(frozen=True)
class Group:
    """All figures of a kind with their caption."""

    kind: str
    title: str
    figures: Sequence[PageFigure]
    caption: Sequence[str]


@dataclass(frozen=True)
class Section:
    """One heading of the page.

    Attributes:
        name: its anchor.   title: the heading.   tables: first.   groups: figures by kind, below them.
    """

    name: str
    title: str
    tables: Sequence[PageTable]
    groups: Sequence[Group]


def page_table(table: Table) -> PageTable:
    """A table's grid, every entry with its cell's lineage."""
    layout = grid(table)
    rows = [
        (labels, [_page_entry(entry, table) for entry in entries])
        for labels, entries in zip(layout.labels, layout.rows, strict=True)
    ]
    return PageTable(table.name, table.caption, layout.heads, layout.columns, rows, notes(table))


def _page_entry(entry: Entry, table: Table) -> PageEntry:
    if entry.cell is None:
        return PageEntry(entry)
    sort = None if entry.cell.verdict is not None else entry.cell.value.mean
    return PageEntry(entry, sort, f"{table.name}#{table.short_name(entry.cell)}")


def template(name: str, **names: object) -> Template:
    """A page's template, with what it may name; whatever it names else is an error."""
    environment = Environment(loader=PackageLoader("msd.report"), autoescape=True, undefined=StrictUndefined)
    environment.globals.update(number=number, zip=partial(zip, strict=True), **names)
    return environment.get_template(name)


def data_uri(svg: str) -> str:
    """An SVG inside a page, as an image of its own."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def page_figure(path: Path, main: Table) -> PageFigure:
    """Read an SVG into a data URI: as an image of its own, its ids cannot clash with another figure's."""
    text = path.read_text(encoding="utf-8")
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    if path.suffix != ".svg" or size is None:
        raise UserError(f"{path} is not an SVG figure of the figures stage")
    width, height = (round(float(points) * 4 / 3) for points in size.groups())  # points to CSS pixels
    kind, _, which = path.stem.partition("-")
    title = main.titles["dataset"].get(which, FIGURE_TITLES.get(kind, path.stem))
    source = data_uri(text)
    described = re.search(r"<dc:description>(.*?)</dc:description>", text, flags=re.DOTALL)
    alt = html.unescape(described[1]) if described else _alternative(kind, title, main)
    return PageFigure(path.stem, title, source, width, height, alt)


def _alternative(kind: str, title: str, main: Table) -> str:
    """Text for those who do not see the figure; the scores themselves for the main one."""
    if kind != "main":
        return f"{FIGURE_TITLES.get(kind, kind)}: {title}. The caption says what to see."
    parts = []
    for dataset, name in main.titles["dataset"].items():
        scores = [
            f"{main.titles['method'][cell.method]} {number(cell.value.mean)}"
            for cell in main.cells
            if cell.dataset == dataset and cell.value.mean is not None
        ]
        parts.append(f"{name} ({main.titles['metric'][dataset]}): {', '.join(scores)}.")
    return "Dot plot of test scores. " + " ".join(parts)


def paragraphs(path: Path) -> list[str]:
    """Paragraphs of a caption file."""
    return [" ".join(part.split()) for part in path.read_text(encoding="utf-8").split("\n\n") if part.strip()]


def group(figures: Sequence[PageFigure], captions: Mapping[str, list[str]]) -> dict[str, Group]:
    """Kind -> all figures of that kind with their caption, in the order of the inputs."""
    kinds = list(dict.fromkeys(figure.name.partition("-")[0] for figure in figures))
    missing = [kind for kind in kinds if kind not in captions]
    if missing:
        raise UserError(f"the figure {missing[0]!r} has no caption: add workflow/report/{missing[0]}.rst to the inputs")
    return {
        kind: Group(
            kind,
            FIGURE_TITLES.get(kind, kind.capitalize()),
            [figure for figure in figures if figure.name.partition("-")[0] == kind],
            captions[kind],
        )
        for kind in kinds
    }


def sections(tables: Mapping[str, PageTable], groups: Mapping[str, Group]) -> list[Section]:
    """The page's sections that have something to show: known ones first, then one for each further table or figure."""
    wanted = dict(SECTIONS)
    known_tables = [name for _, names, _ in wanted.values() for name in names]
    known_kinds = [kind for _, _, kinds in wanted.values() for kind in kinds] + [LAST_FIGURE]
    for name in tables:
        if name not in known_tables:
            wanted[f"table-of-{name}"] = (name.replace("-", " ").capitalize(), [name], [])
    for kind, content in groups.items():
        if kind not in known_kinds:
            wanted[f"figures-of-{kind}"] = (content.title, [], [kind])
    made = [
        Section(
            name,
            title,
            [tables[table] for table in names if table in tables],
            [groups[kind] for kind in kinds if kind in groups],
        )
        for name, (title, names, kinds) in wanted.items()
    ]
    return [section for section in made if section.tables or section.groups]
