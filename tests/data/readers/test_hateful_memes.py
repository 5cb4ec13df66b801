"""Hateful Memes in the published layouts, prepared."""

import gc
import io
import itertools
import json
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from published_memes import (
    CONFIG,
    FIRST_PHASE,
    MODES,
    PREPARE,
    SECOND_PHASE,
    SECRET,
    Files,
    encrypted,
    findings_of,
    ids_of,
    meme,
    packed,
    published,
)

from msd.config.files import DatasetConfig, read_named
from msd.data.pictures import write_archive
from msd.data.raw_files import sha256
from msd.data.readers import hateful_memes
from msd.data.readers.hateful_memes import FILES, SIZES, VARIABLE, Parameters
from msd.errors import UserError
from msd.job import Job
from msd.studies import open_study


@pytest.mark.parametrize("is_encrypted", [False, True])
@pytest.mark.parametrize("layout", [lambda files: files, packed, lambda files: packed(files, "./")])
@pytest.mark.parametrize(("ids", "files"), [(SECOND_PHASE, "seen"), (SECOND_PHASE, "unseen"), (FIRST_PHASE, "phase-1")])
def test_both_phases_are_read_in_both_layouts_encrypted_or_not(
    run: Callable[..., Job], monkeypatch, ids: dict[str, tuple[int, ...]], files: str, layout, is_encrypted: bool
) -> None:
    members = layout(published(ids))
    monkeypatch.setenv(VARIABLE, SECRET)
    job = run(encrypted(members, SECRET.encode()) if is_encrypted else members, files=files)
    for split, stem in FILES[files].items():
        table = pd.read_parquet(job.outputs[split])
        assert [int(uid) for uid in table["uid"]] == list(ids[stem])
        memes = [meme(number) for number in ids[stem]]
        assert [tuple(target) for target in table["target"]] == [(each["label"],) for each in memes]
        assert list(table["text"]) == [each["text"] for each in memes]
        assert list(table["image"]) == [each["img"] for each in memes]
    assert json.loads(Path(job.outputs["labels"]).read_text()) == ["not hateful", "hateful"]
    assert findings_of(job) == ({}, [])


def test_pictures_are_rgb_small_and_the_same_from_every_layout(
    second_phase: Files, run: Callable[..., Job], monkeypatch
) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    zips = second_phase, packed(second_phase), encrypted(packed(second_phase), SECRET.encode())
    stored = [Path(run(files).outputs["pictures"]).read_bytes() for files in zips]
    assert len(set(stored)) == 1
    with zipfile.ZipFile(io.BytesIO(stored[0])) as archive:
        pictures = {name: Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()}
    assert {(picture.mode, picture.size) for picture in pictures.values()} == {("RGB", (16, 12))}
    for name, picture in pictures.items():
        number = int(name.removeprefix("img/").removesuffix(".png"))
        red, _, blue = np.asarray(picture).reshape(-1, 3).astype(int).T
        is_grey = MODES[number % len(MODES)] in ("L", "LA")
        assert ((red == blue).all(), (red - blue).max() > 200) == (is_grey, not is_grey), name


def test_no_picture_stays_in_memory(second_phase: Files, tmp_path: Path) -> None:
    write_archive(tmp_path / "hateful_memes.zip", second_phase)

    def alive() -> int:
        gc.collect()
        return sum(issubclass(type(one), Image.Image) for one in gc.get_objects())

    before = alive()
    raw = {"hateful_memes.zip": tmp_path / "hateful_memes.zip"}
    prepared = hateful_memes.prepare(raw, Parameters.model_validate(PREPARE))
    assert len(prepared.pictures) == 19
    assert all(prepared.pictures[name] is not prepared.pictures[name] for name in prepared.pictures)
    assert alive() == before


def test_the_chosen_files_stand_in_the_findings_with_their_sizes(
    second_phase: Files, run: Callable[..., Job], tmp_path: Path
) -> None:
    counts = json.loads(Path(run(second_phase).outputs["findings"]).read_text())["counts"]
    assert counts == {
        "noted: dev_seen.jsonl as val": 4,
        "noted: sha256 of no published zip": 1,
        "noted: test_seen.jsonl as test": 3,
        "noted: train.jsonl as train": 12,
    }
    assert sha256(tmp_path / "hateful_memes.zip").encode() in (tmp_path / "prepared/findings.json").read_bytes()


def test_a_published_zip_has_the_published_sizes(
    second_phase: Files, run: Callable[..., Job], tmp_path: Path, monkeypatch
) -> None:
    write_archive(tmp_path / "hateful_memes.zip", second_phase)
    monkeypatch.setattr(hateful_memes, "PUBLISHED", (sha256(tmp_path / "hateful_memes.zip"),))
    with pytest.raises(UserError, match=r"train.jsonl of .*zip: 12 memes, not 8500, though this zip was published"):
        run(second_phase)
    monkeypatch.setattr(hateful_memes, "SIZES", SIZES | {"train": 12, "dev_seen": 4, "test_seen": 3})
    findings = Path(run(second_phase).outputs["findings"]).read_text()
    assert "sha256" not in findings


def _passes_by_chance(sealed: bytes, name: str) -> str:
    """A wrong password that the one byte by which zipfile knows one does not tell at that member."""
    with zipfile.ZipFile(io.BytesIO(sealed)) as archive:
        for number in itertools.count():
            try:
                archive.open(name, pwd=f"wrong{number}".encode())
            except RuntimeError:
                continue
            return f"wrong{number}"
    raise AssertionError("the loop has no end")


@pytest.mark.parametrize(
    "password", [None, "", "wrong", "wrong\udce9", "by chance: data/LICENSE.txt", "by chance: data/empty.txt"]
)
@pytest.mark.parametrize("records", ["lenient", "strict"])
def test_the_password_is_of_the_environment_and_is_never_told(
    second_phase: Files, run: Callable[..., Job], monkeypatch, capsys, password: str | None, records: str
) -> None:
    sealed = encrypted(second_phase | {"data/empty.txt": b""}, SECRET.encode())
    _, is_chosen, name = (password or "").partition("by chance: ")
    wrong = _passes_by_chance(sealed, name) if is_chosen else password
    monkeypatch.delenv(VARIABLE, raising=False)
    if wrong is not None:
        monkeypatch.setenv(VARIABLE, wrong)
    said = "does not open with the password in" if wrong else "is encrypted; set the environment variable"
    with pytest.raises(UserError, match=rf"hateful_memes.zip {said} {VARIABLE}") as caught:
        run(sealed, records=records)
    told = "".join(traceback.format_exception(caught.value)) + "".join(capsys.readouterr())
    assert not wrong or wrong not in told
    monkeypatch.setenv(VARIABLE, SECRET)
    job = run(sealed)
    assert not [path for path in Path(job.outputs["findings"]).parent.iterdir() if SECRET.encode() in path.read_bytes()]


def test_texts_may_recur_with_both_labels(second_phase: Files, run: Callable[..., Job]) -> None:
    table = pd.read_parquet(run(second_phase).outputs["train"])
    labels = table.groupby("text")["target"].agg(lambda targets: len({tuple(one) for one in targets}))
    assert len(table) == 12
    assert labels["what a square"] == 2


def test_any_folder_will_do_and_the_one_nearest_the_top_counts(second_phase: Files, run: Callable[..., Job]) -> None:
    moved = {name.removeprefix("data/"): content for name, content in second_phase.items()}
    again = {f"old/{name}": b"" for name in moved} | {"__MACOSX/._train.jsonl": b"\0"}
    assert ids_of(run(moved | again), "test") == list(SECOND_PHASE["test_seen"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"files": "both"}, r"prepare.files: Input should be 'seen', 'unseen' or 'phase-1'"),
        ({"side": 0}, "prepare.side: Input should be greater than or equal to 1"),
        ({"seed": 1}, "unknown key 'prepare.seed'"),
    ],
)
def test_the_data_set_can_be_named_in_a_study(fresh_project: Path, changes: dict[str, Any], sentence: str) -> None:
    config = read_named(DatasetConfig, "datasets", "hateful-memes")
    assert (config.task, config.metric, config.licence.gate, config.sources[0].sha256) == (
        *("binary", "auroc", "manual"),
        None,
    )
    open_study("config/demo.yaml", {"datasets": {"hateful-memes": {}}})
    content = CONFIG | {"prepare": CONFIG["prepare"] | changes}
    Path("config/datasets/hateful-memes.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=sentence):
        open_study("config/demo.yaml", {"datasets": {"hateful-memes": {}}})
