"""What is wrong with a record, a list or an archive of SNLI-VE, and where, is told."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from snli_ve_files import (
    FILLERS,
    ORDER,
    PICTURES,
    TEST,
    TRAIN,
    VAL,
    Files,
    findings,
    in_folder,
    packed_snli,
    packed_tar,
    packed_zip,
    pairs,
    snli_rows,
)

from msd.data.readers import snli_ve
from msd.errors import UserError
from msd.job import Job


@pytest.mark.parametrize("kept", [None, 0, 300])
@pytest.mark.parametrize("pack", [packed_tar, packed_zip])
def test_pairs_on_a_missing_or_broken_picture_are_dropped(
    published: Files, run: Callable[..., Job], pack: Callable[[Files], bytes], kept: int | None
) -> None:
    members = in_folder("flickr30k-images")
    content = members.pop("flickr30k-images/36979.jpg")
    if kept is not None:
        members["flickr30k-images/36979.jpg"] = content[:kept]
    files = published | {"flickr30k-images.tar.gz": pack(members)}
    written = {Path(run(files).outputs["findings"]).read_bytes() for _ in range(2)}
    assert len(written) == 1
    assert b"0x" not in written.pop()
    job = run(files)
    assert ", ".join(pairs(job, "train")) == ORDER["train"].partition(", 36979")[0]
    assert findings(job)["counts"]["dropped: missing or broken picture"] == 1
    with pytest.raises(UserError, match="no picture 36979.jpg; bring" if kept is None else "36979.png is broken"):
        run(files, records="strict")


def _changed(lines: list[bytes], index: int, change: str) -> None:
    """Put, in one line, the text behind | in the place of that before it."""
    old, new = (text.encode("latin-1") for text in change.split("|"))
    assert old in lines[index]
    lines[index] = lines[index].replace(old, new)


@pytest.mark.parametrize(
    ("change", "line", "reason", "gone"),
    [
        (lambda lines: lines.append(lines[2]), 9, "pair given twice", set()),
        (lambda lines: lines.append(b"\0" * 40), 9, "no JSON object: .* is not JSON", set()),
        (lambda lines: lines.insert(2, b"[]"), 3, "no JSON object: .* holds a list", set()),
        (lambda lines: lines.append(lines[2][:90]), 9, "no JSON object: .* is not JSON", set()),
        ("A thing \\u2013|Caf\xe9", 1, "no JSON object: .* is not JSON", {"36979 n"}),
        ('"gold_label": "neutral"|"gold_label": "Neutral"', 1, "gold_label is none of .*: 'Neutral'", {"36979 n"}),
        ('"gold_label"|"gold"', 1, "gold_label is none of .*: None", {"36979 n"}),
        ('It \\"is\\"  n.| ', 1, "hypothesis is empty or no text: ' '", {"36979 n"}),
        ('"It \\"is\\"  n."|NaN', 1, "hypothesis is empty or no text: nan", {"36979 n"}),
        ('"36979.jpg#4r1n"|36979', 1, "pairID names no picture: 36979", {"36979 n"}),
        ("36979.jpg#4r1n|36979r1n", 1, "pairID names no picture: '36979r1n'", {"36979 n"}),
        ("36979.jpg#4r1n|0.jpg#4r1n", 1, "picture in no list", {"36979 n"}),
    ],
)
def test_a_bad_row_of_snli_is_dropped_or_told_with_its_place(
    published: Files, run: Callable[..., Job], change: Any, line: int, reason: str, gone: set[str]
) -> None:
    rows = snli_rows()
    if isinstance(change, str):
        _changed(rows["train"], 0, change)
    else:
        change(rows["train"])
    published["snli_1.0.zip"] = packed_snli(rows)
    job = run(published)
    assert set(pairs(job, "train")) == set(ORDER["train"].split(", ")) - gone
    [found] = [one for one in findings(job)["records"] if one["where"] == f"snli_1.0_train.jsonl:{line}"]
    assert found["action"] == "dropped"
    assert re.match(reason, found["reason"])
    with pytest.raises(UserError, match=rf"^snli_1.0_train.jsonl:{line}.*{reason.split(': .* ')[-1]}"):
        run(published, records="strict")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda lines: lines.append(lines[0]), "pair given twice"),
        ('"gold_label": "contradiction"|"gold_label": "-"', "gold_label is none of .*: '-'"),
        ('"gold_label": "contradiction"|"gold_label": "Neutral"', "gold_label is none of .*: 'Neutral'"),
        ('It \\"is\\"  c.|', "hypothesis is empty or no text: ''"),
        ('"Flickr30K_ID": "3416050480"|"Flickr30K_ID": "0"', "missing or broken picture: .* has no picture 0.jpg"),
        ('"Flickr30K_ID": "3416050480"|"Flickr30K_ID": 3416050480', "Flickr30K_ID or pairID is no text: 3416050480"),
        ('"Flickr30K_ID": "3416050480"|"Flickr30K_ID": "2248275918"', "picture also in test"),
        ('"Flickr30K_ID": "3416050480"|"Flickr30K_ID": "../36979"', "missing or broken picture: .*no picture ../36979"),
        ("A thing|Caf\xe9", "no JSON object: .* is not JSON"),
        (lambda lines: lines.append(b"\0" * 40), "no JSON object: .* is not JSON"),
        (lambda lines: lines.append(b"null"), "no JSON object: .* holds a NoneType"),
    ],
)
def test_a_bad_line_of_a_ready_made_file_is_dropped_or_told(
    ready_made: Files, run: Callable[..., Job], change: Any, reason: str
) -> None:
    lines = ready_made["snli_ve_train.jsonl"].splitlines()
    if isinstance(change, str):
        _changed(lines, 0, change)
    else:
        change(lines)
    ready_made["snli_ve_train.jsonl"] = b"\n".join(lines)
    job = run(ready_made)
    assert len(pairs(job, "train")) == (8 if isinstance(change, str) else 9)
    [found] = findings(job)["records"]
    place = "flickr30k-images.tar.gz" if "picture:" in reason else f"snli_ve_train.jsonl:{len(lines) % 9 * 9 + 1}"
    assert found["where"] == place
    assert re.match(reason, found["reason"])
    with pytest.raises(UserError, match=reason.split(": .*")[-1]):
        run(ready_made, records="strict")


@pytest.mark.parametrize(
    ("again", "where", "reason", "splits"),
    [
        ([TRAIN[0]], "flickr30k_train_val.lst:2", "listed twice", (9, 3, 3)),
        ([VAL], "flickr30k_train_val.lst:2", "also in val", (9, 3, 3)),
        ([TEST], "flickr30k_train_val.lst:2", "also in test", (9, 3, 3)),
    ],
)
def test_an_id_that_stands_twice_counts_once(
    published: Files, run: Callable[..., Job], again: list[str], where: str, reason: str, splits: tuple[int, ...]
) -> None:
    published["flickr30k_train_val.lst"] = "\n".join([TRAIN[0], *again, *TRAIN[1:], *FILLERS, VAL]).encode()
    job = run(published)
    assert tuple(len(pairs(job, split)) for split in snli_ve.PARTS) == splits
    [found] = [one for one in findings(job)["records"] if one["where"] == where]
    assert (found["record"], found["reason"]) == (again[0], reason)
    with pytest.raises(UserError, match=f"{where}: {again[0]}: {reason}"):
        run(published, records="strict")


def _cut(name: str) -> Callable[[Files], object]:
    return lambda files: files.update({name: files[name][: len(files[name]) * 2 // 3]})


def _without_train(files: Files) -> None:
    files["snli_1.0.zip"] = packed_snli({part: lines for part, lines in snli_rows().items() if part != "train"})


def _flipped(files: Files) -> None:
    content = bytearray(files["snli_1.0.zip"])
    content[content.index(b"snli_1.0/snli_1.0_train") + 60] ^= 255
    files["snli_1.0.zip"] = bytes(content)


@pytest.mark.parametrize(
    ("damage", "changes", "sentence"),
    [
        (_cut("flickr30k-images.tar.gz"), {}, "flickr30k-images.tar.gz is no whole .zip or .tar.gz .*; delete it and"),
        (_cut("snli_1.0.zip"), {}, "snli_1.0.zip is not a readable zip file"),
        (_without_train, {}, "snli_1.0.zip has no whole member snli_1.0/snli_1.0_train.jsonl"),
        (_flipped, {}, "snli_1.0.zip has no whole member snli_1.0/snli_1.0_train.jsonl"),
        (
            lambda files: files.update({"flickr30k-images.tar.gz": b"<html>Fill in the form</html>"}),
            {},
            "flickr30k-images.tar.gz is no whole .zip or .tar.gz",
        ),
        (
            lambda files: files.update({"flickr30k-images.tar.gz": packed_tar({"a/1.jpg": PICTURES[VAL]})}),
            {},
            "1 of 1 records of test are bad, too many; the first: .*: 2248275918.png: missing or broken picture",
        ),
        (lambda files: files.pop("flickr30k-images.tar.gz"), {}, "0 of the fetched files .* start with 'flickr30k'"),
        (
            lambda files: files.update({"flickr30k_train_val.lst": "\n".join(FILLERS).encode()}),
            {},
            "flickr30k_train_val.lst has 999 ids, 1000 for dev alone; fetch it again",
        ),
        (
            lambda files: files.update({"flickr30k_train_val.lst": "\n".join(["<p>"] * 1200).encode()}),
            {},
            "200 of 200 records of train are bad, too many; the first: flickr30k_train_val.lst:1: <p>: also in val",
        ),
        (
            lambda files: files.update({"flickr30k_test.lst": b"36979.jpg"}),
            {},
            "the split test has no rows",
        ),
        (lambda files: files.update({"flickr30k_test.lst": b"\xff\xfe\0"}), {}, "flickr30k_test.lst"),
        (
            lambda _: None,
            {"pictures": {"train": 3, "val": 2, "test": 1}},
            "`pictures` asks for 2 of val, which has 1 with pairs",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    published: Files, run: Callable[..., Job], tmp_path: Path, damage: Callable[[Files], object], changes, sentence: str
) -> None:
    damage(published)
    with pytest.raises(UserError, match=sentence):
        run(published, **changes)
    assert not (tmp_path / "prepared").exists()
