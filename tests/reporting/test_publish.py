"""The README shows what was published, and publishing says what is missing."""

from pathlib import Path

import pytest

from msd.errors import UserError
from msd.reporting.publish import publish, with_table


def test_the_readme_shows_the_published_tables() -> None:
    text = Path("README.md").read_text()
    assert "<!-- main table of demo" in text
    for published in Path("results/published").glob("*/main.md"):
        assert with_table(text, published.parent.name, published.read_text()) == text, "run `msd publish`"


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


def test_a_readme_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(UserError, match="no lines"):
        with_table("nothing here", "toy", "| a |")
