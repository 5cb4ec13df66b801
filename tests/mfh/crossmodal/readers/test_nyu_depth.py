"""NYU Depth V2's files, drawn in MATLAB's two formats with its fields, axes and numbers from 1."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from faults import one_sentence
from scipy.io import savemat

from msd.mfh.crossmodal.readers.nyu_depth import TO_40, NyuDepth, labels
from msd.mfh.crossmodal.samples import IGNORED

HEIGHT, WIDTH, COUNT, NAMES = 48, 64, 6, 5
SIZE = (48, 64)
MAP_40 = [3, 1, 40, 2, 3]  # of the five names
MAP_13 = [2, 1, 7, *[13] * 36, 5]  # of the forty classes
TRAIN, TEST = [2, 3, 4, 5], [1, 6]  # from 1
SCENES = ["study_0001", "kitchen_0001", "kitchen_0001", "office_0002", "office_0002", "study_0002"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    savemat(tmp_path / "splits.mat", {"trainNdxs": np.array([TRAIN]).T, "testNdxs": np.array([TEST]).T})
    forty, five, few = (
        np.array([[f"{name} {number}" for number in range(start, stop)]], dtype=object)
        for name, start, stop in (("class", 1, 41), ("name", 0, NAMES), ("group", 1, 14))
    )
    mapping = {"className": forty, "allClassName": five, "mapClass": np.array([MAP_40], np.uint8)}
    savemat(tmp_path / "classMapping40.mat", mapping)
    mapping = {"labels13": np.array([MAP_13], np.uint8), "names13": few}
    savemat(tmp_path / "class13Mapping.mat", {"classMapping13": mapping})
    return tmp_path


def write(folder: Path, *, labels: np.ndarray | None = None) -> None:
    """The labelled file: MATLAB's header of 512 bytes, then HDF5 with every axis reversed, scenes as references.

    Row y of a picture is red 5 y, column x is green 4 x; it is y + x/100 metres deep; its left half has the picture's
    label, 1 to 5, its right half none.
    """
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    images = np.stack([np.stack([5 * y, 4 * x, np.full_like(x, 40 * number)]) for number in range(COUNT)])
    depths = np.stack([y + x / 100 + number for number in range(COUNT)])
    if labels is None:
        labels = np.stack([np.where(x < WIDTH // 2, 1 + number % NAMES, 0) for number in range(COUNT)])
    path = folder / "nyu_depth_v2_labeled.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["images"] = images.astype(np.uint8).swapaxes(-1, -2)
        file["depths"] = depths.astype(np.float32).swapaxes(-1, -2)
        file["labels"] = labels.astype(np.uint16).swapaxes(-1, -2)
        references = []
        for number, scene in enumerate(SCENES):
            text = file.create_dataset(f"#refs#/{number}", data=np.array([[ord(sign)] for sign in scene], np.uint16))
            references.append(text.ref)
        file.create_dataset("scenes", data=np.array([references], dtype=h5py.ref_dtype))
    with open(path, "r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def test_axes_are_turned_numbers_start_from_one_and_labels_are_mapped(folder: Path) -> None:
    splits = NyuDepth(size=SIZE, validation=0.5).read(folder)
    assert {name: len(samples.label) for name, samples in splits.items()} == {"train": 2, "val": 2, "test": 2}
    test = splits["test"]
    rgb = test.inputs["rgb"].float()
    red, green = (rgb[:, 0] * 0.229 + 0.485) * 255, (rgb[:, 1] * 0.224 + 0.456) * 255
    assert red[0, :, 7].tolist() == pytest.approx([5 * y for y in range(HEIGHT)], abs=0.5)
    assert green[0, 7].tolist() == pytest.approx([4 * x for x in range(WIDTH)], abs=0.5)
    left = [MAP_40[0] - 1, MAP_40[0] - 1]  # pictures 1 and 6 have the labels 1 and 1
    assert test.label[:, 10, 0].tolist() == left
    assert (test.label[:, :, WIDTH // 2 :] == IGNORED).all()
    depth = splits["train"].inputs["depth"]
    assert float(depth.mean()) == pytest.approx(0, abs=1e-4)
    assert float(depth.std(correction=0)) == pytest.approx(1, abs=1e-4)
    slope = test.inputs["depth"][0, 0]
    assert float((slope[1, 0] - slope[0, 0]) / (slope[0, 1] - slope[0, 0])) == pytest.approx(100, rel=1e-2)


def test_validation_takes_whole_scenes_of_the_training_pictures(folder: Path) -> None:
    splits = NyuDepth(size=SIZE, validation=0.1).read(folder)
    blue = {
        name: {round(value) for value in ((part.inputs["rgb"][:, 2, 0, 0].float() * 0.225 + 0.406) * 255 / 40).tolist()}
        for name, part in splits.items()
    }
    assert blue["test"] == {0, 5}
    assert {frozenset(blue["train"]), frozenset(blue["val"])} == {frozenset({1, 2}), frozenset({3, 4})}


def test_thirteen_classes_are_reached_by_way_of_forty(folder: Path) -> None:
    splits = NyuDepth(size=SIZE, validation=0.5, count=13).read(folder)
    wanted = {MAP_13[MAP_40[number % NAMES] - 1] - 1 for number in (1, 2, 3, 4)}
    found = set(torch.cat([splits["train"].label, splits["val"].label]).unique().tolist())
    assert found == wanted | {IGNORED}
    assert labels(folder, count=13) == [f"group {number}" for number in range(1, 14)]
    assert labels(folder, count=40)[39] == "class 40"


def test_a_label_that_a_mapping_gives_no_class_does_not_count(folder: Path) -> None:
    mapping = {"labels": np.array([[2, 0, *[1] * 38]]), "names": ["a"] * 13}
    savemat(folder / "class13Mapping.mat", {"classMapping13": mapping})
    labels = np.full((COUNT, HEIGHT, WIDTH), 4)  # of class 2 of forty, which has none of thirteen
    labels[:, 0, 0] = 1 + np.arange(COUNT) % NAMES
    write(folder, labels=labels)
    reader = NyuDepth(size=SIZE, validation=0.5, count=13)
    splits = reader.read(folder)
    kept = torch.cat([splits["train"].label, splits["val"].label])
    assert sorted(kept[:, 0, 0].tolist()) == [0, 0, 1], "labels 2, 3 and 5 are of the classes 1, 40 and 3 of forty"
    assert (kept[:, 1:] == IGNORED).all()
    assert reader.findings.summary()["counts"] == {"dropped: no labelled pixel": 1}


def test_labels_keep_their_values_in_another_size(folder: Path) -> None:
    splits = NyuDepth(size=(9, 13), validation=0.5).read(folder)
    assert set(splits["test"].label.unique().tolist()) == {MAP_40[0] - 1, IGNORED}
    assert splits["test"].inputs["rgb"].shape == (2, 3, 9, 13)


def overwritten(path: Path, place: int, content: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(content)


def edited(folder: Path, change: Callable[[h5py.File], object]) -> None:
    with h5py.File(folder / "nyu_depth_v2_labeled.mat", "r+") as file:
        change(file)


@pytest.mark.parametrize(
    ("change", "sentence", "kind"),
    [
        (lambda file: file["depths"].__setitem__((2, 3, 3), np.nan), "depth that is not", "depth that is not finite"),
        (lambda file: file["depths"].__setitem__((2, 3, 3), np.inf), "depth that is not", "depth that is not finite"),
        (lambda file: file["depths"].__setitem__((2, 3, 3), 1e38), "3: depth beyond", "depth beyond 1000 m"),
        (lambda file: file["labels"].__setitem__(2, 0), "trainNdxs: 3: no labelled pixel", "no labelled pixel"),
        (
            lambda file: file["labels"].__setitem__((2, 0, 0), 9),
            "3: label without",
            f"label without a class in {TO_40}",
        ),
    ],
)
def test_a_bad_picture_is_dropped_or_told(folder: Path, is_bad, change, sentence: str, kind: str) -> None:
    edited(folder, change)
    is_bad(NyuDepth, folder, sentence, kind, size=SIZE, validation=0.5)


@pytest.mark.parametrize(
    ("train", "kind"),
    [([2, 3, 4, 5, 3], "listed twice"), ([*TRAIN, 6], "also in test"), ([*TRAIN, 9], "no number from 1 to 6")],
)
def test_a_number_stands_once(folder: Path, is_bad: Callable, train: list[int], kind: str) -> None:
    before = NyuDepth(size=SIZE, validation=0.5).read(folder)
    savemat(folder / "splits.mat", {"trainNdxs": train, "testNdxs": TEST})
    is_bad(NyuDepth, folder, rf"splits\.mat: trainNdxs: {train[-1]}: {kind}", kind, size=SIZE, validation=0.5)
    after = NyuDepth(size=SIZE, validation=0.5).read(folder)
    assert all(torch.equal(after[split].label, before[split].label) for split in before)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: (f / "nyu_depth_v2_labeled.mat").unlink(), "there is no file .*labeled.mat; fetch"),
        (lambda f: (f / "nyu_depth_v2_labeled.mat").write_bytes(b"<html>"), "is no MATLAB 7.3 file"),
        (lambda f: (f / "splits.mat").unlink(), "there is no file .*splits.mat"),
        (lambda f: (f / "classMapping40.mat").unlink(), "there is no file .*classMapping40.mat"),
        (lambda f: (f / "splits.mat").write_bytes(b"x" * 200), "splits.mat is no MATLAB 5 file"),
        (lambda f: savemat(f / "splits.mat", {"trainNdxs": [1]}), "no field 'testNdxs'"),
        (lambda f: (f / "splits.mat").write_bytes(b""), "splits.mat is no MATLAB 5 file"),
        (lambda f: overwritten(f / "splits.mat", 192, b"\xff"), "splits.mat"),  # SciPy's process dies of it
        (lambda f: (f / "nyu_depth_v2_labeled.mat").write_bytes(b""), "is no MATLAB 7.3 file"),
        (lambda f: savemat(f / "splits.mat", {"trainNdxs": [np.nan, 2], "testNdxs": [1]}), "are no whole numbers"),
        (lambda f: savemat(f / "splits.mat", {"trainNdxs": "two", "testNdxs": [1]}), "holds no whole numbers"),
        (lambda f: savemat(f / "splits.mat", {"trainNdxs": [2, 7, 8], "testNdxs": [1]}), "2 of 3 .* from 1 to 6"),
        (lambda f: savemat(f / "classMapping40.mat", {"mapClass": [1], "className": "one"}), "the names of 40 classes"),
        (lambda f: edited(f, lambda file: file.pop("scenes")), "has no names of scenes"),
        (lambda f: edited(f, lambda file: file.pop("depths")), "no field 'depths' of 3 dimensions"),
        (lambda f: edited(f, lambda file: (file.pop("depths"), file.create_group("depths"))), "no field 'depths' of 3"),
        (lambda f: savemat(f / "splits.mat", {"trainNdxs": [2, 3], "testNdxs": [1]}), "no picture is left for train"),
        (lambda f: write(f, labels=np.full((6, 48, 64), 9)), "label without a class in classMapping40.mat: 9"),
        (lambda f: write(f, labels=np.zeros((5, 48, 64))), "6 pictures, 6 depths and 5 labels"),
        (lambda f: write(f, labels=np.zeros((6, 48))), "no field 'labels' of 3 dimensions"),
    ],
)
def test_a_fault_is_one_sentence(folder: Path, change, sentence: str) -> None:
    change(folder)
    with one_sentence(sentence):
        NyuDepth(size=SIZE, validation=0.5).read(folder)


def test_from_matlab_files_to_the_mean_iou_of_every_student(folder: Path, distilled: Callable) -> None:
    options = {"size": SIZE, "validation": 0.5, "count": 13}
    classes, _ = distilled("nyu-depth-v2", folder, options, epochs=2, batch_size=2)
    assert classes == 13
