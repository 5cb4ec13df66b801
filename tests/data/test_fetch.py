"""Fetching over real HTTP from a server of our own on the loopback interface."""

import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from msd.data.fetch import fetch
from msd.data.raw_files import COMMITTED
from msd.data.sources import PARTIAL
from msd.errors import UserError
from msd.job import Job, read_job, write_job

BODY = bytes(range(256)) * 64
GOOD = hashlib.sha256(BODY).hexdigest()
LICENCE = {"name": "CC0", "url": "https://example.org/cc0", "gate": "none"}


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves BODY in the ways that servers go wrong, by the first part of the path."""

    seen: ClassVar[list[tuple[str, str | None]]] = []

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.seen.append((self.path, wanted))
        way = self.path.split("/")[1]
        if way == "forbidden":
            self.send_error(403)
        elif way == "login":
            self._send(200, b"\n<!DOCTYPE html><html>sign in</html>")
        elif way == "always-short" or (way == "once-short" and wanted is None):
            self._send(200, BODY[:5000], announce=len(BODY))
        elif wanted and way != "no-range":
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(BODY):
                self.send_error(416)
            else:
                self._send(206, BODY[start:], span=f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
        else:
            self._send(200, BODY)

    def _send(self, status: int, body: bytes, *, announce: int | None = None, span: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(announce or len(body)))
        if span:
            self.send_header("Content-Range", span)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a running server; the working folder is an empty one."""
    monkeypatch.chdir(tmp_path)
    Handler.seen.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def _fetching(**source: Any) -> Job:
    """The job that fetches one source."""
    body = {"name": "toy", "sources": [source], "licence": LICENCE, "citation": "Toy"}
    outputs = {"source": "out/source.json", "files": [f"out/raw/{source['file']}"]}
    write_job("job.json", {"params": body, "outputs": outputs})
    return read_job("fetch", "job.json")


def _job(*urls: str, size: int | None = len(BODY), **changed: Any) -> Job:
    source = {"kind": "url", "file": "data.bin", "sha256": GOOD, "urls": list(urls), "bytes": size}
    return _fetching(**source | changed)


def _refused(job: Job, pattern: str) -> None:
    with pytest.raises(UserError, match=pattern):
        fetch(job)
    assert not Path("out/raw/data.bin").exists()
    assert not Path("out/source.json").exists()


def test_a_file_arrives_with_its_licence_on_record(server: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert fetch(_job(f"{server}/plain/x", sha256=["0" * 64, GOOD])) == {"files": 1, "bytes": len(BODY)}
    assert Path("out/raw/data.bin").read_bytes() == BODY
    record = json.loads(Path("out/source.json").read_text())
    assert record["licence"] == LICENCE
    assert record["files"] == [
        {"kind": "url", "file": "data.bin", "origin": f"{server}/plain/x", "sha256": GOOD, "bytes": len(BODY)}
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["date"])
    assert "toy: licence CC0 (https://example.org/cc0)" in capfd.readouterr().err
    assert not list(PARTIAL.iterdir())


def test_a_truncated_download_is_resumed_with_range(server: str) -> None:
    fetch(_job(f"{server}/once-short/x"))
    assert Path("out/raw/data.bin").read_bytes() == BODY
    assert Handler.seen == [("/once-short/x", None), ("/once-short/x", "bytes=5000-")]


def test_a_download_that_stays_short_is_an_error_and_the_next_run_resumes_it(server: str) -> None:
    _refused(_job(f"{server}/always-short/x"), f"stopped at 5000 of {len(BODY)} bytes; run again to resume")
    part = next(PARTIAL.glob("*.part"))
    assert part.stat().st_size == 5000


def test_a_server_without_range_starts_over(server: str) -> None:
    _refused(_job(f"{server}/always-short/x"), "stopped")
    part = next(PARTIAL.glob("*.part"))
    key = hashlib.sha256(f"{server}/no-range/x".encode()).hexdigest()[:12]
    part.rename(PARTIAL / f"{key}-data.bin.part")
    fetch(_job(f"{server}/no-range/x"))
    assert Path("out/raw/data.bin").read_bytes() == BODY


def test_a_partial_file_longer_than_the_file_starts_over(server: str) -> None:
    key = hashlib.sha256(f"{server}/plain/x".encode()).hexdigest()[:12]
    PARTIAL.mkdir(parents=True)
    (PARTIAL / f"{key}-data.bin.part").write_bytes(BODY + b"more")
    fetch(_job(f"{server}/plain/x", size=None))
    assert Path("out/raw/data.bin").read_bytes() == BODY


@pytest.mark.parametrize(
    ("path", "changes", "pattern"),
    [
        ("always-short/x", {"size": None}, f"stopped at 5000 of {len(BODY)} bytes"),
        ("plain/x", {"sha256": "ab" * 32}, f"data.bin: expected sha256 {'ab' * 32}, got {GOOD}"),
        ("plain/x", {"size": 100}, f"data.bin: expected 100 bytes, got {len(BODY)}"),
        ("login/x", {}, "HTML page"),
        ("forbidden/x", {}, "403 Forbidden; the source needs a licence to be accepted or a token"),
        ("", {"urls": ["http://127.0.0.1:9/x"]}, "the download failed"),
        ("", {"urls": ["file:///etc/hostname"]}, "no http or https address"),
        (
            "",
            {"kind": "pypi", "package": "/no such package/", "version": "1"},
            "pip could not get /no such package/==1",
        ),
    ],
)
def test_what_cannot_be_had_is_told(server: str, path: str, changes: dict[str, Any], pattern: str) -> None:
    _refused(_job(f"{server}/{path}", **changes), pattern)


def test_a_wrong_file_is_not_kept(server: str) -> None:
    _refused(_job(f"{server}/plain/x", sha256="ab" * 32), "expected sha256")
    assert not list(PARTIAL.iterdir())


def test_the_second_url_stands_in_for_the_first(server: str) -> None:
    fetch(_job(f"{server}/forbidden/x", f"{server}/login/x", f"{server}/plain/x"))
    assert json.loads(Path("out/source.json").read_text())["files"][0]["origin"] == f"{server}/plain/x"


def test_a_committed_file_is_copied_and_a_missing_one_named(server: str) -> None:
    source = {"kind": "committed", "package": "openclipart", "version": "0", "file": "items.jsonl"}
    path = COMMITTED / "openclipart" / "items.jsonl"
    source["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    fetch(_fetching(**source))
    assert Path("out/raw/items.jsonl").read_bytes() == path.read_bytes()
    with pytest.raises(UserError, match=r"nowhere/items\.jsonl is missing"):
        fetch(_fetching(**source | {"package": "nowhere"}))


def test_an_unknown_kind_gives_the_nearest(server: str) -> None:
    with pytest.raises(UserError, match=r"fetch job: params.sources.0.kind: .*did you mean 'debian'\?"):
        _job(kind="debain")
