"""RAVDESS in both layouts, on drawn recordings, videos and pictures with its names, rates and shapes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from faults import one_sentence
from PIL import Image
from scipy.io import wavfile

from msd.data.findings import Findings
from msd.mfh.crossmodal.readers.ravdess import EMOTIONS, Ravdess, clips, code

RATE = 48_000
ACTORS = (1, 2, 3)
SIZE = (16, 32)
VAL = "data_file/spa_val.csv"
OPTIONS = {"size": SIZE, "validation": (2,), "test": (3,)}


def wave(pitch: float) -> np.ndarray:
    """A tenth of a second, 16 bits."""
    return (20_000 * np.sin(2 * np.pi * pitch * np.arange(RATE // 10) / RATE)).astype(np.int16)


def picture(path: Path, emotion: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (SIZE[1], SIZE[0]), (30 * emotion, 255 - 30 * emotion, 128)).save(path, quality=95)


def frames(emotion: int) -> list[np.ndarray]:
    """Two seconds of five frames; the one from 1.4 s to 1.6 s has the emotion's colour, the others are white."""
    colour = [30 * emotion, 255 - 30 * emotion, 128]
    return [np.full((36, 64, 3), colour if row == 7 else 255, np.uint8) for row in range(10)]


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory, film: Callable[..., Path]) -> list[Path]:
    folder = tmp_path_factory.mktemp("emotions")
    return [film(folder / f"{emotion}.mp4", frames(emotion), rate=5) for emotion in range(len(EMOTIONS))]


@pytest.fixture
def published(tmp_path: Path, videos: list[Path]) -> Path:
    """Three actors, each emotion twice, neutral once: no neutral is strong. The second one's videos have sound."""
    for actor in ACTORS:
        folder = tmp_path / f"Actor_{actor:02d}"
        folder.mkdir()
        for emotion in range(1, 9):
            for intensity in (1, 2) if emotion > 1 else (1,):
                name = f"01-{emotion:02d}-{intensity:02d}-01-01-{actor:02d}"
                wavfile.write(folder / f"03-{name}.wav", RATE, wave(300 * emotion))
                modality = "01" if actor == 2 else "02"
                shutil.copy(videos[emotion - 1], folder / f"{modality}-{name}.mp4")
    return tmp_path


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """The released code's folder: three lists, features and pictures."""
    (tmp_path / "data_file").mkdir()
    (tmp_path / "aud_features").mkdir()
    for part, count in (("dl", 4), ("val", 2), ("test", 3)):
        lines = [",audio,image"[1:] + ",label"]
        for row in range(count):
            name = f"{part}{row}"
            np.save(tmp_path / f"aud_features/{name}.npy", np.full((40, 256), -10.59 + 85.66 * row))
            picture(tmp_path / f"vid_features/{name}.jpg", row)
            lines.append(f"{name}.npy,{name}.jpg,{row}")
        (tmp_path / f"data_file/spa_{part}.csv").write_text("\n".join(lines))
    return tmp_path


def test_the_published_recordings_are_split_by_actor_and_paired_by_name(published: Path) -> None:
    splits = Ravdess(**OPTIONS).read(published)
    for samples in splits.values():
        assert samples.inputs["audio"].shape == (15, 1, 40, 256)
        assert samples.inputs["image"].shape == (15, 3, *SIZE)
        assert sorted(samples.label.tolist()) == sorted([0] + 2 * list(range(1, 8)))
        red = samples.inputs["image"][:, 0].float().mean((1, 2))
        wanted = (30 * samples.label / 255 - 0.485) / 0.229
        assert (red - wanted).abs().max() < 0.1, "the frame is that of 1.5 s, of the trial"
    audio = splits["train"].inputs["audio"]
    assert float(audio.mean()) == pytest.approx(0, abs=1e-4)
    assert float(audio.std(correction=0)) == pytest.approx(1, abs=1e-4)


def test_louder_bands_follow_the_pitch_and_what_is_filled_up_is_silent(published: Path) -> None:
    samples = Ravdess(**OPTIONS).read(published)["train"]
    loudest = samples.inputs["audio"][:, 0, :, :6].mean(-1).argmax(-1)
    order = samples.label.argsort()
    assert (loudest[order].diff() >= 0).all()
    assert loudest[order][-1] > loudest[order][0]
    silent = samples.inputs["audio"][:, 0, :, 8:]  # a tenth of a second is seven steps
    assert float(silent.max() - silent.min()) == 0


def test_songs_are_left_out(published: Path, videos: list[Path]) -> None:
    wavfile.write(published / "Actor_01/03-02-01-01-01-01-01.wav", RATE, wave(440))
    shutil.copy(videos[0], published / "Actor_01/02-02-01-01-01-01-01.mp4")
    assert len(clips(published, Findings())) == 15 * len(ACTORS)


def test_the_video_without_sound_is_taken_where_both_are_there(published: Path, videos: list[Path]) -> None:
    name = "01-01-01-01-01"
    for actor, other in (("01", "01"), ("02", "02")):
        (published / "z").mkdir(exist_ok=True)
        shutil.copy(videos[0], published / "z" / f"{other}-{name}-{actor}.mp4")
    found = {clip.actor: clip.video.name for clip in clips(published, Findings()) if clip.label == 0}
    assert found == {actor: f"02-{name}-{actor:02d}.mp4" for actor in ACTORS}


def test_the_released_folder_is_normalised_as_there_and_time_keeps_its_order(released: Path) -> None:
    ramp = np.tile(np.arange(256.0), (40, 1))
    np.save(released / "aud_features/dl0.npy", ramp)
    splits = Ravdess(size=SIZE).read(released)
    assert [samples.label.tolist() for samples in splits.values()] == [[0, 1, 2, 3], [0, 1], [0, 1, 2]]
    train = splits["train"].inputs
    assert train["audio"][1:, 0, 0, 0].tolist() == pytest.approx([1, 2, 3], abs=1e-5)
    assert train["audio"][0, 0, 5].numpy() == pytest.approx((ramp[5] + 10.59) / 85.66, abs=1e-5)
    blue = (128 / 255 - 0.406) / 0.225
    assert train["image"][:, 2].float().mean().item() == pytest.approx(blue, abs=0.05)


def test_a_name_says_seven_things() -> None:
    assert code(Path("03-01-06-02-01-02-12.wav")) == {
        "modality": 3, "channel": 1, "emotion": 6, "intensity": 2, "statement": 1, "repetition": 2, "actor": 12
    }  # fmt: skip


TRIAL = "01-01-01-01-01-01"
"""Of the first actor, without modality."""
WAV, MP4 = f"03-{TRIAL}.wav", f"02-{TRIAL}.mp4"


@pytest.mark.parametrize(
    ("change", "sentence", "kind"),
    [
        (lambda f: (f / WAV).unlink(), f"02-{TRIAL}.mp4: without partner", "without partner"),
        (lambda f: (f / MP4).unlink(), f"03-{TRIAL}.wav: without partner", "without partner"),
        (lambda f: (f / "03-01-01-01-01-01.wav").touch(), "seven two-digit codes", "no name of RAVDESS"),
        (lambda f: (f / "03-01-09-01-01-01-01.wav").touch(), "seven two-digit codes", "no name of RAVDESS"),
        (lambda f: (f / WAV).write_bytes(b"RIFF"), f"03-{TRIAL}.wav is broken", "cannot be read"),
        (lambda f: cut(f / WAV), f"03-{TRIAL}.wav is cut off", "cannot be read"),
        (
            lambda f: soundfile.write(f / WAV, np.full(8000, 1e30), 16_000, subtype="FLOAT"),
            "numbers beyond .1e.09: audio",
            "numbers beyond ±1e+09",
        ),
        (lambda f: (f / MP4).write_bytes(b"x"), f"02-{TRIAL}.mp4 is broken", "cannot be read"),
        (lambda f: (f / MP4).write_bytes(b""), f"02-{TRIAL}.mp4 is broken", "cannot be read"),
        (lambda f: (f / f"._03-{TRIAL}.wav").touch(), f"._03-{TRIAL}.wav: left behind", "left behind by a system"),
        (lambda f: copied(f / WAV, f / f"03-{TRIAL} (1).wav"), "a copy, by its name", "a copy, by its name"),
        (lambda f: copied(f / WAV, f / "b" / WAV), "name given twice: Actor", "name given twice"),
        (
            lambda f: copied(f / WAV, f.parent / "__MACOSX/Actor_01" / WAV),
            "left behind by a s",
            "left behind by a system",
        ),
    ],
)
def test_a_bad_recording_is_dropped_or_told(published: Path, is_bad, change, sentence: str, kind: str) -> None:
    change(published / "Actor_01")
    is_bad(Ravdess, published, sentence, kind, **OPTIONS)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def copied(path: Path, other: Path) -> None:
    other.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, other)


def test_endings_in_capitals_are_read(published: Path) -> None:
    before = Ravdess(**OPTIONS).read(published)
    for path in [*published.glob("*/*1.wav"), *published.glob("*/*1.mp4")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    after = Ravdess(**OPTIONS).read(published)
    assert all(torch.equal(after[split].inputs["audio"], before[split].inputs["audio"]) for split in before)


def test_a_tree_that_lies_there_twice_is_read_once(published: Path) -> None:
    shutil.copytree(published / "Actor_01", published / "again/Actor_01")
    reader = Ravdess(**OPTIONS)
    assert len(reader.read(published)["train"].label) == 15
    assert reader.findings.summary()["counts"] == {"dropped: name given twice": 30}


@pytest.mark.parametrize(
    ("layout", "change", "sentence"),
    [
        ("published", lambda f: [path.unlink() for path in f.glob("Actor_02/*")], "has no actor for val"),
        ("published", lambda f: [path.unlink() for path in f.rglob("*.wav")], "holds no recordings 03-01"),
        ("published", lambda f: [path.unlink() for path in f.rglob("*.mp4")], "45 of 45 records of trials are bad"),
        ("released", lambda f: (f / VAL).unlink(), "there is no list .*spa_val.csv"),
        ("released", lambda f: (f / VAL).write_text("a,b,c\n"), "lists no samples"),
        ("released", lambda f: (f / VAL).write_text("a,b,c\nval0.npy,val0.jpg,8\n"), "1 of 1 .* val.*spa_val.csv:2"),
    ],
)
def test_a_fault_is_one_sentence(request: pytest.FixtureRequest, layout: str, change, sentence: str) -> None:
    folder = request.getfixturevalue(layout)
    change(folder)
    with one_sentence(sentence):
        Ravdess(**OPTIONS).read(folder)


def test_a_video_that_ends_before_its_picture_is_one_sentence(published: Path, film: Callable[..., Path]) -> None:
    film(published / "Actor_03/02-01-05-01-01-01-03.mp4", frames(4)[:3], rate=5)
    with one_sentence(r"02-01-05-01-01-01-03\.mp4 is too short: its pictures end after 0\.6 s"):
        Ravdess(**OPTIONS, records="strict").read(published)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: f.unlink(), "there is no file .*dl1.npy"),
        (lambda f: f.write_bytes(b""), "dl1.npy is no NumPy array of numbers"),
        (lambda f: f.write_bytes(f.read_bytes()[:900]), "dl1.npy is no NumPy array of numbers"),
        (lambda f: np.save(f, np.zeros((40, 255))), r"shape 40 × 256, the array is \(40, 255\)"),
        (lambda f: np.save(f, np.full((40, 256), np.nan)), "expected finite numbers"),
        (lambda f: np.save(f, np.full((40, 256), 1e300)), "expected finite numbers"),
        (lambda f: np.save(f, np.full((40, 256), 1j)), "dl1.npy is no NumPy array of numbers"),
        (lambda f: np.save(f, np.full((40, 256), None), allow_pickle=True), "dl1.npy is no NumPy array of numbers"),
        (lambda f: np.savez(f.open("wb"), a=np.zeros(3)), "no NumPy array of numbers"),
    ],
)
def test_features_that_are_none_are_dropped_or_told(released: Path, is_bad, change, sentence: str) -> None:
    change(released / "aud_features/dl1.npy")
    is_bad(Ravdess, released, sentence, "cannot be read", size=SIZE)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("dl9.npy,dl1.jpg,8", "no audio file, picture and label from 0 to 7"),
        ("dl1.npy,dl1.jpg", "no audio file, picture and label from 0 to 7"),
        ("dl1.npy,dl1.jpg,1", "listed twice"),
        ("dl1.npy,dl1.jpg,2", "listed twice"),
        ("val0.npy,dl0.jpg,0", "also in val"),
        ("dl0.npy,test0.jpg,0", "also in test"),
        ("../aud_features/dl0.npy,dl0.jpg,0", "cannot be read"),
        ("dl0.npy,/etc/passwd,0", "cannot be read"),
    ],
)
def test_a_bad_row_is_dropped_or_told(released: Path, is_bad: Callable, row: str, kind: str) -> None:
    path = released / "data_file/spa_dl.csv"
    path.write_text(f"{path.read_text()}\n{row}\n\n")
    is_bad(Ravdess, released, r"spa_dl\.csv:6|is no name of a file below", kind, size=SIZE)
    assert len(Ravdess(size=SIZE).read(released)["train"].label) == 4


def test_a_list_may_have_an_index_column_and_a_mark(released: Path) -> None:
    before = Ravdess(size=SIZE).read(released)["train"]
    path = released / "data_file/spa_dl.csv"
    head, *rows = path.read_text().splitlines()
    numbered = [f",{head}", *(f"{7 * number},{row}" for number, row in enumerate(rows))]
    path.write_text("\n".join(numbered), encoding="utf-8-sig")
    assert torch.equal(Ravdess(size=SIZE).read(released)["train"].label, before.label)


def test_actors_of_two_splits_are_refused(published: Path) -> None:
    with one_sentence(r"the actors \[3\] of RAVDESS"):
        Ravdess(size=SIZE, validation=(2, 3), test=(3,)).read(published)


def test_from_recordings_to_the_students_of_every_kind_of_teacher(published: Path, distilled: Callable) -> None:
    classes, scores = distilled("ravdess", published, OPTIONS, epochs=4, batch_size=8)
    assert classes == len(EMOTIONS)
    better = 100 * 2 / 15
    assert scores["audio", "teacher-regular"] > better, "than the most frequent emotion: pitch tells it"
