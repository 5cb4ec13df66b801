"""Fetching over real HTTP from a server of our own on the loopback interface."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from faults import one_sentence
from file_server import Handler, running_server
from servers import BODY, GOOD

from msd.data.fetch import fetch
from msd.data.local_files import DATA_ROOT
from msd.data.raw_files import COMMITTED
from msd.data.sources import PARTIAL
from msd.errors import UserError
from msd.job import Job, read_job, write_job

LICENCE = {"name": "CC0", "url": "https://example.org/cc0", "gate": "none"}


@pytest.fixture
def server(working_folder: Path) -> Iterator[str]:
    """The address of a running server; the working folder is an empty one."""
    with running_server() as address:
        yield address


def _fetching(licence: dict[str, Any] = LICENCE, *, name: str = "toy", folder: str = "out", **source: Any) -> Job:
    """The job that fetches one source."""
    body = {"name": name, "sources": [source], "licence": licence, "citation": "Toy"}
    outputs = {"source": f"{folder}/source.json", "files": [f"{folder}/raw/{source['file']}"]}
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


def test_a_download_that_stalls_is_resumed_and_one_that_goes_on_stalling_is_an_error(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msd.data.download.TIMEOUT", 0.3)
    fetch(_job(f"{server}/once-stall/x"))
    assert Handler.seen == [("/once-stall/x", None), ("/once-stall/x", "bytes=5000-")]
    Path("out/raw/data.bin").unlink()
    Path("out/source.json").unlink()
    _refused(_job(f"{server}/always-stall/x"), r"the download failed \(.*timed out\); run again to resume it")
    assert next(PARTIAL.glob("*.part")).stat().st_size == 5000


def test_two_data_sets_fetch_one_url_at_the_same_time(server: str) -> None:
    jobs = [_job(f"{server}/slow/x", name=name, folder=name) for name in ("one", "other")]
    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(fetch, jobs)] == [{"files": 1, "bytes": len(BODY)}] * 2
    assert [Path(name, "raw/data.bin").read_bytes() for name in ("one", "other")] == [BODY] * 2
    assert Handler.seen == [("/slow/x", None)] * 2
    assert not list(PARTIAL.iterdir())


def test_without_a_digest_a_download_starts_anew_for_its_halves_could_be_of_two_versions(server: str) -> None:
    _refused(_job(f"{server}/always-short/x", sha256=None), "stopped")
    key = hashlib.sha256(f"{server}/plain/x".encode()).hexdigest()[:12]
    next(PARTIAL.glob("*.part")).rename(PARTIAL / f"toy-{key}-data.bin.part")
    fetch(_job(f"{server}/plain/x", sha256=None))
    assert Handler.seen[-1] == ("/plain/x", None)
    assert json.loads(Path("out/source.json").read_text())["files"][0]["sha256"] == GOOD


@pytest.mark.parametrize("size", [None, 10**15])
def test_a_disk_without_room_is_told_before_a_byte_is_written(server: str, size: int | None) -> None:
    _refused(_job(f"{server}/huge/x", size=size), r"data.bin: 1,000,000,000.0 MB do not fit on the disk of results")
    assert not list(PARTIAL.iterdir())


def test_a_server_without_range_starts_over(server: str) -> None:
    _refused(_job(f"{server}/always-short/x"), "stopped")
    part = next(PARTIAL.glob("*.part"))
    key = hashlib.sha256(f"{server}/no-range/x".encode()).hexdigest()[:12]
    part.rename(PARTIAL / f"toy-{key}-data.bin.part")
    fetch(_job(f"{server}/no-range/x"))
    assert Path("out/raw/data.bin").read_bytes() == BODY


def test_a_partial_file_longer_than_the_file_starts_over(server: str) -> None:
    key = hashlib.sha256(f"{server}/plain/x".encode()).hexdigest()[:12]
    PARTIAL.mkdir(parents=True)
    (PARTIAL / f"toy-{key}-data.bin.part").write_bytes(BODY + b"more")
    fetch(_job(f"{server}/plain/x", size=None))
    assert Path("out/raw/data.bin").read_bytes() == BODY


@pytest.mark.parametrize(
    ("path", "changes", "pattern"),
    [
        ("always-short/x", {"size": None}, f"stopped at 5000 of {len(BODY)} bytes"),
        ("plain/x", {"sha256": "ab" * 32}, f"data.bin: expected sha256 {'ab' * 32}, got {GOOD}"),
        ("plain/x", {"size": 100}, f"data.bin: expected 100 bytes, the server has {len(BODY)}; correct `bytes`"),
        ("login/x", {}, "HTML page"),
        ("forbidden/x", {}, "403 Forbidden; the source needs a licence to be accepted or a token"),
        ("", {"urls": ["http://127.0.0.1:9/x"]}, "the download failed"),
        ("", {"urls": ["file:///etc/hostname"]}, "no http or https address"),
        (
            "",
            {"kind": "pypi", "urls": [], "package": "/no such package/", "version": "1"},
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


MANUAL = {"kind": "manual", "file": "data.bin", "sha256": ["0" * 64, GOOD], "bytes": len(BODY)}


@pytest.fixture
def brought(server: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a person put the file of the dataset toy."""
    monkeypatch.setenv(DATA_ROOT, "elsewhere/my files")
    place = Path("elsewhere/my files/toy/data.bin")
    place.parent.mkdir(parents=True)
    place.write_bytes(BODY)
    return place


def test_a_file_that_a_person_brought_gets_a_second_name_and_its_place_is_told_to_nobody(
    brought: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch(_fetching(**MANUAL))
    assert Path("out/raw/data.bin").samefile(brought)
    content = Path("out/source.json").read_text()
    assert json.loads(content)["files"][0]["origin"] == "manual:toy/data.bin"
    assert "my files" not in content + "".join(capfd.readouterr())


def test_behind_a_symbolic_link_lies_the_file_itself(brought: Path) -> None:
    behind = brought.rename("behind.bin")
    brought.symlink_to(behind.absolute())
    fetch(_fetching(**MANUAL))
    assert not Path("out/raw/data.bin").is_symlink()
    assert Path("out/raw/data.bin").samefile(behind)


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs a second disk")
def test_from_another_disk_it_is_a_copy(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as root:
        if os.stat(root).st_dev == os.stat(".").st_dev:
            pytest.skip("needs a second disk")
        monkeypatch.setenv(DATA_ROOT, root)
        (Path(root) / "toy").mkdir()
        (Path(root) / "toy/data.bin").write_bytes(BODY)
        fetch(_fetching(**MANUAL))
        assert not Path("out/raw/data.bin").samefile(f"{root}/toy/data.bin")
    assert Path("out/raw/data.bin").read_bytes() == BODY


@pytest.mark.parametrize(
    ("content", "changes", "sentence"),
    [
        (b"", {}, f"data.bin: expected {len(BODY)} bytes, got 0; bring the right file"),
        (b"", {"bytes": None, "sha256": None}, "data.bin: the file is empty; bring the right file"),
        (BODY[::-1], {}, f"expected sha256 {'0' * 64} or {GOOD}, got .*; bring the right file"),
        (None, {}, r"toy: data.bin is brought by hand: read its terms \(https://example.org/cc0\), get the file, and "
         "put it at /.*/elsewhere/my files/toy/data.bin, where no such file is$"),
    ],
)  # fmt: skip
def test_what_a_person_brought_is_verified(
    brought: Path, content: bytes | None, changes: dict[str, Any], sentence: str
) -> None:
    brought.unlink() if content is None else brought.write_bytes(content)
    _refused(_fetching(**MANUAL | changes), sentence)
    assert not list(PARTIAL.iterdir())


def test_a_folder_is_no_file_and_without_a_data_root_the_sentence_says_where_to_write_one(
    brought: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought.unlink()
    brought.mkdir()
    _refused(_fetching(**MANUAL), "toy/data.bin, where no such file is")
    monkeypatch.delenv(DATA_ROOT)
    _refused(_fetching(**MANUAL), r"put it at <data_root>/toy/data.bin, with `data_root: <folder>` in the study")


def test_a_data_root_that_is_a_file_is_named(brought: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_ROOT, str(brought))
    _refused(
        _fetching(**MANUAL),
        r"put it at .*; but \S+/my files/toy/data\.bin is a file, and `data_root` must name a folder",
    )


def test_a_variable_that_a_licence_comes_with_is_asked_for_first(
    brought: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MSD_TOY_PASSWORD", raising=False)
    licence = LICENCE | {"gate": "manual", "environment": ["MSD_TOY_PASSWORD"]}
    _refused(_fetching(licence, **MANUAL), "toy: the variable MSD_TOY_PASSWORD of the environment is not set; give it")
    monkeypatch.setenv("MSD_TOY_PASSWORD", "swordfish")
    fetch(_fetching(licence, **MANUAL))
    assert "swordfish" not in Path("out/source.json").read_text() + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ({"kind": "url", "file": "a"}, "a source of kind url needs the key 'urls'"),
        ({"kind": "pypi", "file": "a", "package": "b"}, "a source of kind pypi needs the key 'version'"),
        ({"kind": "manual", "file": "a", "urls": ["https://x"]}, "a source of kind manual has no key 'urls'"),
        ({"kind": "manual", "file": "../a"}, "give the name of a file, no folder above it"),
        ({"kind": "manual", "file": "a/b"}, "`file` is a name without folders, but for a source of kind hub"),
        ({"kind": "hub", "file": "/etc/a", "repo": "a/b", "revision": "0" * 40}, "give the name of a file"),
        ({"kind": "hub", "file": "a", "repo": "a/b"}, "a source of kind hub needs the key 'revision'"),
        ({"kind": "hub", "file": "a", "repo": "a/b", "revision": "main"}, "revision: .*given: 'main'"),
        ({"kind": "hub", "file": "a", "repo": "a/b/c", "revision": "0" * 40}, "repo: .*given: 'a/b/c'"),
        (
            {"kind": "hub", "file": "a", "repo": "a", "revision": "0" * 40, "repo_type": "datasets"},
            r"repo_type: .*did you mean 'dataset'\?",
        ),
    ],
)
def test_a_source_that_does_not_say_where_its_file_is(server: str, source: dict[str, Any], sentence: str) -> None:
    with one_sentence(sentence):
        _fetching(**source)
