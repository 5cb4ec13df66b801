"""Renderings of a table: JSON, CSV, Markdown, LaTeX, and the grid from which the HTML page is made."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pylatexenc.latexencode import UnicodeToLatexEncoder

from msd.tables.cell import Cell
from msd.tables.table import Table
from msd.tables.text import difference_text, p_text, paper_text, score_text
from msd.tables.verdict import is_earned

_LATEX = UnicodeToLatexEncoder(non_ascii_only=False, replacement_latex_protection="braces")


@dataclass(frozen=True)
class Entry:
    """One printed cell: lines of text, whether it earned bold, why something is undefined, and the cell itself."""

    lines: tuple[str, ...] = ()
    bold: bool = False
    why: str = ""
    cell: Cell | None = None


@dataclass(frozen=True)
class Grid:
    """A table as it is printed; `labels[i]` are the row headers of `rows[i]`, in the order of `heads`."""

    heads: tuple[str, ...]
    columns: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[Entry, ...], ...]


def grid(table: Table) -> Grid:
    """Lay a table's cells out; rows and columns keep the order of the cells."""
    placed = {(table.row(cell), table.column(cell)): entry(cell) for cell in table.cells}
    row_keys = list(dict.fromkeys(row for row, _ in placed))
    column_keys = list(dict.fromkeys(column for _, column in placed))
    with_metric = list(table.columns) != ["dataset"]
    return Grid(
        heads=tuple(name.capitalize() for name in table.rows),
        columns=tuple(_title(table, table.columns, key, with_metric=True) for key in column_keys),
        labels=tuple(
            tuple(
                _title(table, [name], [value], with_metric=with_metric)
                for name, value in zip(table.rows, key, strict=True)
            )
            for key in row_keys
        ),
        rows=tuple(tuple(placed.get((row, column), Entry()) for column in column_keys) for row in row_keys),
    )


def entry(cell: Cell) -> Entry:
    """What is printed for one cell: mean with interval, n and a paper's value, then the difference; or a verdict."""
    why, against = cell.value.why or "", cell.against
    if cell.verdict is not None:
        lines = [cell.verdict.outcome, cell.verdict.evidence]
    else:
        lines = [score_text(cell), paper_text(cell.paper)]
        if against is not None:
            why = why or against.why or ""
            lines += ["no difference"] if against.difference is None else [difference_text(against), p_text(against)]
    return Entry(tuple(line for line in lines if line), bold=is_earned(cell), why=why, cell=cell)


def as_json(table: Table) -> str:
    """The table itself."""
    return json.dumps(table.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(table: Table) -> str:
    """One line a cell, at full precision; what is nested, as "values", becomes columns of its own, lists are joined."""
    lines = [_flat(cell.to_json()) for cell in table.cells]
    columns = list(dict.fromkeys(name for line in lines for name in line))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return buffer.getvalue()


def as_markdown(table: Table) -> str:
    """A pipe table with its caption and notes."""
    layout = grid(table)
    head = [*layout.heads, *layout.columns]
    rules = ["---"] * len(layout.heads) + ["---:"] * len(layout.columns)
    lines = [_pipes(map(_escape_pipe, head)), _pipes(rules)]
    for labels, row in zip(_once(layout.labels), layout.rows, strict=True):
        printed = [
            "<br>".join((f"**{item.lines[0]}**" if item.bold else item.lines[0], *item.lines[1:])) if item.lines else ""
            for item in row
        ]
        lines.append(_pipes([*map(_escape_pipe, labels), *printed]))
    return f"{table.caption}\n\n" + "\n".join(lines) + f"\n\n{' '.join(notes(table))}\n"


def as_latex(table: Table) -> str:
    """A table environment; the document needs \\usepackage{booktabs} and nothing else."""
    layout = grid(table)
    head = [*layout.heads, *layout.columns]
    body = []
    for labels, row in zip(_once(layout.labels), layout.rows, strict=True):
        body.append(" & ".join([*map(_escape_latex, labels), *map(_latex_entry, row)]) + r" \\")
    caption = _escape_latex(" ".join([table.caption, *notes(table)]))
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"\centering\small",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{table.name}}}",
            rf"\begin{{tabular}}{{{'l' * len(layout.heads)}{'r' * len(layout.columns)}}}",
            r"\toprule",
            " & ".join(map(_escape_latex, head)) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


RENDERINGS: dict[str, Callable[[Table], str]] = {"json": as_json, "csv": as_csv, "md": as_markdown, "tex": as_latex}


def notes(table: Table) -> list[str]:
    """The table's notes, then why values are missing, then how to read bold where something is bold."""
    reasons = [part.why for cell in table.cells for part in (cell.value, cell.against) if part is not None and part.why]
    printed = [*table.notes, *(f"{reason[0].upper()}{reason[1:]}." for reason in dict.fromkeys(reasons))]
    if any(is_earned(cell) for cell in table.cells):
        printed.append("Bold: better, corrected p below .05, more than one seed.")
    return printed


def _title(table: Table, names: Sequence[str], key: Sequence[str], *, with_metric: bool) -> str:
    """Printed name of a row or column; a dataset's carries its metric."""
    parts = []
    for name, value in zip(names, key, strict=True):
        title = table.titles.get(name, {}).get(value, value)
        metric = table.titles["metric"].get(value) if name == "dataset" and with_metric else None
        parts.append(f"{title} ({metric})" if metric else title)
    return ", ".join(parts)


def _once(labels: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Row headers with those that repeat the row above left blank, all but the last."""
    printed = []
    for index, label in enumerate(labels):
        above = labels[index - 1] if index else ()
        same = [label[: depth + 1] == above[: depth + 1] for depth in range(len(label) - 1)] + [False]
        printed.append(tuple("" if repeated else text for text, repeated in zip(label, same, strict=True)))
    return printed


def _flat(cell: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: value for name, value in cell.items() if name not in ("values", "teachers", "against", "runs")}
    named |= {"runs": cell["runs"], "against": cell["against"] or {}}
    named |= {"teacher": cell.get("teachers", {}), "seed": cell["values"]}
    return {column: value for name, content in named.items() for column, value in _columns(name, content).items()}


def _columns(name: str, value: object) -> dict[str, object]:
    if isinstance(value, Mapping):
        return {column: one for key, of in value.items() for column, one in _columns(f"{name}_{key}", of).items()}
    return {name: " ".join(map(str, value)) if isinstance(value, list) else value}


def _pipes(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _escape_pipe(text: str) -> str:
    return text.replace("|", r"\|")


def _escape_latex(text: str) -> str:
    return str(_LATEX.unicode_to_latex(text))


def _latex_entry(item: Entry) -> str:
    if not item.lines:
        return ""
    first, *rest = map(_escape_latex, item.lines)
    first = rf"\textbf{{{first}}}" if item.bold else first
    return rf"\shortstack[r]{{{first}{''.join(chr(92) * 2 + line for line in rest)}}}" if rest else first
