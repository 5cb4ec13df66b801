"""A study whose data need a token and a password: nothing that it writes, prints or starts has them.

The files are fetched and prepared as in earnest, from a server that answers as the hub does and from an encrypted zip.
`make paper-fixtures` holds a whole study, its report, MLflow's tables and its crate against the same search.
"""

import base64
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from calls import PROJECT, snakemake
from hub_server import SOURCE, TOKEN, Hub, running_hub
from published_memes import SECOND_PHASE, encrypted, published
from secret_search import Watch, files, leaks
from servers import BODY, GOOD

CANARIES = {"the token": TOKEN, "the password": "canary-Pass wörd/+1", "the wrong password": "canary-wrong-Pass wörd"}
VARIABLE = "MSD_HATEFUL_MEMES_PASSWORD"
STUDY = ("--configfile", "config/secret.yaml", "--cores", "2", "--printshellcmds")
UNTIL = ("--until", "prepare", "fetch_minilm_l6", "fetch_efficientnet_lite0")


def change(path: Path, **changes: Any) -> None:
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project with a study of encrypted memes and of encoders behind a gate."""
    folder = tmp_path / "project"
    for name in ("msd", "config", "workflow"):
        shutil.copytree(PROJECT / name, folder / name)
    for name in ("profiles", "Snakefile", "CITATION.cff"):
        (folder / name).symlink_to(PROJECT / name)
    source = SOURCE | {"repo": "some/gated", "sha256": GOOD, "bytes": len(BODY)}
    gate = {"name": "Of nobody", "url": "https://example.org", "gate": "token"}
    for name in ("minilm-l6", "efficientnet-lite0"):
        change(folder / f"config/encoders/{name}.yaml", sources=[source], licence=gate)
    memes = tmp_path / "brought/hateful-memes/hateful_memes.zip"
    memes.parent.mkdir(parents=True)
    memes.write_bytes(encrypted(published(SECOND_PHASE), CANARIES["the password"].encode()))
    study = yaml.safe_load((PROJECT / "config/smoke.yaml").read_text())
    study |= {"study": "secret", "datasets": {"hateful-memes": {}}, "seeds": 1, "data_root": "../brought"}
    study["accept_licenses"] = ["hateful-memes", "minilm-l6", "efficientnet-lite0"]
    study["methods"] = {"finetune": {}, "kd": {"lambda": 0.5, "temperature": 1}}
    study["report"] |= {"best_of": ["kd"]}
    study["teacher"]["seeds"] = 1
    (folder / "config/secret.yaml").write_text(yaml.safe_dump(study))
    with running_hub() as hub:
        given = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "hub home"), "HF_DEBUG": "1", "HF_TOKEN": TOKEN}
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        yield folder


def test_token_and_password_are_told_to_nobody(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Watch() as watch:
        monkeypatch.setenv(VARIABLE, CANARIES["the wrong password"])
        refused = snakemake(*STUDY, *UNTIL, folder=project)
        assert refused.returncode != 0
        assert f"does not open with the password in {VARIABLE}" in refused.stdout + refused.stderr
        monkeypatch.setenv(VARIABLE, CANARIES["the password"])
        done = snakemake(*STUDY, *UNTIL, folder=project)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    printed = [refused.stdout, refused.stderr, done.stdout, done.stderr]
    assert {who for *_, who in Hub.seen} == {f"Bearer {TOKEN}"}
    assert (project / "results/data/jobs/prepare/hateful-memes.json").is_file()
    assert any(b"msd stage prepare" in line for line in watch.seen), "the list of processes was watched"
    texts = [
        *files(project.parent),
        *watch.texts(),
        *((f"output {n}", text.encode()) for n, text in enumerate(printed)),
    ]
    assert leaks(CANARIES, texts) == []


def test_the_search_finds_what_is_written_in_any_form(tmp_path: Path) -> None:
    secret = CANARIES["the password"]
    raw = secret.encode()
    (tmp_path / "plain.log").write_bytes(b"the password is " + raw)
    (tmp_path / "json").write_text('{"password": "canary-Pass w\\u00f6rd/+1"}')
    (tmp_path / "url").write_text(f"https://example.org/?p={urllib.parse.quote_plus(secret)}")
    for shift in range(3):
        (tmp_path / f"base64-{shift}").write_bytes(base64.b64encode(b"u:p"[:shift] + raw + b" and more"))
    with zipfile.ZipFile(tmp_path / "packed.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", raw * 20)
    with sqlite3.connect(tmp_path / "tables.db") as tables:
        tables.execute("CREATE TABLE params (value TEXT)")
        tables.execute("INSERT INTO params VALUES (?)", (secret,))
    (tmp_path / "harmless").write_text("canary-Pass wörd")
    (tmp_path / CANARIES["the wrong password"]).touch()
    found = leaks(CANARIES, files(tmp_path))
    names = ("plain.log", "json", "url", *(f"base64-{shift}" for shift in range(3)), "packed.zip!inside", "tables.db")
    wrong = f"the wrong password in {tmp_path / CANARIES['the wrong password']}"
    assert sorted(found) == sorted([*(f"the password in {tmp_path / name}" for name in names), wrong])


def test_the_watch_sees_a_process_that_is_told_a_secret() -> None:
    with Watch() as watch:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)", "canary-of-the-watch"], check=True)
        time.sleep(0.05)
    assert any(leak.startswith("it in the process") for leak in leaks({"it": "canary-of-the-watch"}, watch.texts()))
