"""SNLI-VE made from SNLI and the lists in the published layout, or read ready-made, and prepared."""

import gzip
import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from snli_ve_files import (
    ORDER,
    PICTURES,
    TRAIN,
    VAL,
    Files,
    findings,
    in_folder,
    official,
    packed_tar,
    packed_zip,
    pairs,
)

from msd.data.findings import Findings
from msd.data.readers import snli_ve
from msd.errors import UserError
from msd.job import Job


def test_rows_are_hypotheses_on_the_pictures_of_the_lists(published: Files, run: Callable[..., Job]) -> None:
    job = run(published)
    assert json.loads(Path(job.outputs["labels"]).read_text()) == ["entailment", "neutral", "contradiction"]
    found = {part: ", ".join(pairs(job, split)) for split, part in snli_ve.PARTS.items()}
    assert found == ORDER
    train, test = (pd.read_parquet(job.outputs[split]) for split in ("train", "test"))
    assert set(test["text"]) <= set(train["text"])
    assert not test["near_copy"].any(), "a hypothesis recurs with other pictures"
    row = train.set_index("uid").loc["36979.jpg#4r1c"]
    assert (row["image"], row["text"], list(row["target"])) == ("36979.png", 'It "is" c.', [2])
    with zipfile.ZipFile(job.outputs["pictures"]) as archive:
        assert archive.namelist() == sorted(f"{picture}.png" for picture in PICTURES)
        grey = Image.open(io.BytesIO(archive.read(f"{VAL}.png")))
    assert (grey.mode, grey.size) == ("RGB", (16, 12))
    assert findings(job)["counts"] == {
        "dropped: no gold label": 1,
        "dropped: picture of Visual Genome": 3,
        "made: by the official rule": 3,
    }
    places = {entry["record"]: entry["where"] for entry in findings(job)["records"]}
    assert places["36979.jpg#4r1ex"] == "snli_1.0_train.jsonl:4"
    assert places["vg_3r1e"] == "snli_1.0_dev.jsonl:7"


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n\r\n"])
def test_the_lines_are_the_official_ones_byte_for_byte(
    published: Files, run: Callable[..., Job], tmp_path: Path, ending: bytes
) -> None:
    first = b'{"Flickr30K_ID": "3416050480", "annotator_labels": ["contradiction"], "captionID": "3416050480.jpg#4", '
    assert official("train").startswith(first)
    for name in ("flickr30k_train_val.lst", "flickr30k_test.lst"):
        newline = ending[:2].decode() or "\n"
        published[name] = published[name].decode().replace("\n", newline).encode() + ending
    job = run(published)
    with tempfile.TemporaryFile() as spool:
        lines = snli_ve.generate({name: tmp_path / name for name in published}, Findings(), spool)
        for split, part in snli_ve.PARTS.items():
            assert b"".join(line for _, line in lines[split]) == official(part)
    reasons = {entry["record"]: entry["reason"] for entry in findings(job)["records"]}
    for part, sizes in {
        "train": "9 pairs on 3 of 3",
        "dev": "3 pairs on 1 of 1000",
        "test": "3 pairs on 1 of 1",
    }.items():
        digest = hashlib.sha256(official(part)).hexdigest()
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
        ("flickr30k-images.tar.gz", packed_tar(in_folder("./flickr30k-images"))),
        ("flickr30k_images.tar.gz", packed_tar(in_folder("data/flickr30k_images"))),
        ("flickr30k_images.tar", gzip.decompress(packed_tar(in_folder("flickr30k_images")))),
        ("flickr30k-images.zip", packed_zip(in_folder("flickr30k-images"))),
        ("flickr30k-images.zip", packed_zip(in_folder("archive/flickr30k_images/flickr30k_images"))),
        (
            "flickr30k-images.zip",
            packed_zip(
                {"__MACOSX/1007129816.jpg": b"-", "__MACOSX/a/._36979.jpg": b"-", **in_folder("a"), "b/36979.jpg": b"-"}
            ),
        ),
        ("flickr30k-images.tar.gz", packed_tar({"__MACOSX/36979.jpg": b"-", **in_folder("a"), "b/36979.jpg": b"-"})),
    ],
)
def test_pictures_are_found_in_any_folder_of_any_archive(
    published: Files, run: Callable[..., Job], name: str, content: bytes
) -> None:
    expected = Path(run(published).outputs["pictures"]).read_bytes()
    del published["flickr30k-images.tar.gz"]
    job = run(published | {name: content})
    assert Path(job.outputs["pictures"]).read_bytes() == expected


@pytest.mark.parametrize("text", ["n/a", "null", "None", "NaN", "–"])
def test_a_hypothesis_that_looks_like_nothing_stays_a_text(ready_made: Files, run: Callable[..., Job], text) -> None:
    lines = ready_made["snli_ve_train.jsonl"].replace(b'It \\"is\\"  c.', text.encode())
    train = pd.read_parquet(run(ready_made | {"snli_ve_train.jsonl": lines}).outputs["train"]).set_index("uid")
    assert train.loc["36979.jpg#4r1c", "text"] == text


def test_a_limit_keeps_pictures_with_all_of_their_pairs(published: Files, run: Callable[..., Job]) -> None:
    job = run(published, pictures={"train": 2, "val": 1, "test": 1})
    train = pd.read_parquet(job.outputs["train"])
    assert list(train.groupby("image").size()) == [3, 3]
    [found] = [one for one in findings(job)["records"] if one["record"] == "train (3 pairs)"]
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
