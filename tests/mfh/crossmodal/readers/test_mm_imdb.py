"""MM-IMDB as files and as HDF5, on drawn films in the same formats."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from faults import one_sentence
from PIL import Image

from msd.mfh.crossmodal.readers.mm_imdb import GENRES, MmImdb

SPLITS = {"train": [f"{number:07d}" for number in range(1, 7)], "dev": ["0000010", "0000011"], "test": ["0000020"]}
PLOTS = {"Drama": "a widow weeps in the rain", "Comedy": "a clown slips on a banana"}
SIZE = (32, 24)
UNUSABLE = {
    "plot": ("", [""], [], None, 5, [None], [["nested"]], {"a": "plot"}, "…!? -"),
    "genres": ([], None, 7, [None]),
}


def film(folder: Path, name: str, **changes: Any) -> None:
    """A film by its number: even ones are dramas with red posters, odd ones comedies with blue ones."""
    genre = "Comedy" if int(name) % 2 else "Drama"
    content = {"plot": ["short", f"{PLOTS[genre]},<br />é {name}"], "genres": [genre, "Romance", "News"], "votes": 7}
    (folder / f"{name}.json").write_text(json.dumps(content | changes, indent=4), encoding="utf-8")
    mode, colour = ("L", 100) if name == "0000003" else ("RGB", (0, 0, 250) if int(name) % 2 else (250, 0, 0))
    if name == "0000004":
        mode, colour = "CMYK", (0, 250, 250, 0)
    Image.new(mode, (20, 30), colour).save(folder / f"{name}.jpeg", quality=95)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dataset").mkdir()
    for names in SPLITS.values():
        for name in names:
            film(tmp_path / "dataset", name)
    (tmp_path / "split.json").write_text(json.dumps(SPLITS))
    return tmp_path


def test_films_have_their_longest_plot_their_poster_and_the_listed_genres(folder: Path) -> None:
    splits = MmImdb(size=SIZE, words=20).read(folder)
    assert {name: len(samples.label) for name, samples in splits.items()} == {"train": 6, "val": 2, "test": 1}
    train = splits["train"]
    assert train.label.shape == (6, len(GENRES))
    wanted = [{"Comedy", "Romance"}, {"Drama", "Romance"}] * 3
    assert [{GENRES[column] for column in row.nonzero().flatten()} for row in train.label] == wanted
    assert train.inputs["image"].shape == (6, 3, *SIZE)
    red = train.inputs["image"][:, 0].float().mean((1, 2))
    assert (red[[1, 3, 5]] > 1.9).all(), "CMYK is read as RGB"
    assert (red[[0, 4]] < 0).all()
    text = train.inputs["text"]
    assert text.square().sum(1).tolist() == pytest.approx([1] * 6, abs=1e-5)
    assert float(text[0] @ text[2]) > 0.5 > float(text[0] @ text[1])


def test_words_are_those_of_the_training_plots(folder: Path) -> None:
    before = MmImdb(size=SIZE, words=20).read(folder)["train"].inputs["text"]
    film(folder / "dataset", "0000020", plot=["entirely other words " * 9])
    splits = MmImdb(size=SIZE, words=20).read(folder)
    assert torch.equal(splits["train"].inputs["text"], before)
    assert float(splits["test"].inputs["text"].abs().max()) == 0
    assert before.shape[1] <= 20


def test_a_plot_may_be_one_text_and_a_film_may_have_unlisted_genres_alone(folder: Path) -> None:
    film(folder / "dataset", "0000001", plot="a clown slips", genres=["News"])
    assert float(MmImdb(size=SIZE).read(folder)["train"].label[0].sum()) == 0


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """The HDF5 file, its columns in another order than GENRES, its split table as Fuel writes it."""
    names = list(reversed(GENRES))
    with h5py.File(tmp_path / "multimodal_imdb.hdf5", "w") as file:
        file["features"] = np.arange(9 * 300, dtype=np.float32).reshape(9, 300) / 300
        file["vgg_features"] = np.arange(9 * 4096, dtype=np.float32).reshape(9, 4096) / 4096
        file["images"] = np.full((9, 3, 256, 160), 255, np.int32)
        file["genres"] = np.eye(9, 23, dtype=np.int32)
        file["genres"].attrs["target_names"] = json.dumps(names)
        fields = [("split", "S5"), ("source", "S12"), ("start", "<i8"), ("stop", "<i8")]
        reference = [("indices", h5py.ref_dtype), ("available", "?"), ("comment", "S1")]
        ends = {"train": (0, 5), "dev": (5, 7), "test": (7, 9)}
        rows = [
            (split.encode(), source, *ends[split], h5py.Reference(), True, b".")
            for split in ends
            for source in (b"features", b"genres", b"vgg_features")
        ]
        file.attrs["split"] = np.array(rows, dtype=np.dtype(fields + reference))
    return tmp_path


def test_the_hdf5_file_is_cut_by_its_own_table_and_its_columns_named_by_its_own_list(stored: Path) -> None:
    splits = MmImdb().read(stored)
    assert {name: len(samples.label) for name, samples in splits.items()} == {"train": 5, "val": 2, "test": 2}
    assert splits["val"].inputs["text"][0, 0] == 5
    assert splits["test"].inputs["image"][1, 0] == 8
    assert GENRES[int(splits["train"].label[0].argmax())] == GENRES[-1]
    posters = MmImdb(image="images").read(stored)["train"].inputs["image"]
    assert posters.shape == (5, 3, 256, 160)
    assert posters[0, 0, 0, 0].item() == pytest.approx((1 - 0.485) / 0.229, abs=1e-2)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: (f / "split.json").unlink(), "neither split.json nor multimodal_imdb.hdf5"),
        (lambda f: (f / "split.json").write_text("{"), "split.json is not JSON"),
        (lambda f: (f / "split.json").write_text(json.dumps({**SPLITS, "dev": []})), "lists no films for 'dev'"),
        (lambda f: (f / "split.json").write_text("[]"), "lists no films for 'train'"),
        (lambda f: (f / "split.json").write_text(json.dumps({**SPLITS, "dev": "0000010"})), "lists no films for 'dev'"),
        (lambda f: (f / "split.json").write_text(json.dumps({**SPLITS, "dev": ["0000020"]})), "records of val are bad"),
        (lambda f: film(f / "dataset", "0000020", plot=None), "1 of 1 records of test are bad.*: no plot"),
    ],
)
def test_a_fault_of_the_files_is_one_sentence(folder: Path, change, sentence: str) -> None:
    change(folder)
    with one_sentence(sentence):
        MmImdb(size=SIZE).read(folder)


@pytest.mark.parametrize(
    ("change", "sentence", "kind"),
    [
        (lambda f: (f / "0000001.json").unlink(), "there is no file .*0000001.json", "cannot be read"),
        (lambda f: (f / "0000001.jpeg").unlink(), "there is no picture .*0000001.jpeg", "cannot be read"),
        (lambda f: (f / "0000001.jpeg").write_bytes(b"<html>"), "0000001.jpeg is broken", "cannot be read"),
        (lambda f: (f / "0000001.json").write_bytes(b'{"plot": "\xe9"}'), "001.json:1 is not UTF-8", "cannot be read"),
        (lambda f: (f / "0000001.json").write_bytes(b""), "0000001.json is not JSON", "cannot be read"),
        (lambda f: (f / "0000001.json").write_text("[1]"), "0000001.json: 0000001: no JSON object", "no JSON object"),
        *(
            (lambda f, bad=bad: film(f, "0000001", **bad), f"0000001.json: 0000001: no {name}", f"no {name}")
            for name, values in UNUSABLE.items()
            for bad in ({name: value} for value in values)
        ),
        (lambda f: film(f, "0000001", genres=["Farce"]), "no genre of MM-IMDB: 'Farce'", "no genre of MM-IMDB"),
    ],
)
def test_a_bad_film_is_dropped_or_told(folder: Path, is_bad, change, sentence: str, kind: str) -> None:
    change(folder / "dataset")
    is_bad(MmImdb, folder, sentence, kind, size=SIZE)


@pytest.mark.parametrize(
    ("listed", "kind"),
    [
        *((name, "cannot be read") for name in ("../dataset/0000001", "/etc/0000001", None)),
        *(("0000002", "listed twice"), ("0000020", "also in test")),
    ],
)
def test_a_film_listed_twice_or_outside_is_dropped_or_told(folder: Path, is_bad, listed, kind: str) -> None:
    content = {**SPLITS, "train": [*SPLITS["train"], listed]}
    (folder / "split.json").write_text(json.dumps(content))
    is_bad(MmImdb, folder, r"is no name of a file below|train\[6\]|None.json", kind, size=SIZE)
    assert len(MmImdb(size=SIZE).read(folder)["train"].label) == 6


def test_films_that_are_left_out_leave_the_others_as_they_were(folder: Path) -> None:
    before = MmImdb(size=SIZE).read(folder)["train"]
    (folder / "dataset/0000002.jpeg").write_bytes(b"")
    for name, other in (("3.jpeg", "3.JPG"), ("5.jpeg", "5.Jpeg"), ("6.json", "6.JSON")):
        (folder / f"dataset/000000{name}").rename(folder / f"dataset/000000{other}")
    after = MmImdb(size=SIZE).read(folder)["train"]
    rows = [0, 2, 3, 4, 5]
    assert torch.equal(after.label, before.label[rows])
    assert torch.equal(after.inputs["image"], before.inputs["image"][rows])
    assert len(after.inputs["text"]) == 5


def changed(folder: Path, change: Callable[[h5py.File], None]) -> None:
    with h5py.File(folder / "multimodal_imdb.hdf5", "r+") as file:
        change(file)


def replaced(file: Any, name: str, values: np.ndarray) -> None:
    del file[name]
    file[name] = values


def resplit(file: Any, ends: tuple[int, int]) -> None:
    """The table of splits with other rows for train."""
    table = file.attrs["split"]
    table["start"][:3], table["stop"][:3] = ends
    file.attrs.create("split", table)


@pytest.mark.parametrize("stored_as", [list, np.array, lambda names: np.array(names, h5py.string_dtype())])
def test_the_genres_may_be_stored_as_an_array(stored: Path, stored_as: Callable) -> None:
    before = MmImdb().read(stored)["train"].label
    names = stored_as([name.encode() for name in reversed(GENRES)])
    changed(stored, lambda file: file["genres"].attrs.create("target_names", names))
    assert torch.equal(MmImdb().read(stored)["train"].label, before)


@pytest.mark.parametrize(
    ("change", "row", "kind"),
    [
        (lambda file: file["features"].__setitem__((1, 7), np.inf), 1, "features that are not finite"),
        (lambda file: file["vgg_features"].__setitem__((1, 7), np.nan), 1, "features that are not finite"),
        (lambda file: file["genres"].__setitem__((1, 7), 9), 1, "genres that are not 0 or 1"),
        (lambda file: resplit(file, (0, 6)), 5, "also in val"),
    ],
)
def test_a_bad_row_is_dropped_or_told(stored: Path, is_bad, change, row: int, kind: str) -> None:
    changed(stored, change)
    is_bad(MmImdb, stored, f"row {row}: {row}: {kind}", kind)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda file: file.pop("vgg_features"), "no data set 'vgg_features'"),
        (lambda file: file.attrs.pop("split"), "its attribute 'split' must name train, dev, test"),
        (lambda file: file["genres"].attrs.create("target_names", '["Drama"]'), "are not MM-IMDB's 23"),
        (lambda file: file["features"].write_direct(np.full((9, 300), np.nan, np.float32)), "that are not finite"),
        (lambda file: file["genres"].attrs.create("target_names", "Drama, Comedy"), "genres is not JSON"),
        (lambda file: file["genres"].attrs.create("target_names", "5"), "are not MM-IMDB's 23"),
        (lambda file: file["genres"].attrs.create("target_names", np.arange(23)), "are not MM-IMDB's 23"),
        (lambda file: file["genres"].attrs.create("target_names", h5py.Empty("f")), "are not MM-IMDB's 23"),
        (lambda file: file.attrs.create("split", "train"), "its attribute 'split' must name"),
        (lambda file: file.attrs.create("split", np.arange(4)), "its attribute 'split' must name"),
        (lambda file: resplit(file, (0, 99)), "rows outside 0 to 9"),
        (lambda file: resplit(file, (5, 2)), "rows outside 0 to 9"),
        (lambda file: (file.pop("genres"), file.create_group("genres")), "no data set 'genres'"),
        (lambda file: replaced(file, "features", np.zeros((9, 7))), r"'features' has the shape \(9, 7\)"),
        (lambda file: replaced(file, "features", np.array(["a"] * 9, "S")), r"'features' has the shape \(9,\)"),
        *((content, "is no HDF5 file") for content in (b"<html>", b"", b"\x89HDF\r\n\x1a\n" + bytes(200))),
    ],
)
def test_a_fault_of_the_hdf5_file_is_one_sentence(stored: Path, change: Any, sentence: str) -> None:
    if isinstance(change, bytes):
        (stored / "multimodal_imdb.hdf5").write_bytes(change)
    else:
        changed(stored, change)
    with one_sentence(sentence):
        MmImdb().read(stored)


@pytest.mark.parametrize(("layout", "network"), [("folder", "resnet18"), ("stored", "mlp")])
def test_from_films_to_the_f1_of_every_student(request, distilled, layout: str, network: str) -> None:
    films, few = request.getfixturevalue(layout), {"epochs": 1, "batch_size": 6}
    classes, _ = distilled("mm-imdb", films, {"size": SIZE, "words": 20}, **few, student={"image": network})
    assert classes == len(GENRES)
