"""Copy a finished study's tables to results/published/, which git keeps; docs/ shows those it has places for."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from msd.errors import UserError
from msd.lineage.record import as_recorded, read_record
from msd.lineage.studies import check_results
from msd.system.temporary import write_whole

BLOCK = re.compile(r"<!-- (\w+) table of ([\w-]+): written by `msd publish` -->\n.*?<!-- end -->", re.DOTALL)


def publish(study: str, *, docs: Path = Path("docs"), results: Path = Path("results")) -> str:
    """Copy tables, record and main figure; returns what was done.

    Tables that the study no longer makes are no longer published. Raises UserError without report or a table to show,
    and for a file that is not as recorded; nothing is published then.
    """
    check_results(study, results)
    source, target = results / study, results / "published" / study
    if not (source / "report.html").is_file():
        raise UserError(f"{source} holds no report.html; run the study before you publish it")
    files = [file for file in _recorded(source / "tables", results) if file.suffix in (".json", ".md")]
    tables = {file.stem: file.read_text(encoding="utf-8") for file in files if file.suffix == ".md"}
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(docs.glob("*.md"))}
    shown = {page: with_tables(text, study, tables, page=str(page)) for page, text in pages.items()}
    files += [file for file in _recorded(source / "figures", results) if file.name == "main.png"]
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".tmp-") as folder:
        for file in files:
            shutil.copyfile(file, Path(folder) / file.name)
        for file in files:
            os.replace(Path(folder) / file.name, target / file.name)
    for former in {file.name for file in target.iterdir() if file.is_file()} - {file.name for file in files}:
        (target / former).unlink()
    for page in pages:
        if shown[page] != pages[page]:
            write_whole(page, shown[page])
    return f"{len(files)} files in {target}; {docs} shows the tables that it has a place for"


def _recorded(folder: Path, results: Path) -> list[Path]:
    """The record of a folder and the files that it lists, as they were recorded."""
    record = folder / "record.json"
    return [record, *(results.parent / path for path in as_recorded(read_record(record)["outputs"], results))]


def with_tables(text: str, study: str, tables: dict[str, str], *, page: str) -> str:
    """A page's text with a study's tables (name -> Markdown) between their marks, the main one below its figure."""

    def block(match: re.Match[str]) -> str:
        name, of = match.groups()
        if of != study:
            return match[0]
        if name not in tables:
            raise UserError(f"{page} has a place for the table {name!r} of {study}, which has {', '.join(tables)}")
        picture = f"![Test score of every method on every dataset](../results/published/{study}/main.png)\n\n"
        return (
            f"<!-- {name} table of {study}: written by `msd publish` -->\n"
            f"{picture if name == 'main' else ''}{tables[name].strip()}\n<!-- end -->"
        )

    return BLOCK.sub(block, text)
