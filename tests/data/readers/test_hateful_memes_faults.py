"""Zips of Hateful Memes with faults: each is named, and dropped or told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from published_memes import (
    FIRST_PHASE,
    SECOND_PHASE,
    Files,
    encrypted,
    findings_of,
    ids_of,
    meme,
    packed,
    png,
    published,
)

from msd.errors import UserError
from msd.job import Job


def _with_line(files: Files, place: int, line: bytes, stem: str = "train") -> None:
    """Put a line (of several, joined) in place of that with the index `place`."""
    name = f"data/{stem}.jsonl"
    lines = files[name].split(b"\n")
    lines[place] = line
    files[name] = b"\n".join(lines)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (
            {"ids": SECOND_PHASE, "unlabelled": ("test_unseen",), "files": "unseen"},
            "test_unseen.jsonl of hateful_memes.zip has no labels, so that it cannot be test; labels are in train.jsonl, "
            "dev_seen.jsonl, dev_unseen.jsonl, test_seen.jsonl: write `files: seen`",
        ),
        (
            {"ids": FIRST_PHASE, "unlabelled": ("test",), "files": "phase-1"},
            "labels are in train.jsonl, dev.jsonl: bring a zip that has train, dev and test files with labels",
        ),
        (
            {"ids": FIRST_PHASE, "unlabelled": (), "files": "seen"},
            "hateful_memes.zip has no dev_seen.jsonl but train.jsonl, dev.jsonl, test.jsonl; write `files: phase-1`",
        ),
        (
            {"ids": SECOND_PHASE, "unlabelled": (), "files": "phase-1"},
            "has no dev.jsonl but train.jsonl, dev_seen.jsonl, .*; write `files: seen`",
        ),
        ({"ids": {"dev": (1235,)}, "unlabelled": (), "files": "phase-1"}, "holds no train.jsonl; is it the zip of Hat"),
    ],
)
def test_what_cannot_be_used_says_what_can(run: Callable[..., Job], tmp_path: Path, files: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        run(published(files["ids"], files["unlabelled"]), files=files["files"])
    assert not (tmp_path / "prepared").exists()


def test_a_null_label_is_none(second_phase: Files, run: Callable[..., Job]) -> None:
    lines = [json.dumps(meme(number, label=None, text='"label": 1')) for number in SECOND_PHASE["test_seen"]]
    with pytest.raises(UserError, match=r"test_seen.jsonl of hateful_memes.zip has no labels"):
        run(second_phase | {"data/test_seen.jsonl": "\n".join(lines).encode()})


BAD = [
    (b"", "blank line"),
    (b" \t", "blank line"),
    (json.dumps(meme(8176)).encode()[:40], "not JSON"),
    (b'{"id": 8176, "text": "\xe9"}', "not JSON"),
    (b"[" * 100_000, "not JSON"),
    (b"[8176]", "no JSON object"),
    (json.dumps(meme(8176, text=" \n")).encode(), "empty text"),
    (json.dumps(meme(8176, text=None)).encode(), "text is no text"),
    (json.dumps(meme(8176, label="1")).encode(), "label is neither 0 nor 1"),
    (json.dumps(meme(8176, label=True)).encode(), "label is neither 0 nor 1"),
    (json.dumps(meme(8176, label=1.0)).encode(), "label is neither 0 nor 1"),
    (json.dumps(meme(8176, label=2)).encode(), "label is neither 0 nor 1"),
    (json.dumps(meme(8176, label=None)).encode(), "no label"),
    (b'{"id": 8176, "img": "img/08176.png", "text": "a square"}', "no label"),
    (json.dumps(meme(8176, id="37408")).encode(), "id is no whole number"),
    (json.dumps(meme(8176, id=-8176)).encode(), "id is no whole number"),
    (json.dumps(meme(8176, id=float("nan"))).encode(), "id is no whole number"),
    (json.dumps(meme(8176, img="img/../../08176.png")).encode(), "img names no picture below img/"),
    (json.dumps(meme(8176, img="/img/08176.png")).encode(), "img names no picture below img/"),
    (json.dumps(meme(8176, img=["img/08176.png"])).encode(), "img names no picture below img/"),
    (json.dumps(meme(8176, img="img/8176.png")).encode(), "missing picture"),
]


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_a_bad_line_is_dropped_and_named_or_told(
    second_phase: Files, run: Callable[..., Job], line: bytes, reason: str
) -> None:
    _with_line(second_phase, 2, line)
    job = run(second_phase)
    assert set(ids_of(job, "train")) == set(SECOND_PHASE["train"]) - {8176}
    counts, [record] = findings_of(job)
    assert counts == {f"dropped: {reason}": 1}
    assert record["where"] == "train.jsonl:3"
    with pytest.raises(UserError, match=r"train.jsonl:3"):
        run(second_phase, records="strict")


def test_marks_and_line_ends_of_other_systems_are_repaired(second_phase: Files, run: Callable[..., Job]) -> None:
    name = "data/train.jsonl"
    lines = second_phase[name].split(b"\n")
    second_phase[name] = b"\xef\xbb\xbf" + lines[0] + b"\r\n" + lines[1] + b"\r\n" + b"\n".join(lines[2:])
    job = run(second_phase, records="strict")
    assert ids_of(job, "train") == list(SECOND_PHASE["train"])
    counts, records = findings_of(job)
    assert counts == {"repaired: CRLF at the end of a line": 2, "repaired: byte order mark": 1}
    assert [(record["record"], record["where"]) for record in records] == [
        ("line 1", "train.jsonl:1"),
        ("2 lines", "train.jsonl:1"),
    ]


@pytest.mark.parametrize(
    ("stem", "again", "gone", "reasons"),
    [
        ("train", meme(8176, label=1), {8176}, {"train.jsonl:3": "id of", "train.jsonl:12": "id of"}),
        ("train", meme(8176, text="another"), {8176}, {"train.jsonl:3": "id of", "train.jsonl:12": "id of"}),
        ("train", meme(8176), set(), {"train.jsonl:12": "listed twice"}),
        ("dev_seen", meme(8176), {8176}, {"train.jsonl:3": "also in val"}),
        ("test_seen", meme(8176), {8176}, {"train.jsonl:3": "also in test"}),
        ("test_seen", meme(9876, img="img/08176.png"), {8176}, {"train.jsonl:3": "also in test"}),
        ("train", meme(9876, img="img/08176.png"), set(), {}),
    ],
)
def test_a_meme_stands_in_one_split_once(
    second_phase: Files, run: Callable[..., Job], stem: str, again: dict[str, Any], gone: set[int], reasons
) -> None:
    last = len(SECOND_PHASE[stem]) - 1
    _with_line(second_phase, last, json.dumps(again).encode(), stem)
    job = run(second_phase)
    expected = [*SECOND_PHASE[stem][:last]] + ([again["id"]] if not any("12" in where for where in reasons) else [])
    split = {"train": "train", "dev_seen": "val", "test_seen": "test"}[stem]
    assert set(ids_of(job, split)) == set(expected) - (gone if stem == "train" else set())
    assert gone.isdisjoint(ids_of(job, "train"))
    _, records = findings_of(job)
    assert {record["where"]: record["reason"] for record in records}.keys() == reasons.keys()
    assert all(record["reason"].startswith(reasons[record["where"]]) for record in records)
    if reasons:
        with pytest.raises(UserError, match=r"train.jsonl:(3|12): 8176"):
            run(second_phase, records="strict")


@pytest.mark.parametrize("layout", [lambda files: files, packed])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "missing picture"),
        (b"", "empty picture"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer for a picture"),
        (png(8176)[:80], "broken picture"),
        (png(8176)[:-30], "broken picture"),
        (b"<html>sign in</html>", "broken picture"),
    ],
)
def test_a_bad_picture_is_dropped_and_named_or_told(
    second_phase: Files, run: Callable[..., Job], layout, content: bytes | None, reason: str
) -> None:
    name = "data/img/08176.png"
    if content is None:
        del second_phase[name]
    else:
        second_phase[name] = content
    job = run(layout(second_phase))
    assert set(ids_of(job, "train")) == set(SECOND_PHASE["train"]) - {8176}
    counts, [record] = findings_of(job)
    assert counts == {f"dropped: {reason}": 1}
    assert (record["record"], record["where"]) == ("8176", "train.jsonl:3")
    assert "img/08176.png" in record["reason"]
    with pytest.raises(UserError, match=f"train.jsonl:3: 8176: {reason}.*img/08176.png"):
        run(layout(second_phase), records="strict")


def test_a_mirror_without_the_last_ids_is_told_in_one_sentence(second_phase: Files, run: Callable[..., Job]) -> None:
    whole = second_phase | {"data/img/08176.png": b""}
    holes = {name for name in whole if name.endswith(("8.png", "9.png"))}
    job = run({name: content for name, content in whole.items() if name not in holes})
    counts, records = findings_of(job)
    kind = "noted: no pictures of ids that end in 8 or 9, as in a mirror"
    assert counts == {kind: 2, "dropped: missing picture": 5, "dropped: empty picture": 1}
    noted = [
        (record["where"], record["reason"].partition(": ")[2]) for record in records if record["action"] == "noted"
    ]
    assert noted == [("train.jsonl", "3 of 12 of train"), ("dev_seen.jsonl", "2 of 4 of val")]


def test_a_split_of_one_class_is_told(second_phase: Files, run: Callable[..., Job]) -> None:
    lines = [json.dumps(meme(number, label=0)) for number in SECOND_PHASE["dev_seen"]]
    counts, _ = findings_of(run(second_phase | {"data/dev_seen.jsonl": "\n".join(lines).encode()}))
    assert counts == {"noted: one class alone in val": 1}


def _without_pictures(files: Files) -> Files:
    return {name: content for name, content in files.items() if not name.endswith(".png")}


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda files: b"<html>sign in</html>", "hateful_memes.zip is not a readable zip file"),
        (lambda files: encrypted(files, b"x")[:-100], "hateful_memes.zip is not a readable zip file"),
        (lambda files: encrypted(files, b"x", method=99), "is encrypted with AES, which is not read here; zip its"),
        (
            _without_pictures,
            r"12 of 12 records of train are bad, too many; the first: train.jsonl:1: 1235: missing pic",
        ),
        (lambda files: packed(files, "data/"), "12 of 12 records of train are bad, too many; .*: missing picture"),
        (
            lambda files: packed(files) | {"data/img.tar.gz": packed(files)["data/img.tar.gz"][:-500]},
            "data/img.tar.gz of .*zip cannot be unpacked",
        ),
        (
            lambda files: _without_pictures(files) | {"data/img.tar.gz": b"no archive"},
            "data/img.tar.gz of .*zip cannot be unpacked",
        ),
        (
            lambda files: files | {"data/train.jsonl": b'"label": 1\n' * 9},
            "9 of 9 records of train are bad, too many; the first: train.jsonl:1: line 1: not JSON",
        ),
        (lambda files: files | {"data/train.jsonl": b""}, "train.jsonl of hateful_memes.zip has no labels"),
    ],
)
def test_a_zip_that_cannot_be_read_is_told(
    second_phase: Files, run: Callable[..., Job], tmp_path: Path, damage, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        run(damage(second_phase))
    assert not (tmp_path / "prepared").exists()
