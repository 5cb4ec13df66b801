"""`msd demo` in a real browser: the smoke study's teacher and students answer test samples and a user's picture."""

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
from conftest import REPORT, SIZES
from playwright.sync_api import expect

from msd.deploy.page import LARGEST, Demo, new_server, open_demo
from msd.errors import UserError

STUDY = REPORT.parent.name


@pytest.fixture(scope="module")
def demo() -> Demo:
    return open_demo(STUDY, None)


@pytest.fixture(scope="module")
def address(demo: Demo) -> Iterator[str]:
    with new_server(demo, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[[str], Any]]:
    """A function: size -> the page, which has answered the first test sample."""
    contexts = []

    def open_page(size: str = "wide") -> Any:
        width, height = SIZES[size]
        contexts.append(browser.new_context(viewport={"width": width, "height": height}))
        page = contexts[-1].new_page()
        page.goto(address)
        page.wait_for_selector("#models section")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("size", SIZES)
def test_all_models_answer_a_test_sample(
    opened: Callable[[str], Any], demo: Demo, screenshots: Path, size: str
) -> None:
    page = opened(size)
    assert page.locator("#models h2").all_text_contents() == list(demo.models)
    assert page.locator("#text").input_value() == demo.sample(0)["text"]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.screenshot(path=screenshots / f"demo-{size}.png", full_page=True)


def test_the_teacher_s_answer_is_the_one_that_the_study_cached(opened: Callable[[], Any], demo: Demo) -> None:
    path = Path(f"results/{STUDY}/teachers/{demo.dataset}/seed-{demo.teacher.seed}/outputs/test.safetensors")
    logits = safetensors.torch.load_file(path)["both/logits"][0]
    model = demo.models["Teacher"]
    best = logits.softmax(0) if model.task == "multiclass" else logits.sigmoid()
    place = int(best.argmax())
    first = opened().locator("#models section").first.locator(".bar").first
    assert first.locator("span").first.text_content() == model.labels[place]
    assert first.locator("b").first.text_content() == f"{100 * float(best[place]):.1f} %"


def test_a_picture_and_a_text_of_a_user_are_asked(opened: Callable[[], Any], tmp_path: Path) -> None:
    page = opened()
    (tmp_path / "no-picture.png").write_bytes(b"text")
    page.set_input_files("#file", tmp_path / "no-picture.png")
    expect(page.locator("#gold")).to_have_text("")
    page.click("button[type=submit]")
    expect(page.locator("#message")).to_contain_text("the picture that was chosen is broken")
    before = page.locator("#models").text_content()
    page.click("#next")
    expect(page.locator("#models")).not_to_have_text(before)
    expect(page.locator("#gold")).to_have_text(re.compile(r"Test sample 2 of \d+; its label: "))
    expect(page.locator("#message")).to_have_text("")


def test_it_is_for_everybody(opened: Callable[[], Any], axe: str) -> None:
    page = opened()
    page.evaluate(axe)
    assert page.evaluate("axe.run().then(found => found.violations.map(one => [one.id, one.nodes[0].html]))") == []


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "sentence"),
    [
        ("other", None, {}, 404, "there is only the page /"),
        ("ask", b"{", {}, 400, "the question is not JSON"),
        ("ask", b'{"text": "a"}', {}, 400, "give a picture and a text"),
        ("ask", b'{"text": "a", "image": "?"}', {}, 400, "the picture is broken"),
        ("ask", b"{}", {"Content-Length": str(LARGEST + 1)}, 413, "larger than 20 MB"),
        ("", None, {"Host": "elsewhere.example:80"}, 403, "ask http://127.0.0.1"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(
    address: str, path: str, body: bytes | None, headers: dict[str, str], status: int, sentence: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(address + path, data=body, headers=headers))
    assert refused.value.code == status
    assert sentence in json.loads(refused.value.read())["error"]


def test_a_study_or_dataset_that_is_not_there_is_one_sentence(demo: Demo) -> None:
    with pytest.raises(UserError, match="there are no results of a study 'nothing' in results; run it first"):
        open_demo("nothing", None)
    with pytest.raises(UserError, match="has no students of 'x'"):
        open_demo(STUDY, "x")
    with new_server(demo, 0) as server, pytest.raises(UserError, match=r"port \d+ cannot be had .*choose another"):
        new_server(demo, server.server_port)
