"""docs/ shows what was published, and publishing says what is missing."""

import json
from pathlib import Path

import pytest

from msd.errors import UserError
from msd.lineage.digest import file_sha256
from msd.report.publish import publish, with_tables


def test_every_page_shows_the_published_tables() -> None:
    pages = {page: page.read_text() for page in Path("docs").glob("*.md")}
    assert any("<!-- main table of demo" in text for text in pages.values())
    for folder in Path("results/published").iterdir():
        tables = {file.stem: file.read_text() for file in folder.glob("*.md")}
        for page, text in pages.items():
            shown = with_tables(text, folder.name, tables, page=str(page))
            assert shown == text, f"run `msd publish {folder.name}`"


def test_tables_are_copied_and_shown(tmp_path: Path) -> None:
    tables, figures = tmp_path / "results/toy/tables", tmp_path / "results/toy/figures"
    for folder in (tables, figures):
        folder.mkdir(parents=True)
    (tables / "main.json").write_text("{}")
    (tables / "main.md").write_text("| a |\n|---|\n| 1 |\n")
    (figures / "main.png").write_bytes(b"png")
    for folder in (tables, figures):
        outputs = [{"path": str(file.relative_to(tmp_path)), "sha256": file_sha256(file)} for file in folder.iterdir()]
        (folder / "record.json").write_text(json.dumps({"inputs": [], "outputs": outputs}))
    docs = tmp_path / "docs"
    docs.mkdir()
    page = docs / "results.md"
    page.write_text("Before\n<!-- main table of toy: written by `msd publish` -->\nold\n<!-- end -->\nafter\n")
    with pytest.raises(UserError, match=r"no report.html; run the study"):
        publish("toy", docs=docs, results=tmp_path / "results")
    (tmp_path / "results/toy/report.html").write_text("<html>")
    former = tmp_path / "results/published/toy/combined.md"
    former.parent.mkdir(parents=True)
    former.write_text("a table of its former form\n")
    publish("toy", docs=docs, results=tmp_path / "results")
    assert not former.exists()
    assert "| 1 |\n<!-- end -->\nafter" in page.read_text()
    assert "old" not in page.read_text()
    published = {file.name: file.read_bytes() for file in (tmp_path / "results/published/toy").iterdir()}
    assert published["main.png"] == b"png"
    (tables / "main.json").write_text('{"mean": 0.99}')
    with pytest.raises(UserError, match=r"toy/tables/main.json is not the file that its record names"):
        publish("toy", docs=docs, results=tmp_path / "results")
    (tables / "main.json").unlink()
    with pytest.raises(UserError, match=r"toy/tables/main.json is missing"):
        publish("toy", docs=docs, results=tmp_path / "results")
    assert published == {file.name: file.read_bytes() for file in (tmp_path / "results/published/toy").iterdir()}


def test_each_place_gets_its_own_table_and_other_studies_keep_theirs() -> None:
    mark = "<!-- {} table of {}: written by `msd publish` -->\nold\n<!-- end -->\n"
    text = mark.format("main", "toy") + mark.format("claims", "toy") + mark.format("main", "other")
    shown = with_tables(text, "toy", {"main": "scores", "claims": "verdicts"}, page="p.md")
    assert shown.count("old") == 1
    assert shown.index("main.png") < shown.index("scores") < shown.index("verdicts") < shown.index("old")


def test_a_place_for_a_table_that_is_not_there_is_refused() -> None:
    mark = "<!-- claims table of toy: written by `msd publish` -->\n<!-- end -->"
    with pytest.raises(UserError, match=r"p\.md has a place for the table 'claims' of toy, which has main"):
        with_tables(mark, "toy", {"main": "| a |"}, page="p.md")
