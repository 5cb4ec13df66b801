"""A study's pages in headless Chromium: `make test-browser`, with REPORT=<path> for another page than the smoke study's."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
REPORT = Path(os.environ.get("REPORT", "results/smoke/report.html"))
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZES = {"wide": (1280, 900), "phone": (390, 844)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need a browser: `make test` leaves them out."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@dataclass
class Visit:
    """An open page, and its errors and its requests to the network."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of the machine, without a window."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert path, "no Chromium on PATH; `make test-browser` installs it"
    assert REPORT.is_file(), f"there is no {REPORT}; run `make smoke` first"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """A function that opens the report: visit(size, scheme), its tables unfolded unless they shall stay as they are."""
    contexts = []

    def open_report(size: str = "wide", scheme: Any = "light", *, unfold: bool = True) -> Visit:
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        visited = Visit(context.new_page())
        visited.page.on("console", lambda line: visited.errors.append(line.text) if line.type == "error" else None)
        visited.page.on("pageerror", lambda error: visited.errors.append(str(error)))
        visited.page.on("request", lambda request: visited.requests.append(request.url))
        visited.page.goto(REPORT.resolve().as_uri(), wait_until="load")
        if unfold:
            visited.page.evaluate("document.querySelectorAll('figure details').forEach(part => { part.open = true; })")
        return visited

    yield open_report
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which npm installed from tests/browser/package-lock.json."""
    return (HERE / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of the page are left for people to look at."""
    folder = HERE / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder
