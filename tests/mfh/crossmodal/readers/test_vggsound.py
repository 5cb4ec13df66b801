"""VGGSound's list and clips, on drawn ones with its names, frames and rate."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from faults import one_sentence
from PIL import Image
from scipy.io import wavfile

from msd.data.findings import Findings
from msd.mfh.crossmodal.readers.vggsound import VggSound, _listed, _parts, labels

RATE = 16_000
SIDE, THERE = 32, 4
LABELS = ("bird chirping, tweeting", "dog barking")
TRAIN = ("--0PQM4-hqg", "a_b_c-d_e_f", "abcdefghijk", "lmnopqrstuv", "wxyzABCDEFG", "HIJKLMNOPQR")
TEST = ("0123456789a", "0123456789b")
OPTIONS = {"frames": 2, "size": 16, "validation": 0.34}


def clip(folder: Path, name: str, label: int, *, wav: bool) -> None:
    """A clip of half a second; frame t of label l is grey of 100 l + 10 t."""
    for kind in ("video_jpg", "audio", "audio_npy"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    frames = [np.full((SIDE, SIDE, 3), 100 * label + 10 * time, np.uint8) for time in range(THERE)]
    Image.fromarray(np.concatenate(frames)).save(folder / f"video_jpg/{name}.jpg", quality=95)
    sound = (0.5 * np.sin(2 * np.pi * (1000 + 3000 * label) * np.arange(RATE // 2) / RATE)).astype(np.float32)
    if wav:
        wavfile.write(folder / f"audio/{name}.wav", RATE, (sound * 32767).astype(np.int16))
    else:
        np.save(folder / f"audio_npy/{name}.npy", sound[None])


def scene(label: int, *, seconds: int = 1, rate: int = 10) -> list[np.ndarray]:
    """Frames of label l, half as wide again as high: in the middle square grey of 100 l, rising to 100 l + 30, else white."""
    frames = []
    for grey in np.linspace(100 * label, 100 * label + 30, seconds * rate):
        frame = np.full((32, 48, 3), 255, np.uint8)
        frame[:, 8:40] = round(grey)
        frames.append(frame)
    return frames


def listed(folder: Path) -> dict[str, list[tuple[str, int]]]:
    """Writes a list of eight clips and one that is gone: split -> names of clips and numbers of labels."""
    lines, found = [], {}
    for part, names in (("train", TRAIN), ("test", TEST)):
        lines += [f'{name},{10 * row},"{LABELS[row % 2]}",{part}' for row, name in enumerate(names)]
        found[part] = [(f"{name}_{10 * row:06d}", row % 2) for row, name in enumerate(names)]
    lines.append(f'{TRAIN[0]},70,"{LABELS[0]}",train')
    (folder / "vggsound.csv").write_text("\n".join(lines))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The released layout; training sound as NumPy files, that of test as WAV."""
    for part, clips in listed(tmp_path).items():
        for name, label in clips:
            clip(tmp_path / part, name, label, wav=part == "test")
    return tmp_path


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory, film: Callable[..., Path]) -> list[Path]:
    folder = tmp_path_factory.mktemp("scenes")
    return [film(folder / f"{label}.mp4", scene(label), pitch=1000 + 3000 * label) for label in (0, 1)]


@pytest.fixture
def mirror(tmp_path: Path, scenes: list[Path]) -> Path:
    """Clips as mirrors have them: all in one folder."""
    (tmp_path / "final/video").mkdir(parents=True)
    for clips in listed(tmp_path).values():
        for name, label in clips:
            shutil.copy(scenes[label], tmp_path / f"final/video/{name}.mp4")
    return tmp_path


@pytest.mark.parametrize("layout", ["folder", "mirror"])
def test_clips_are_paired_with_their_labels_and_those_that_are_gone_left_out(layout: str, request) -> None:
    folder = request.getfixturevalue(layout)
    splits = VggSound(**OPTIONS).read(folder)
    assert {name: len(samples.label) for name, samples in splits.items()} == {"train": 4, "val": 2, "test": 2}
    assert labels(folder) == list(LABELS)
    for samples in splits.values():
        audio, video = (samples.inputs[name].float() for name in ("audio", "video"))
        assert audio.shape[1:] == (1, 513, 313)
        assert video.shape[1:] == (2, 3, 16, 16)
        loudest = audio[:, 0, :, 5].argmax(-1)  # bins of 16000 / 1024 Hz
        assert loudest.tolist() == [64 + 192 * label for label in samples.label.tolist()]
        red = ((video[:, :, 0, :, 1:-1] * 0.229 + 0.485) * 255).mean((-1, -2))
        wanted = 100 * samples.label.unsqueeze(1) + torch.tensor([0, 30])
        assert (red - wanted).abs().max() < 3, "the first and the last frame, and of videos the middle square"


def test_long_clips_end_after_ten_seconds_and_short_ones_in_silence(mirror: Path, film: Callable[..., Path]) -> None:
    path = mirror / f"final/video/{TEST[0]}_000000.mp4"
    film(path, scene(0, seconds=20, rate=2), rate=2, pitch=1000)
    test = VggSound(**OPTIONS).read(mirror)["test"]
    last = ((test.inputs["video"][:, -1, 0, :, 1:-1].float() * 0.229 + 0.485) * 255).mean((-1, -2))
    assert last.tolist() == pytest.approx([15, 130], abs=3), "half of twenty seconds, and all of one"
    audio = test.inputs["audio"][:, 0].float()
    assert audio[0, 64, 2:-2].min() > 200
    assert audio[1, :, 40:].abs().max() < 1e-3


def test_a_clip_without_sound_and_a_still_one_stay_in(mirror: Path, film: Callable[..., Path]) -> None:
    film(mirror / f"final/video/{TEST[0]}_000000.mp4", scene(0)[:1] * 10)
    test = VggSound(**OPTIONS).read(mirror)["test"]
    assert float(test.inputs["audio"][0].abs().max()) == 0
    assert torch.equal(test.inputs["video"][0, 0], test.inputs["video"][0, 1])


CLIP = f"{TEST[0]}_000000"
SOUND = f"train/audio_npy/{TRAIN[1]}_000010.npy"
NO_CLIP = "no clip ID_START of vggsound.csv for test"
NO_ENTRY = "no id, start in seconds, label, train or test"


@pytest.mark.parametrize(
    ("change", "sentence", "kind"),
    [
        (lambda f: (f / f"{CLIP}.mp4").write_bytes(b"gone"), f"the video .*{CLIP}.mp4 is broken", "cannot be read"),
        (lambda f: (f / f"{CLIP}.mp4").write_bytes(b""), f"the video .*{CLIP}.mp4 is broken", "cannot be read"),
        (lambda f: (f / "abc.mp4").touch(), "abc.mp4: abc: no clip", "no clip ID_START.mp4 of vggsound.csv"),
        (lambda f: (f / f"._{CLIP}.mp4").touch(), "left behind by a system", "left behind by a system"),
        (lambda f: (f / f"{CLIP} (1).mp4").touch(), "a copy, by its name", "a copy, by its name"),
    ],
)
def test_a_bad_video_is_dropped_or_told(mirror: Path, is_bad, change, sentence: str, kind: str) -> None:
    change(mirror / "final/video")
    is_bad(VggSound, mirror, sentence, kind, **OPTIONS)


def test_a_folder_that_lies_there_twice_is_read_once(mirror: Path) -> None:
    shutil.copytree(mirror / "final/video", mirror / "final/other")
    reader = VggSound(**OPTIONS)
    assert len(reader.read(mirror)["test"].label) == 2
    assert reader.findings.summary()["counts"] == {"dropped: name given twice": 8, "dropped: not there": 1}


def test_endings_in_capitals_are_read(mirror: Path) -> None:
    for path in mirror.rglob("*.mp4"):
        path.rename(path.with_suffix(".MP4"))
    assert [len(part.label) for part in VggSound(**OPTIONS).read(mirror).values()] == [4, 2, 2]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "2 of 2 records of test are bad, .*has no pictures"),
        (Path.unlink, "no clip of vggsound.csv is left for test"),
    ],
)
def test_a_fault_of_the_videos_is_one_sentence(mirror: Path, change, sentence: str) -> None:
    for path in mirror.glob("final/video/?123456789?_*.mp4"):
        change(path)
    with one_sentence(sentence):
        VggSound(**OPTIONS).read(mirror)


def test_the_spectrogram_is_of_the_wave_over_its_peak(folder: Path) -> None:
    """A sine of amplitude a has the magnitude a · 512 / 2 in its bin, with a Hann window of 1024."""
    splits = VggSound(**OPTIONS).read(folder)
    for samples in splits.values():
        peak = samples.inputs["audio"][:, 0, :, 5].amax(-1)
        assert peak.tolist() == pytest.approx([256 / 1.1] * len(peak), rel=1e-2)
        assert float(samples.inputs["audio"][..., 20:].abs().max()) < 1e-3, "after half a second there is silence"


def test_a_muted_clip_is_silence(folder: Path) -> None:
    np.save(folder / SOUND, np.zeros((1, 100), np.float32))
    splits = VggSound(**OPTIONS).read(folder)
    assert all(bool(torch.isfinite(samples.inputs["audio"]).all()) for samples in splits.values())


def test_chosen_classes_are_numbered_in_the_order_of_the_file(folder: Path) -> None:
    (folder / "classes.txt").write_text("dog barking\n")
    splits = VggSound(**OPTIONS).read(folder)
    assert [splits[name].label.tolist() for name in ("train", "val", "test")] == [[0, 0], [0], [0]]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: (f / "vggsound.csv").unlink(), "there is no list .*vggsound.csv"),
        *(
            (lambda f, line=line: (f / "vggsound.csv").write_text(line), "1 of 1 records of vggsound.csv are .*csv:1")
            for line in ("x,1,dog barking\n", "x,1,dog,dev\n", f"{'9' * 99},1,dog,dev\n")
        ),
        (lambda f: (f / "classes.txt").write_text("dog barking\ncat\n"), "unknown: cat"),
        (lambda f: [path.unlink() for path in f.glob("test/*/*")], "no clip of vggsound.csv is left for test"),
    ],
)
def test_a_fault_is_one_sentence(folder: Path, change, sentence: str) -> None:
    change(folder)
    with one_sentence(sentence):
        VggSound(**OPTIONS).read(folder)


@pytest.mark.parametrize(
    ("change", "sentence", "kind"),
    [
        (lambda f: (f / f"test/audio/{CLIP}.wav").unlink(), f"{CLIP}: without partner", "without partner"),
        (lambda f: (f / f"test/video_jpg/{CLIP}.jpg").unlink(), f"{CLIP}: without partner", "without partner"),
        *(
            (lambda f, name=name: (f / f"test/audio/{name}.wav").touch(), f"test: {name}: {NO_CLIP}", NO_CLIP)
            for name in ("abc", f"{TRAIN[0]}_000000")
        ),
        (lambda f: (f / f"test/audio/{CLIP}.wav").write_bytes(b"RIFF"), f"{CLIP}.wav is broken", "cannot be read"),
        (lambda f: (f / f"test/video_jpg/{CLIP}.jpg").write_bytes(b""), f"{CLIP}.jpg is broken", "cannot be read"),
        (
            lambda f: Image.new("RGB", (32, 33)).save(f / f"test/video_jpg/{CLIP}.jpg"),
            "square frames",
            "cannot be read",
        ),
        (lambda f: np.save(f / SOUND, np.zeros(9)), "shape 1 × any", "cannot be read"),
        (lambda f: np.save(f / SOUND, np.full((1, 9), np.nan)), "finite", "cannot be read"),
        (lambda f: np.save(f / SOUND, np.zeros((1, 0))), "is empty", "cannot be read"),
        (lambda f: append(f, "x,one,dog barking,train"), f"csv:10: x: {NO_ENTRY}", NO_ENTRY),
        (lambda f: append(f, f"{TEST[0]},0,{LABELS[1]},test"), "csv:10: .*: listed twice", "listed twice"),
        (lambda f: append(f, f"{TEST[0]},0,{LABELS[1]},train"), "csv:10: .*: also in test", "also in test"),
        (lambda f: append(f, f"{TEST[0]},80,{LABELS[1]},train"), "csv:10: .*: also in test", "also in test"),
    ],
)
def test_a_bad_clip_or_line_is_dropped_or_told(folder: Path, is_bad, change, sentence: str, kind: str) -> None:
    change(folder)
    is_bad(VggSound, folder, sentence, kind, **OPTIONS)


def append(folder: Path, line: str) -> None:
    path = folder / "vggsound.csv"
    path.write_text(f"{path.read_text()}\n{line}\n\n")


def test_clips_of_one_video_are_in_one_split(folder: Path) -> None:
    """The other start of the first training video lies there, too."""
    for path in folder.glob(f"train/*/{TRAIN[0]}_000000.*"):
        shutil.copy(path, path.with_stem(f"{TRAIN[0]}_000070"))
    known = _listed(folder, Findings())
    clips = [name for name, clip in known.items() if clip.split == "train"] + [CLIP]
    for share in (0.15, 0.3, 0.6, 0.8):
        parts = _parts(folder, known, clips, validation=share)
        videos = {split: {known[name].video for name in names} for split, names in parts.items()}
        assert not videos["train"] & videos["val"]
        assert sum(map(len, parts.values())) == len(clips)


def test_from_clips_to_the_students_of_every_kind_of_teacher(folder: Path, distilled: Callable) -> None:
    classes, scores = distilled("vggsound-resnet18", folder, OPTIONS, epochs=1, batch_size=4)
    assert classes == 2
    assert scores.isin([0, 50, 100]).all()
