"""MM-IMDB in the published layout, prepared."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from faults import one_sentence
from mm_imdb_files import Files, film, huge_poster, packed, poster
from PIL import Image

from msd.config.contracts.data import PrepareParams
from msd.data.findings import Findings, Row
from msd.data.prepare import prepare
from msd.data.readers.films import GENRES, PUBLISHED, check_sizes
from msd.job import Job

CONFIG = yaml.safe_load((Path(__file__).parents[3] / "config/datasets/mm-imdb.yaml").read_text())
IDS = {
    "train": [f"{number:07d}" for number in range(1, 7)],
    "dev": ["0000010", "0000011"],
    "test": ["0000020", "0000021", "0000022"],
}


@pytest.fixture
def published() -> Files:
    """The archive's members, the list of splits last, for a test to change."""
    modes = {"0000003": "L", "0000004": "CMYK"}
    files = {}
    for name in (name for own in IDS.values() for name in own):
        files[f"mmimdb/dataset/{name}.jpeg"] = poster(mode=modes.get(name, "RGB"))
        files[f"mmimdb/dataset/{name}.json"] = film(name)
    return files | {"mmimdb/split.json": json.dumps(IDS).encode()}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Job]:
    """A function that writes an archive under the configured name, prepares it and returns that job."""

    def stage(files: Files | bytes, **changes: Any) -> Job:
        raw = tmp_path / "raw" / CONFIG["sources"][0]["file"]
        raw.parent.mkdir(exist_ok=True)
        raw.write_bytes(files if isinstance(files, bytes) else packed(files))
        endings = {"labels": "json", "findings": "json", "pictures": "zip"}
        names = ["train", "val", "test", *endings]
        outputs = {name: str(tmp_path / f"prepared/{name}.{endings.get(name, 'parquet')}") for name in names}
        options = CONFIG["prepare"] | {"side": 40} | changes
        params = PrepareParams(name="mm-imdb", module="mm_imdb", task="multilabel", prepare=options)
        job = Job("prepare", params, {"files": [str(raw)]}, outputs)
        prepare(job)
        assert [path.name for path in raw.parent.iterdir()] == [raw.name], "what waited beside the archive is gone"
        return job

    return stage


def rows(job: Job, split: str) -> pd.DataFrame:
    return pd.read_parquet(job.outputs[split]).set_index("uid")


def found(job: Job) -> dict[str, Any]:
    return json.loads(Path(job.outputs["findings"]).read_text())


def test_rows_hold_the_longest_plot_the_genres_and_the_poster(published: Files, run: Callable[..., Job]) -> None:
    job = run(published)
    assert json.loads(Path(job.outputs["labels"]).read_text()) == list(GENRES)
    assert (len(GENRES), GENRES[0], GENRES[-1]) == (23, "Drama", "Film-Noir")
    assert [len(rows(job, split)) for split in ("train", "val", "test")] == [6, 2, 3]
    train = rows(job, "train")
    assert train.loc["0000001", "text"] == "A longer plot with an é, 0000001."
    assert train.loc["0000001", "image"] == "0000001.png"
    assert [GENRES[label] for label in train.loc["0000001", "target"]] == ["Comedy", "Romance"]
    assert [GENRES[label] for label in train.loc["0000002", "target"]] == ["Drama", "War"]
    assert list(train.loc["0000002", "score"]) == [1.0, 1.0]
    with zipfile.ZipFile(job.outputs["pictures"]) as archive:
        pictures = {name: Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()}
    assert sorted(pictures) == sorted(f"{name}.png" for own in IDS.values() for name in own)
    assert {(picture.mode, picture.size) for picture in pictures.values()} == {("RGB", (27, 40))}
    shown = {name: picture.getpixel((9, 9)) for name, picture in pictures.items()}
    for name in ("0000001.png", "0000004.png"):  # the second one was CMYK
        red, green, blue = shown[name]
        assert red > 200 > 60 > max(green, blue)
    assert shown["0000003.png"] == (90, 90, 90)


def test_the_first_plot_may_be_asked_for(published: Files, run: Callable[..., Job]) -> None:
    assert rows(run(published, plot="first"), "train").loc["0000001", "text"] == "Short 0000001."
    published["mmimdb/dataset/0000001.json"] = film("0000001", plot=["", "A second plot."])
    assert "0000001" not in rows(run(published, plot="first"), "train").index
    assert rows(run(published), "train").loc["0000001", "text"] == "A second plot."


def test_markup_and_addresses_are_no_text(published: Files, run: Callable[..., Job]) -> None:
    told = ["See http://example.org/a?b=c,<BR>then\n www.example.org or \t the end."]
    published["mmimdb/dataset/0000001.json"] = film("0000001", plot=told)
    published["mmimdb/dataset/0000003.json"] = film("0000003", plot="A plot that is one text.")
    published["mmimdb/dataset/0000005.json"] = film("0000005", plot=["https://example.org/plot"])
    job = run(published)
    assert rows(job, "train").loc["0000001", "text"] == "See then or the end."
    assert rows(job, "train").loc["0000003", "text"] == "A plot that is one text."
    assert found(job)["counts"]["dropped: no plot"] == 1


def of_all_kinds(files: Files) -> None:
    """Films with the rare genres, Reality-TV in test alone and Film-Noir in val alone."""
    genres = {
        **{"0000001": ["News"], "0000002": ["Drama", "News"], "0000003": ["Adult", "Comedy"], "0000010": ["Film-Noir"]},
        **{"0000020": ["Reality-TV", "Drama"], "0000021": ["Talk-Show", "News"], "0000022": ["Adult"]},
    }
    for name, own in genres.items():
        files[f"mmimdb/dataset/{name}.json"] = film(name, genres=own)


@pytest.mark.parametrize(
    ("labels", "sizes", "counts", "unlabelled"),
    [
        ("top-23", [6, 2, 3], {}, {"0000001", "0000021", "0000022"}),
        (
            "drop-news",
            [4, 1, 1],
            {"dropped: left out by the label policy": 3, "dropped: genre unseen in train": 2},
            {"0000022"},
        ),
        ("drop-rare", [3, 2, 0], {"dropped: left out by the label policy": 6}, set()),
    ],
)
def test_label_policies_leave_out_different_films(
    published: Files,
    run: Callable[..., Job],
    labels: str,
    sizes: list[int],
    counts: dict[str, int],
    unlabelled: set[str],
) -> None:
    of_all_kinds(published)
    if labels == "drop-rare":
        with one_sentence("the split test has no rows"):
            run(published, labels=labels)
        name = "0000023"
        published |= {f"mmimdb/dataset/{name}.json": film(name), f"mmimdb/dataset/{name}.jpeg": poster()}
        published["mmimdb/split.json"] = json.dumps(IDS | {"test": [*IDS["test"], name]}).encode()
        sizes = [3, 2, 1]
    job = run(published, labels=labels, records="strict")  # what a policy leaves out is no fault
    assert [len(rows(job, split)) for split in ("train", "val", "test")] == sizes
    findings = found(job)
    assert {kind: number for kind, number in findings["counts"].items() if kind.startswith("dropped")} == counts
    empty = {
        uid for split in ("train", "val", "test") for uid, row in rows(job, split).iterrows() if not len(row.target)
    }
    assert empty == unlabelled
    kept = {entry["record"] for entry in findings["records"] if entry["reason"].startswith("no genre among the labels")}
    assert kept == unlabelled


@pytest.mark.parametrize(
    ("ending", "content", "reason", "detail"),
    [
        ("jpeg", poster()[:300], "broken poster", "0000001.jpeg is broken"),
        ("jpeg", b"", "broken poster", "no known format"),
        ("jpeg", b"<html><body>404 Not Found</body></html>", "broken poster", "no known format"),
        ("jpeg", huge_poster(), "broken poster", "exceeds limit"),
        ("jpeg", poster(size=(1, 1)), "poster of nothing", "1 × 1 pixels"),
        ("jpeg", None, "no poster", "has no dataset/0000001.jpeg"),
        ("json", None, "no file", "has no dataset/0000001.json"),
        ("json", film("0000001").replace(b"\\u00e9", b"\xe9"), "cannot be read", "0000001.json is not JSON"),
        ("json", film("0000001")[:80], "cannot be read", "0000001.json is not JSON"),
        ("json", b"[1]", "no JSON object", ""),
        ("json", film("0000001", plot=[""]), "no plot", ""),
        ("json", film("0000001", plot=["<br /> www.example.org"]), "no plot", ""),
        ("json", film("0000001", plot=None), "no plot", ""),
        ("json", film("0000001", genres=[]), "no genres", ""),
        ("json", film("0000001", genres=["Farce"]), "no genre of MM-IMDB", "'Farce'"),
    ],
)
def test_a_bad_film_is_dropped_or_told(
    published: Files, run: Callable[..., Job], ending: str, content: bytes | None, reason: str, detail: str
) -> None:
    del published[f"mmimdb/dataset/0000001.{ending}"]
    if content is not None:
        published[f"mmimdb/dataset/0000001.{ending}"] = content
    job = run(published)
    assert list(rows(job, "train").index) == IDS["train"][1:]
    findings = found(job)
    assert findings["counts"][f"dropped: {reason}"] == 1
    with one_sentence(f"dataset/0000001.{ending}: 0000001: {reason}.*{detail}"):
        run(published, records="strict")


@pytest.mark.parametrize(
    ("split", "listed", "reason"),
    [
        ("train", "0000002", "listed twice"),
        ("train", "0000020", "also in test"),
        ("train", "0000010", "also in val"),
        ("train", "9999999", "no file"),
        ("train", "../dataset/0000001", "cannot be read"),
        ("train", None, "no file"),
    ],
)
def test_a_film_listed_wrongly_is_dropped_or_told(
    published: Files, run: Callable[..., Job], split: str, listed: str | None, reason: str
) -> None:
    published["mmimdb/split.json"] = json.dumps(IDS | {split: [*IDS[split], listed]}).encode()
    job = run(published)
    assert [len(rows(job, name)) for name in ("train", "val", "test")] == [6, 2, 3]
    assert found(job)["counts"][f"dropped: {reason}"] == 1
    with one_sentence(r"split.json: train\[6\]|dataset/|is no name of a file"):
        run(published, records="strict")


def test_a_png_under_a_jpeg_s_name_and_endings_in_capitals_are_read(published: Files, run: Callable[..., Job]) -> None:
    published["mmimdb/dataset/0000001.jpeg"] = poster("PNG")
    published["mmimdb/dataset/0000002.JPG"] = published.pop("mmimdb/dataset/0000002.jpeg")
    published["mmimdb/dataset/0000003.JSON"] = published.pop("mmimdb/dataset/0000003.json")
    published["mmimdb/dataset/._0000004.jpeg"] = b"left behind by a system"
    job = run({name.replace("mmimdb/", "./"): content for name, content in published.items()})
    assert len(rows(job, "train")) == 6
    assert list(found(job)["counts"]) == ["kept: not the published films"]


def test_where_split_json_stands_changes_nothing(published: Files, run: Callable[..., Job], tmp_path: Path) -> None:
    made = []
    for files in (published, dict(reversed(published.items()))):
        job = run(files)
        made.append({name: Path(path).read_bytes() for name, path in job.outputs.items()})
    assert made[0] == made[1]


def test_the_sizes_of_the_whole_data_set_are_held_against_the_published_ones(
    published: Files, run: Callable[..., Job]
) -> None:
    assert sum(PUBLISHED.values()) == 25_959
    whole = {split: [Row((str(number),), "split.json")] * number for split, number in PUBLISHED.items()}
    findings = Findings()
    check_sizes(whole, findings)
    assert findings == []
    reason = "not the published films: train 6, val 2, test 3; published are train 15,552, val 2,608, test 7,799"
    assert [entry["reason"] for entry in found(run(published))["records"]] == [reason]
    ids = [f"{number:07d}" for number in range(25_959)]
    moved = {"train": ids[:15_551], "dev": ids[15_551:18_160], "test": ids[18_160:]}
    published["mmimdb/split.json"] = json.dumps(moved).encode()
    with one_sentence("split.json divides the films into train 15,551, val 2,609, test 7,799, not train 15,552"):
        run(published)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda files: files.pop("mmimdb/split.json"), "there is no split.json of .*; delete the archive"),
        (lambda files: files.update({"mmimdb/split.json": b"{"}), "split.json of .* is not JSON"),
        (lambda files: files.update({"mmimdb/split.json": b"[]"}), "split.json of .* lists no films for 'train'"),
        (lambda files: files.update({"mmimdb/split.json": b'{"train": ["1"]}'}), "lists no films for 'dev'"),
        (
            lambda files: [files.pop(f"mmimdb/dataset/{name}.jpeg") for name in IDS["dev"]],
            "2 of 2 records of val are bad, too many; the first: dataset/0000010.jpeg: 0000010: no poster",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    published: Files, run: Callable[..., Job], tmp_path: Path, change: Callable[[Files], object], sentence: str
) -> None:
    change(published)
    with one_sentence(sentence):
        run(published)
    assert not (tmp_path / "prepared").exists()
    assert [path.name for path in (tmp_path / "raw").iterdir()] == [CONFIG["sources"][0]["file"]]


NOT_WHOLE = r"mmimdb.tar.gz is no whole tar.gz file \(.*\); delete it and fetch it again"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda content: b"", NOT_WHOLE),
        (lambda content: b"<html>too many requests</html>", NOT_WHOLE),
        (lambda content: content[: len(content) // 2], NOT_WHOLE),
        (lambda content: content[:-9], NOT_WHOLE),
        (lambda content: content[:-8] + bytes(8), NOT_WHOLE),
        (lambda content: gzip.compress(b"no archive"), NOT_WHOLE),
        (lambda content: gzip.compress(gzip.decompress(content)[:1024]), "there is no split.json of .*mmimdb.tar.gz"),
    ],
)
def test_a_damaged_archive_is_told(
    published: Files, run: Callable[..., Job], damage: Callable[[bytes], bytes], sentence: str
) -> None:
    with one_sentence(sentence):
        run(damage(packed(published)))
