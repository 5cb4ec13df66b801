"""Pages lead to files that are there."""

import re
from pathlib import Path

import pytest

PAGES = [Path("README.md"), Path("config/README.md"), Path("results/README.md"), *sorted(Path("docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())
    assert not [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    """Names in backticks below folders of the package, but for patterns and examples of one's own."""
    named = re.findall(r"`((?:msd|config|workflow|tests|bench|docs)/[\w./+-]+\.\w+)`", page.read_text())
    assert not [name for name in named if not Path(name).exists() and "yours" not in name]
