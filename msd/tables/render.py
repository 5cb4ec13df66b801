"""Renderings of a table's JSON: CSV, Markdown, LaTeX, and the grid from which the HTML page is made."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pylatexenc.latexencode import UnicodeToLatexEncoder

Cell = Mapping[str, Any]
Table = Mapping[str, Any]
SIGNIFICANT = 0.05
_LATEX = UnicodeToLatexEncoder(non_ascii_only=False, replacement_latex_protection="braces")


@dataclass(frozen=True)
class Entry:
    """One printed cell: lines of text, whether it earned bold, and why something is undefined."""

    lines: tuple[str, ...] = ()
    bold: bool = False
    why: str = ""


@dataclass(frozen=True)
class Grid:
    """A table as it is printed; `labels[i]` are the row headers of `rows[i]`, in the order of `heads`."""

    heads: tuple[str, ...]
    columns: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[Entry, ...], ...]


def grid(table: Table) -> Grid:
    """Lay a table's cells out by its `layout`; rows and columns keep the order of the cells."""
    rows, columns = table["layout"]["rows"], table["layout"]["columns"]
    placed = {(_key(cell, rows), _key(cell, columns)): entry(cell) for cell in table["cells"]}
    row_keys = list(dict.fromkeys(row for row, _ in placed))
    column_keys = list(dict.fromkeys(column for _, column in placed))
    return Grid(
        heads=tuple(name.capitalize() for name in rows),
        columns=tuple(_title(table, columns, key, with_metric=True) for key in column_keys),
        labels=tuple(
            tuple(
                _title(table, [name], (value,), with_metric=columns != ["dataset"])
                for name, value in zip(rows, key, strict=True)
            )
            for key in row_keys
        ),
        rows=tuple(tuple(placed.get((row, column), Entry()) for column in column_keys) for row in row_keys),
    )


def entry(cell: Cell) -> Entry:
    """What is printed for one cell: mean with interval, n and a paper's value, then the difference; or a verdict."""
    why = str(cell.get("why", ""))
    if "verdict" in cell and "evidence" in cell:
        return Entry((cell["verdict"], *filter(None, [cell["evidence"]])), bold=is_earned(cell), why=why)
    lines = [score_text(cell), paper_text(cell)]
    against = cell.get("against")
    if against is not None:
        why = why or str(against.get("why", ""))
        if against["difference"] is None:
            lines.append("no difference")
        else:
            lines.append(difference_text(against))
            lines.append(p_text(against))
    return Entry(tuple(line for line in lines if line), bold=is_earned(cell), why=why)


def is_earned(cell: Cell) -> bool:
    """Bold only for a corrected p below .05, more than one seed on this side, and a change to the better."""
    against = cell.get("against")
    if against is None or against["p_holm"] is None or cell["n"] < 2:
        return False
    better = -1 if cell.get("better") == "lower" else 1
    return bool(against["p_holm"] < SIGNIFICANT and better * against["difference"] > 0)


def score_text(cell: Cell) -> str:
    """Mean ± half the interval (n=…); – where the mean is undefined; what is counted, not measured, has no n."""
    if cell.get("counted"):
        return number(cell["mean"])
    if cell["mean"] is None:
        return f"– (n={cell['n']})"
    spread = "" if cell["low"] is None else f" ± {number((cell['high'] - cell['low']) / 2)}"
    return f"{number(cell['mean'])}{spread} (n={cell['n']:,})"


def paper_text(cell: Cell) -> str:
    """A published value and whether it lies in our interval; nothing for a cell that is not held against a paper."""
    if "paper" not in cell:
        return ""
    if cell["paper"] is None:
        return "no paper value"
    where = (
        f"{cell['verdict']}, {number(cell['gap'], signed=True)}" if cell["verdict"] == "outside" else cell["verdict"]
    )
    return f"paper {number(cell['paper'])}: {where or 'no verdict'}"


def difference_text(against: Cell) -> str:
    """Signed difference with its interval."""
    bounds = "" if against["low"] is None else f" [{number(against['low'])}, {number(against['high'])}]"
    return f"{number(against['difference'], signed=True)}{bounds}"


def p_text(against: Cell) -> str:
    """Holm-corrected p, to three decimals."""
    p = against["p_holm"]
    if p is None:
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def number(value: float, *, signed: bool = False) -> str:
    """Three decimals, fewer for values from 10 on; a true minus sign, and none before zero."""
    if abs(value) >= 10_000:
        return f"{'−' if value < 0 else '+' if signed else ''}{abs(value):,.0f}"
    digits = 3 if abs(value) < 10 else 2 if abs(value) < 100 else 1
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return ("−" if value < 0 else "+" if signed else "") + text


def as_json(table: Table) -> str:
    """The table itself."""
    return json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(table: Table) -> str:
    """One line a cell, at full precision; nested "against" and "values" become columns of their own."""
    lines = [_flat(cell) for cell in table["cells"]]
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
    return f"{table['caption']}\n\n" + "\n".join(lines) + f"\n\n{' '.join(notes(table))}\n"


def as_latex(table: Table) -> str:
    """A table environment; the document needs \\usepackage{booktabs} and nothing else."""
    layout = grid(table)
    head = [*layout.heads, *layout.columns]
    body = []
    for labels, row in zip(_once(layout.labels), layout.rows, strict=True):
        body.append(" & ".join([*map(_escape_latex, labels), *map(_latex_entry, row)]) + r" \\")
    caption = _escape_latex(" ".join([table["caption"], *notes(table)]))
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"\centering\small",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{table['name']}}}",
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


def _key(cell: Cell, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(cell[name]) for name in names)


def _title(table: Table, names: Sequence[str], key: Sequence[str], *, with_metric: bool) -> str:
    """Printed name of a row or column; a dataset's carries its metric."""
    parts = []
    for name, value in zip(names, key, strict=True):
        title = table["titles"].get(name, {}).get(value, value)
        metric = table["titles"]["metric"].get(value) if name == "dataset" and with_metric else None
        parts.append(f"{title} ({metric})" if metric else title)
    return ", ".join(parts)


def notes(table: Table) -> list[str]:
    """The table's notes, then why values are missing, then how to read bold where something is bold."""
    reasons = [part["why"] for cell in table["cells"] for part in (cell, cell["against"] or {}) if "why" in part]
    found = [*table["notes"], *(f"{reason[0].upper()}{reason[1:]}." for reason in dict.fromkeys(reasons))]
    if any(is_earned(cell) for cell in table["cells"]):
        found.append("Bold: better, corrected p below .05, more than one seed.")
    return found


def _once(labels: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Row headers with those that repeat the row above left blank, all but the last."""
    printed = []
    for index, label in enumerate(labels):
        above = labels[index - 1] if index else ()
        same = [label[: depth + 1] == above[: depth + 1] for depth in range(len(label) - 1)] + [False]
        printed.append(tuple("" if repeated else text for text, repeated in zip(label, same, strict=True)))
    return printed


def _flat(cell: Cell) -> dict[str, Any]:
    flat = {name: value for name, value in cell.items() if name not in ("values", "against", "runs")}
    flat["runs"] = " ".join(cell["runs"])
    flat |= {f"against_{name}": value for name, value in (cell["against"] or {}).items()}
    return flat | {f"seed_{seed}": value for seed, value in cell["values"].items()}


def _pipes(texts: Any) -> str:
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
