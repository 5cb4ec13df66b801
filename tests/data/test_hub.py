"""Files of the Hugging Face hub, by its own client from a server of our own that answers as the hub does."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import COMMIT, SOURCE, TOKEN, Hub, running_hub
from servers import BODY, GOOD

from msd.job import write_job

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hub(working_folder: Path) -> Iterator[str]:
    """The address of a running hub; the working folder is an empty one."""
    with running_hub() as address:
        yield address


def fetched(hub: str, variables: dict[str, str] | None = None, **changes: Any) -> subprocess.CompletedProcess[str]:
    """The job that fetches a source, in a process of its own: the client reads its variables once."""
    source = {**SOURCE, "sha256": GOOD, "bytes": len(BODY), **changes}
    licence = {"name": "CC0", "url": "https://example.org/cc0", "gate": "token"}
    params = {"name": "toy", "sources": [source], "licence": licence, "citation": "Toy"}
    outputs = {"files": ["results/raw/words.bin"], "source": "results/source.json", "record": "results/record.json"}
    write_job("job.json", {"params": params, "outputs": outputs, "log": "results/job.log"})
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    given = {"HF_ENDPOINT": hub, "HF_HOME": "hub home", "PYTHONPATH": str(PROJECT), **(variables or {})}
    command = [sys.executable, "-m", "msd", "stage", "fetch", "job.json"]
    return subprocess.run(command, env=ours | given, capture_output=True, text=True, check=False)


def everything_written() -> bytes:
    return b"".join(path.read_bytes() for path in Path().rglob("*") if path.is_file())


def test_a_file_arrives_as_a_second_name_of_the_cache_s_and_comes_from_there_offline(hub: str) -> None:
    assert fetched(hub).stderr == ""
    file, home = Path("results/raw/words.bin"), Path("hub home/hub/datasets--some--words")
    assert file.read_bytes() == BODY
    assert not file.is_symlink()
    assert file.samefile(home / f"snapshots/{COMMIT}/data/words.bin")
    assert json.loads(Path("results/source.json").read_text())["files"] == [
        {**SOURCE, "origin": f"hub:dataset:some/words@{COMMIT}/data/words.bin", "sha256": GOOD, "bytes": len(BODY)}
    ]
    assert {path for _, path, _, _ in Hub.seen} == {f"/datasets/some/words/resolve/{COMMIT}/data/words.bin"}
    Hub.seen.clear()
    assert fetched(hub, {"HF_HUB_OFFLINE": "1"}).returncode == 0
    assert Hub.seen == []


def test_the_client_finds_the_token_and_nothing_that_is_written_has_it(hub: str) -> None:
    done = fetched(hub, {"HF_TOKEN": TOKEN, "HF_DEBUG": "1"}, repo="some/gated")
    assert done.returncode == 0
    assert {who for _, _, _, who in Hub.seen} == {f"Bearer {TOKEN}"}
    assert TOKEN.encode() not in everything_written() + (done.stdout + done.stderr).encode()


def test_a_body_that_is_cut_short_is_asked_for_again(hub: str) -> None:
    assert fetched(hub, repo="some/once-short").returncode == 0
    assert [command for command, *_ in Hub.seen] == ["HEAD", "GET", "GET"]
    assert Path("results/raw/words.bin").read_bytes() == BODY


@pytest.mark.parametrize(
    ("way", "changes", "sentence"),
    [
        ("gated", {}, "access is restricted (403); accept the terms at {hub}/datasets/some/gated and let its client"),
        ("asks-who", {}, "access is restricted (401); accept the terms at {hub}/datasets/some/asks-who"),
        ("refuses", {}, "access is restricted (403); accept the terms at {hub}/datasets/some/refuses"),
        ("private", {}, "there is no such repository, or it is not public (401); correct `repo` and `repo_type`"),
        ("no-repo", {}, "there is no such repository (404); correct `repo` and `repo_type`"),
        (
            "no-commit",
            {},
            "the repository has no such commit (404); correct `revision` by {hub}/datasets/some/no-commit",
        ),
        ("no-file", {}, "there is no such file at this commit (404); correct `file` by {hub}/datasets/some/no-file"),
        ("always-short", {}, "the download failed (peer closed connection"),
        pytest.param("broken", {}, "the server answered 500; run again later", marks=pytest.mark.slow),
        ("other", {}, f"data/words.bin: expected sha256 {GOOD}, got "),
        ("words", {"bytes": 100}, f"data/words.bin: expected 100 bytes, got {len(BODY)}; correct `bytes`"),
        ("words", {"bytes": 10**15}, "data/words.bin: 1,000,000,000.0 MB do not fit on the disk of hub home/hub"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(hub: str, way: str, changes: dict[str, Any], sentence: str) -> None:
    done = fetched(hub, {"HF_TOKEN": "hf_of_somebody_else"} if way == "gated" else None, repo=f"some/{way}", **changes)
    assert done.returncode == 1
    assert sentence.format(hub=hub) in done.stderr
    assert done.stderr.count("\n") == 1
    assert b"hf_of_somebody_else" not in everything_written() + done.stderr.encode()
    assert not Path("results/raw/words.bin").exists()


def test_offline_the_sentence_says_so(hub: str) -> None:
    done = fetched(hub, {"HF_HUB_OFFLINE": "1"})
    assert "it is not in the cache, and HF_HUB_OFFLINE forbids to fetch it" in done.stderr
    assert done.stderr.count("\n") == 1
    assert Hub.seen == []


@pytest.mark.slow
def test_without_a_hub_the_sentence_says_so_once_the_client_has_given_up(working_folder: Path) -> None:
    done = fetched("http://127.0.0.1:9")
    assert "run again when http://127.0.0.1:9 can be reached" in done.stderr
    assert done.stderr.count("\n") == 1
