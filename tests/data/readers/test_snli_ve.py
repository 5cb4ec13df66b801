"""SNLI-VE made from SNLI and the lists in the published layout, or read ready-made, and prepared."""

import gzip
import hashlib
import io
import json
import random
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from PIL import Image

from msd.config.contracts.data import PrepareParams
from msd.data.findings import Findings
from msd.data.prepare import prepare
from msd.data.readers import snli_ve
from msd.errors import UserError
from msd.job import Job

CONFIG = yaml.safe_load((Path(__file__).parents[3] / "config/datasets/snli-ve.yaml").read_text())
PREPARE = CONFIG["prepare"] | {"side": 16}
LABELS = {"e": "entailment", "n": "neutral", "c": "contradiction"}
TRAIN, VAL, TEST = ("3416050480", "1007129816", "36979"), "4705552913", "2248275918"
FILLERS = [str(number) for number in range(900_000, 900_999)]
ROWS = {
    "train": ["36979 n", "2248275918 e", "3416050480 c", "-", "4705552913 e", "4705552913 c", "vg_1 n", "3416050480 e"],
    "dev": ["1007129816 e", "vg_2 n", "1007129816 n", "2248275918 c", "36979 c", "1007129816 c", "vg_3 e"],
    "test": ["3416050480 n", "36979 e", "4705552913 n", "2248275918 n"],
}
"""The part of SNLI, which is not that of SNLI-VE -> its rows: picture and label."""
ORDER = {
    "train": "3416050480 c, 3416050480 e, 3416050480 n, 1007129816 e, 1007129816 n, 1007129816 c, "
    "36979 n, 36979 c, 36979 e",
    "dev": "4705552913 e, 4705552913 c, 4705552913 n",
    "test": "2248275918 e, 2248275918 c, 2248275918 n",
}
LINE = (
    '{{"Flickr30K_ID": "{0}", "annotator_labels": ["{2}"], "captionID": "{0}.jpg#4", "gold_label": "{2}", '
    '"pairID": "{0}.jpg#4r1{1}", "sentence1": "A thing – of {0}.", "sentence1_binary_parse": "( A thing )", '
    '"sentence1_parse": "(ROOT (NP (DT A)))", "sentence2": "It \\"is\\"  {1}.", '
    '"sentence2_binary_parse": "( It is )", "sentence2_parse": "(ROOT (S (NP It)))"}}\n'
)
Files = dict[str, bytes]


def _row(name: str) -> dict[str, Any]:
    """A row of SNLI, its keys in no order; "-" is one without a gold label."""
    picture, letter = ("36979", "e") if name == "-" else name.split()
    pair = f"{picture}r1{letter}" if picture.startswith("vg_") else f"{picture}.jpg#4r1{letter}"
    return {
        "pairID": f"{pair}x" if name == "-" else pair,
        "sentence2": f'It "is"  {letter}.',
        "sentence1": f"A thing – of {picture}.",
        "sentence2_parse": "(ROOT (S (NP It)))",
        "sentence1_parse": "(ROOT (NP (DT A)))",
        "sentence2_binary_parse": "( It is )",
        "sentence1_binary_parse": "( A thing )",
        "annotator_labels": [LABELS[letter]],
        "captionID": f"{picture}.jpg#4",
        "gold_label": "-" if name == "-" else LABELS[letter],
    }


def _jpeg(picture: str, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    noise = random.Random(picture).randbytes(64 * 48 * len(mode))
    Image.frombytes(mode, (64, 48), noise).save(buffer, "JPEG")
    return buffer.getvalue()


PICTURES = {picture: _jpeg(picture, "L" if picture == VAL else "RGB") for picture in (*TRAIN, VAL, TEST)}


def _zip(members: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _tar(members: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def _snli(rows: dict[str, list[bytes]]) -> bytes:
    members = {f"snli_1.0/snli_1.0_{part}.jsonl": b"\n".join(lines) + b"\n" for part, lines in rows.items()}
    mac = {f"__MACOSX/snli_1.0/._snli_1.0_{part}.jsonl": b"\0\5\26\7" for part in rows}
    return _zip(mac | members | {"snli_1.0/README.txt": b"SNLI"})


def _snli_rows() -> dict[str, list[bytes]]:
    return {part: [json.dumps(_row(name)).encode() for name in names] for part, names in ROWS.items()}


def _folder(folder: str) -> Files:
    """The members of an archive of pictures."""
    return {f"{folder}/{picture}.jpg": content for picture, content in PICTURES.items()}


@pytest.fixture
def published() -> Files:
    """All raw files, for a test to change; the lists end without a newline."""
    return {
        "snli_1.0.zip": _snli(_snli_rows()),
        "flickr30k_train_val.lst": "\n".join([*TRAIN, *FILLERS, VAL]).encode(),
        "flickr30k_test.lst": TEST.encode(),
        "flickr30k-images.tar.gz": _tar({"flickr30k-images/readme.txt": b"-", **_folder("flickr30k-images")}),
    }


@pytest.fixture
def ready_made(published: Files) -> Files:
    """The three official files in the place of SNLI and the lists; val and test name pictures as before 2020."""
    made = {f"snli_ve_{part}.jsonl": _official(part) for part in ORDER}
    for part in ("dev", "test"):
        rows = [json.loads(line) for line in made[f"snli_ve_{part}.jsonl"].splitlines()]
        old = [row | {"Flikr30kID": f"{row['Flickr30K_ID']}.jpg"} for row in rows]
        lines = [json.dumps({key: one for key, one in row.items() if key != "Flickr30K_ID"}) for row in old]
        made[f"snli_ve_{part}.jsonl"] = "\n".join(lines).encode()
    return made | {"flickr30k-images.tar.gz": published["flickr30k-images.tar.gz"]}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Job]:
    """A function that writes raw files, prepares them and returns that job."""

    def stage(files: Files, **changes: Any) -> Job:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        endings = {"labels": "json", "findings": "json", "pictures": "zip"}
        names = ["train", "val", "test", *endings]
        outputs = {name: str(tmp_path / f"prepared/{name}.{endings.get(name, 'parquet')}") for name in names}
        params = PrepareParams(name="snli-ve", module="snli_ve", task="multiclass", prepare=PREPARE | changes)
        job = Job("prepare", params, {"files": [str(tmp_path / name) for name in files]}, outputs)
        prepare(job)
        return job

    return stage


def _official(part: str) -> bytes:
    """The official file of a part, written down anew from `ORDER` and `LINE`."""
    pairs = [name.split() for name in ORDER[part].split(", ")]
    return "".join(LINE.format(picture, letter, LABELS[letter]) for picture, letter in pairs).encode()


def _pairs(job: Job, split: str) -> list[str]:
    """The pairs of a split in its order, as `ORDER` writes them."""
    uids = pd.read_parquet(job.outputs[split])["uid"]
    return [uid.replace(".jpg#4r1", " ") for uid in uids]


def _findings(job: Job) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(job.outputs["findings"]).read_text())
    return content


def test_rows_are_hypotheses_on_the_pictures_of_the_lists(published: Files, run: Callable[..., Job]) -> None:
    job = run(published)
    assert json.loads(Path(job.outputs["labels"]).read_text()) == ["entailment", "neutral", "contradiction"]
    found = {part: ", ".join(_pairs(job, split)) for split, part in snli_ve.PARTS.items()}
    assert found == ORDER
    row = pd.read_parquet(job.outputs["train"]).set_index("uid").loc["36979.jpg#4r1c"]
    assert (row["image"], row["text"], list(row["target"])) == ("36979.png", 'It "is" c.', [2])
    with zipfile.ZipFile(job.outputs["pictures"]) as archive:
        assert archive.namelist() == sorted(f"{picture}.png" for picture in PICTURES)
        grey = Image.open(io.BytesIO(archive.read(f"{VAL}.png")))
    assert (grey.mode, grey.size) == ("RGB", (16, 12))
    assert _findings(job)["counts"] == {
        "dropped: no gold label": 1,
        "dropped: picture of Visual Genome": 3,
        "made: by the official rule": 3,
    }
    places = {entry["record"]: entry["where"] for entry in _findings(job)["records"]}
    assert places["36979.jpg#4r1ex"] == "snli_1.0_train.jsonl:4"
    assert places["vg_3r1e"] == "snli_1.0_dev.jsonl:7"


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n\r\n"])
def test_the_lines_are_the_official_ones_byte_for_byte(
    published: Files, run: Callable[..., Job], tmp_path: Path, ending: bytes
) -> None:
    first = b'{"Flickr30K_ID": "3416050480", "annotator_labels": ["contradiction"], "captionID": "3416050480.jpg#4", '
    assert _official("train").startswith(first)
    for name in ("flickr30k_train_val.lst", "flickr30k_test.lst"):
        newline = ending[:2].decode() or "\n"
        published[name] = published[name].decode().replace("\n", newline).encode() + ending
    job = run(published)
    with tempfile.TemporaryFile() as spool:
        lines = snli_ve.generate({name: tmp_path / name for name in published}, Findings(), spool)
        for split, part in snli_ve.PARTS.items():
            assert b"".join(line for _, line in lines[split]) == _official(part)
    reasons = {entry["record"]: entry["reason"] for entry in _findings(job)["records"]}
    for part, sizes in {
        "train": "9 pairs on 3 of 3",
        "dev": "3 pairs on 1 of 1000",
        "test": "3 pairs on 1 of 1",
    }.items():
        digest = hashlib.sha256(_official(part)).hexdigest()
        reason = f"by the official rule: {sizes} pictures, sha256 {digest}"
        assert reasons[f"snli_ve_{part}.jsonl"] == reason


def test_ready_made_files_give_the_same_rows_with_either_name_of_a_picture(
    published: Files, ready_made: Files, run: Callable[..., Job], tmp_path: Path
) -> None:
    tables = []
    for files in (published, ready_made):
        job = run(files)
        tables.append([pd.read_parquet(job.outputs[split]) for split in snli_ve.PARTS])
    for one, other in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(one, other)
    del ready_made["snli_ve_dev.jsonl"]
    with pytest.raises(UserError, match=r"0 of the fetched files .* start with 'snli_ve_dev'; expected one"):
        run(ready_made)


def test_with_its_premise_a_text_begins_with_the_caption(published: Files, run: Callable[..., Job]) -> None:
    train = pd.read_parquet(run(published, premise="both").outputs["train"]).set_index("uid")
    assert train.loc["36979.jpg#4r1c", "text"] == 'A thing – of 36979. It "is" c.'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("flickr30k-images.tar.gz", _tar(_folder("./flickr30k-images"))),
        ("flickr30k_images.tar.gz", _tar(_folder("data/flickr30k_images"))),
        ("flickr30k_images.tar", gzip.decompress(_tar(_folder("flickr30k_images")))),
        ("flickr30k-images.zip", _zip(_folder("flickr30k-images"))),
        ("flickr30k-images.zip", _zip(_folder("archive/flickr30k_images/flickr30k_images"))),
        (
            "flickr30k-images.zip",
            _zip(
                {"__MACOSX/1007129816.jpg": b"-", "__MACOSX/a/._36979.jpg": b"-", **_folder("a"), "b/36979.jpg": b"-"}
            ),
        ),
        ("flickr30k-images.tar.gz", _tar({"__MACOSX/36979.jpg": b"-", **_folder("a"), "b/36979.jpg": b"-"})),
    ],
)
def test_pictures_are_found_in_any_folder_of_any_archive(
    published: Files, run: Callable[..., Job], name: str, content: bytes
) -> None:
    expected = Path(run(published).outputs["pictures"]).read_bytes()
    del published["flickr30k-images.tar.gz"]
    job = run(published | {name: content})
    assert Path(job.outputs["pictures"]).read_bytes() == expected


@pytest.mark.parametrize("kept", [None, 0, 300])
@pytest.mark.parametrize("pack", [_tar, _zip])
def test_pairs_on_a_missing_or_broken_picture_are_dropped(
    published: Files, run: Callable[..., Job], pack: Callable[[Files], bytes], kept: int | None
) -> None:
    members = _folder("flickr30k-images")
    content = members.pop("flickr30k-images/36979.jpg")
    if kept is not None:
        members["flickr30k-images/36979.jpg"] = content[:kept]
    files = published | {"flickr30k-images.tar.gz": pack(members)}
    findings = {Path(run(files).outputs["findings"]).read_bytes() for _ in range(2)}
    assert len(findings) == 1
    assert b"0x" not in findings.pop()
    job = run(files)
    assert ", ".join(_pairs(job, "train")) == ORDER["train"].partition(", 36979")[0]
    assert _findings(job)["counts"]["dropped: missing or broken picture"] == 1
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
    rows = _snli_rows()
    if isinstance(change, str):
        _changed(rows["train"], 0, change)
    else:
        change(rows["train"])
    published["snli_1.0.zip"] = _snli(rows)
    job = run(published)
    assert set(_pairs(job, "train")) == set(ORDER["train"].split(", ")) - gone
    [found] = [one for one in _findings(job)["records"] if one["where"] == f"snli_1.0_train.jsonl:{line}"]
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
    assert len(_pairs(job, "train")) == (8 if isinstance(change, str) else 9)
    [found] = _findings(job)["records"]
    place = "flickr30k-images.tar.gz" if "picture:" in reason else f"snli_ve_train.jsonl:{len(lines) % 9 * 9 + 1}"
    assert found["where"] == place
    assert re.match(reason, found["reason"])
    with pytest.raises(UserError, match=reason.split(": .*")[-1]):
        run(ready_made, records="strict")


@pytest.mark.parametrize("text", ["n/a", "null", "None", "NaN", "–"])
def test_a_hypothesis_that_looks_like_nothing_stays_a_text(ready_made: Files, run: Callable[..., Job], text) -> None:
    lines = ready_made["snli_ve_train.jsonl"].replace(b'It \\"is\\"  c.', text.encode())
    train = pd.read_parquet(run(ready_made | {"snli_ve_train.jsonl": lines}).outputs["train"]).set_index("uid")
    assert train.loc["36979.jpg#4r1c", "text"] == text


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
    assert tuple(len(_pairs(job, split)) for split in snli_ve.PARTS) == splits
    [found] = [one for one in _findings(job)["records"] if one["where"] == where]
    assert (found["record"], found["reason"]) == (again[0], reason)
    with pytest.raises(UserError, match=f"{where}: {again[0]}: {reason}"):
        run(published, records="strict")


def test_a_limit_keeps_pictures_with_all_of_their_pairs(published: Files, run: Callable[..., Job]) -> None:
    job = run(published, pictures={"train": 2, "val": 1, "test": 1})
    train = pd.read_parquet(job.outputs["train"])
    assert list(train.groupby("image").size()) == [3, 3]
    [found] = [one for one in _findings(job)["records"] if one["record"] == "train (3 pairs)"]
    assert found["reason"] == "pairs on other pictures: train has 6 of 9 pairs"
    pictures = {"train": 1, "val": 1, "test": 1}
    jobs = (run(published, pictures=pictures, seed=seed) for seed in range(9))
    assert {pd.read_parquet(job.outputs["train"])["image"][0] for job in jobs} == {
        f"{picture}.png" for picture in TRAIN
    }


def test_sizes_of_the_published_snli_are_the_published_ones(
    published: Files, run: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snli_ve, "PUBLISHED", hashlib.sha256(published["snli_1.0.zip"]).hexdigest())
    with pytest.raises(UserError, match=r"'train': \(29783, 529527\).* but here \{'train': \(3, 9\).*lst again"):
        run(published)
    monkeypatch.setattr(snli_ve, "SIZES", {"train": (3, 9), "val": (1000, 3), "test": (1, 3)})
    run(published)


def _cut(name: str) -> Callable[[Files], object]:
    return lambda files: files.update({name: files[name][: len(files[name]) * 2 // 3]})


def _without_train(files: Files) -> None:
    files["snli_1.0.zip"] = _snli({part: lines for part, lines in _snli_rows().items() if part != "train"})


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
            lambda files: files.update({"flickr30k-images.tar.gz": _tar({"a/1.jpg": PICTURES[VAL]})}),
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
