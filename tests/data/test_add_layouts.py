"""`msd data add`: where the pictures may lie, and the layouts of folders that say the splits."""

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from own_digits import ARCHIVE, CONFIGS, add, digits, draw

from msd.studies import open_study


def _zipped(folder: Path) -> list[str]:
    shutil.make_archive("pictures", "zip", folder, "pictures")
    return ["--pictures", "pictures.zip"]


def _taped(folder: Path) -> list[str]:
    with tarfile.open("pictures.tar.gz", "w:gz") as tape:
        tape.add(folder / "pictures", "./pictures")
    return ["--pictures", "pictures.tar.gz"]


@pytest.mark.parametrize("moved", [_zipped, _taped, lambda _: ["--pictures", "elsewhere"]])
def test_pictures_may_lie_in_an_archive_or_another_folder(
    fresh_project: Path, moved: Callable[[Path], list[str]]
) -> None:
    frame = digits(60)
    frame["image"] = [f"pictures/{name}" for name in frame["image"]]
    draw(Path("elsewhere"), list(frame["image"]))
    options = moved(Path("elsewhere"))
    Path("own").mkdir()
    frame.to_json("own/digits.jsonl", orient="records", lines=True)
    assert add(*options) == 0
    with zipfile.ZipFile(ARCHIVE) as archive:
        assert [name for name in archive.namelist() if name.endswith(".png")] == [
            f"pictures/{n}" for n in frame["image"]
        ]


def _imagefolder(frame: pd.DataFrame) -> None:
    """Hugging Face's imagefolder: a metadata file in the folder of each split."""
    for split, part in (("train", frame[:60]), ("validation", frame[60:80]), ("test", frame[80:])):
        draw(Path("own") / split, list(part["image"]))
        renamed = part.rename(columns={"image": "file_name"})
        if split == "train":
            renamed.to_csv(f"own/{split}/metadata.csv", index=False)
        else:
            renamed.to_json(f"own/{split}/metadata.jsonl", orient="records", lines=True)


def _shards(frame: pd.DataFrame) -> None:
    """Hugging Face's Parquet files: pictures inside, a split in several parts."""
    Path("own/data").mkdir(parents=True)
    draw(Path("drawn"), list(frame["image"]))
    frame = frame.assign(image=[{"bytes": Path("drawn", name).read_bytes(), "path": name} for name in frame["image"]])
    parts = {"train-00000-of-00002": (0, 30), "train-00001-of-00002": (30, 60), "validation-00000-of-00001": (60, 80)}
    for name, (start, stop) in {**parts, "test-00000-of-00001": (80, 100)}.items():
        frame[start:stop].to_parquet(f"own/data/{name}.parquet")


def _by_split(frame: pd.DataFrame) -> None:
    draw(Path("own"), list(frame["image"]))
    frame[:60].to_csv("own/train.csv", index=False, sep="\t")
    frame[60:80].to_csv("own/val.csv", index=False, sep="\t")
    frame[80:].to_csv("own/test.csv", index=False, sep="\t")
    Path("own/notes.csv").write_text("not,a,table,of,samples\n")


@pytest.mark.parametrize(("write", "options"), [(_imagefolder, []), (_shards, []), (_by_split, ["--delimiter", r"\t"])])
def test_each_layout_keeps_its_splits(
    fresh_project: Path, capsys: pytest.CaptureFixture[str], write: Callable[[pd.DataFrame], None], options: list[str]
) -> None:
    write(digits(100))
    assert add(*options) == 0
    summary = capsys.readouterr().out
    for split, count in (("train", 60), ("val", 20), ("test", 20)):
        assert f"  {split:<6}{count:>7} rows on {count} pictures" in summary
    assert "made here" not in summary
    assert open_study(CONFIGS[1])
