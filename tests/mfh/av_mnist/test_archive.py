"""The reader of AV-MNIST's published layout, on drawn files of the same layout and types."""

from pathlib import Path

import numpy as np
import pytest
from faults import one_sentence

from msd.data.findings import Findings
from msd.mfh.av_mnist.archive import read_av_mnist

LABELS = "train_labels.npy"
COUNTS = {"train": 24, "test": 3}
FIRST = {"train": 256, "test": 255}  # so that pictures of the two parts differ


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part, count in COUNTS.items():
        order = np.arange(count, dtype=np.uint8)
        write(tmp_path / f"image/{part}_data.npy", np.tile(np.arange(784.0) % FIRST[part], (count, 1)))
        write(tmp_path / f"audio/{part}_data.npy", order[:, None, None] * np.ones((1, 112, 112), np.uint8))
        write(tmp_path / f"{part}_labels.npy", order % 10)
    return tmp_path


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    np.save(path, array)


def test_the_last_training_samples_validate_and_pairs_stay_together(folder: Path) -> None:
    splits = read_av_mnist(folder, Findings())
    assert {name: len(part.label) for name, part in splits.items()} == {"train": 22, "val": 2, "test": 3}
    val = splits["val"]
    assert val.label.tolist() == [2, 3]
    assert val.inputs["audio"][:, 0, 0, 0].tolist() == [22, 23]
    assert (val.inputs["image"].shape, val.inputs["audio"].shape) == ((2, 1, 28, 28), (2, 1, 112, 112))
    assert val.inputs["image"][0, 0, 0, :3].tolist() == pytest.approx([0, 1 / 255, 2 / 255])


def test_bytes_are_read_like_floats(folder: Path) -> None:
    """Dividing them in place, as the published loader does, fails."""
    before = read_av_mnist(folder, Findings())["train"].inputs["image"]
    path = folder / "image/train_data.npy"
    write(path, np.load(path).astype(np.uint8))
    assert (read_av_mnist(folder, Findings())["train"].inputs["image"] == before).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: (f / "audio/test_data.npy").unlink(), "there is no file .*audio/test_data.npy; unpack avmnist"),
        (lambda f: write(f / "image/train_data.npy", np.zeros((24, 28, 28))), r"expected samples of shape \(784,\)"),
        (lambda f: write(f / "train_labels.npy", np.arange(6)), "24 pictures, 24 spectrograms and 6 labels .* train"),
        (lambda f: write(f / "test_labels.npy", np.array([0, 11, 10])), "2 of 3 records of test are bad, too many"),
        (lambda f: write(f / "image/test_data.npy", np.full((3, 784), 256)), "numbers from 0 to 255"),
        (lambda f: write(f / "audio/test_data.npy", np.full((3, 112, 112), np.nan)), "finite numbers"),
        (lambda f: write(f / "test_labels.npy", np.array([None] * 3)), "is no NumPy array of numbers"),
        (
            lambda f: [write(path, np.load(path)[:7]) for path in f.rglob("train_*.npy")],
            "of 7 training samples none can",
        ),
        (lambda f: (f / "test_labels.npy").write_text("x"), "is no NumPy array of numbers"),
    ],
)
def test_a_faulty_folder_is_one_sentence(folder: Path, change, sentence: str) -> None:
    change(folder)
    with one_sentence(sentence):
        read_av_mnist(folder, Findings())


def test_a_bad_sample_is_dropped_and_named_or_stops(folder: Path) -> None:
    image, audio, label = (np.load(folder / name) for name in ("image/train_data.npy", "audio/train_data.npy", LABELS))
    image[0, 3], image[1, 4] = 256, np.nan
    audio = audio.astype(np.float64)
    audio[2, 0, 0] = 1e39  # infinite in float32
    label = label.astype(np.float64)
    label[3], label[4] = 0.5, 10
    image[6], audio[6] = image[5], audio[5]
    image[7], audio[7] = np.load(folder / "image/test_data.npy")[1], 1
    image[23], audio[23] = image[8], audio[8]
    for name, values in (("image/train_data.npy", image), ("audio/train_data.npy", audio), (LABELS, label)):
        write(folder / name, values)
    findings = Findings()
    splits = read_av_mnist(folder, findings)
    assert splits["train"].inputs["audio"][:, 0, 0, 0].tolist() == [5, *range(9, 22)]
    assert splits["train"].label.tolist() == [5, 9, *(number % 10 for number in range(10, 22))]
    assert splits["val"].inputs["audio"][:, 0, 0, 0].tolist() == [22, 8]
    assert len(splits["test"].label) == 3
    assert findings.summary()["counts"] == {
        "dropped: also in test": 1, "dropped: also in val": 1, "dropped: listed twice": 1,
        "dropped: the label must be a whole number from 0 to 9": 2,
        "dropped: the picture must hold numbers from 0 to 255": 2,
        "dropped: the spectrogram must hold finite numbers": 1,
    }  # fmt: skip
    with one_sentence(r"train\[0\]: the picture must hold numbers from 0 to 255; correct it"):
        read_av_mnist(folder, Findings("strict"))
