"""Copy a finished study's tables to results/published/, which git keeps, and show the main one in the README."""

from __future__ import annotations

import shutil
from pathlib import Path

from msd.errors import UserError

START, END = "<!-- main table of {study}: written by `msd publish` -->", "<!-- end -->"


def publish(study: str, *, readme: Path = Path("README.md"), results: Path = Path("results")) -> str:
    """Copy tables (JSON, Markdown), their record and the main figure; returns what was done.

    Raises:
        UserError: the study has no report yet, or the README has no place for its table.
    """
    source, target = results / study, results / "published" / study
    if not (source / "report.html").is_file():
        raise UserError(f"{source} holds no report.html; run the study before you publish it")
    text = readme.read_text(encoding="utf-8")
    changed = with_table(text, study, (source / "tables" / "main.md").read_text(encoding="utf-8"))
    target.mkdir(parents=True, exist_ok=True)
    files = [*sorted((source / "tables").glob("*.json")), *sorted((source / "tables").glob("*.md"))]
    for file in [*files, source / "figures" / "main.png"]:
        shutil.copyfile(file, target / file.name)
    readme.write_text(changed, encoding="utf-8")
    return f"{len(files) + 1} files in {target}; the main table is in {readme}"


def with_table(text: str, study: str, table: str) -> str:
    """The README's text with the study's main figure and table between its two marks."""
    start = START.format(study=study)
    before, found, rest = text.partition(start)
    _, end, after = rest.partition(END)
    if not found or not end:
        raise UserError(f"README.md has no lines {start!r} and {END!r} to put the main table of {study} between")
    picture = f"![Test score of every method on every dataset](results/published/{study}/main.png)"
    return f"{before}{start}\n{picture}\n\n{table.strip()}\n{END}{after}"
