"""The README shows what was published, and publishing says what is missing."""

from pathlib import Path

import pytest

from msd.errors import UserError
from msd.report.publish import publish, with_tables


def test_the_readme_shows_the_published_tables() -> None:
    text = Path("README.md").read_text()
    assert "<!-- main table of demo" in text
    for folder in Path("results/published").iterdir():
        tables = {file.stem: file.read_text() for file in folder.glob("*.md")}
        assert with_tables(text, folder.name, tables) == text, f"run `msd publish --study {folder.name}`"


def test_tables_are_copied_and_shown(tmp_path: Path) -> None:
    tables, figures = tmp_path / "results/toy/tables", tmp_path / "results/toy/figures"
    for folder in (tables, figures):
        folder.mkdir(parents=True)
    (tables / "main.json").write_text("{}")
    (tables / "main.md").write_text("| a |\n|---|\n| 1 |\n")
    (figures / "main.png").write_bytes(b"png")
    readme = tmp_path / "README.md"
    readme.write_text("Before\n<!-- main table of toy: written by `msd publish` -->\nold\n<!-- end -->\nafter\n")
    with pytest.raises(UserError, match=r"no report.html; run the study"):
        publish("toy", readme=readme, results=tmp_path / "results")
    (tmp_path / "results/toy/report.html").write_text("<html>")
    publish("toy", readme=readme, results=tmp_path / "results")
    assert "| 1 |\n<!-- end -->\nafter" in readme.read_text()
    assert "old" not in readme.read_text()
    assert (tmp_path / "results/published/toy/main.png").read_bytes() == b"png"


def test_each_place_gets_its_own_table_and_other_studies_keep_theirs() -> None:
    mark = "<!-- {} table of {}: written by `msd publish` -->\nold\n<!-- end -->\n"
    text = mark.format("main", "toy") + mark.format("claims", "toy") + mark.format("main", "other")
    shown = with_tables(text, "toy", {"main": "scores", "claims": "verdicts"})
    assert shown.count("old") == 1
    assert shown.index("main.png") < shown.index("scores") < shown.index("verdicts") < shown.index("old")


def test_a_place_for_a_table_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="a place for the table 'claims' of toy, which has main"):
        with_tables("<!-- claims table of toy: written by `msd publish` -->\n<!-- end -->", "toy", {"main": "| a |"})
