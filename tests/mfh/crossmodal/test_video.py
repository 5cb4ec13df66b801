"""Decoding of videos: the frame of a moment, the pitch and length of the sound, and files that are not whole."""

from pathlib import Path

import av
import numpy as np
import pytest
from faults import one_sentence

from msd.mfh.crossmodal.video import length, pictures, sound

SECONDS, RATE = 4, 10
GREYS = [20 + 5 * row for row in range(SECONDS * RATE)]
FRAMES = [np.full((48, 64, 3), grey, np.uint8) for grey in GREYS]


def grey(picture: object) -> float:
    return float(np.asarray(picture).mean())


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_moment_shows_the_last_frame_that_has_begun(tmp_path: Path, film, codec: str) -> None:
    """H.264 stores frames in another order than they are shown."""
    path = film(tmp_path / "a.mp4", FRAMES, codec=codec)
    moments = [0, 0.05, 0.15, 1.5, 1.55, 2.95, 3.95, 4]
    found = list(pictures(path, moments))
    assert [picture.size for picture in found] == [(64, 48)] * len(moments)
    wanted = [GREYS[row] for row in (0, 0, 1, 15, 15, 29, 39, 39)]
    assert [grey(picture) for picture in found] == pytest.approx(wanted, abs=2)
    again = [picture.tobytes() for picture in pictures(path, moments)]
    assert again == [picture.tobytes() for picture in found]
    assert length(path) == pytest.approx(SECONDS)


def test_sound_has_its_pitch_length_and_level(tmp_path: Path, film) -> None:
    path = film(tmp_path / "a.mp4", FRAMES, pitch=1000)
    wave = sound(path, 16_000, seconds=3).numpy()
    assert wave.shape == (48_000,)
    assert np.abs(np.fft.rfft(wave[:16_000])).argmax() == 1000
    assert np.sqrt((wave[4000:44_000] ** 2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    whole = len(sound(path, 16_000, seconds=10))  # what is not there is not filled up
    assert whole == pytest.approx(16_000 * SECONDS, abs=16_000 * 1024 / 44_100 + 1)


def test_a_video_without_sound_is_silent(tmp_path: Path, film) -> None:
    path = film(tmp_path / "a.mp4", FRAMES)
    assert sound(path, 16_000, seconds=2).tolist() == [0] * 32_000


def test_a_still_picture_is_shown_at_every_moment(tmp_path: Path, film) -> None:
    path = film(tmp_path / "a.mp4", FRAMES[:1] * 40)
    assert [grey(picture) for picture in pictures(path, [0, 2, 4])] == pytest.approx([GREYS[0]] * 3, abs=2)


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])


def damage(path: Path) -> None:
    """Every frame after the first is noise."""
    content = bytearray(path.read_bytes())
    start = content.find(b"mdat") + 1500
    content[start:] = np.random.default_rng(0).bytes(len(content) - start)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda path: path.unlink(), "a.mp4 is broken .No such file"),
        (lambda path: path.write_bytes(b""), "a.mp4 is broken .Invalid argument"),
        (lambda path: path.write_bytes(b"<html>gone</html>"), "a.mp4 is broken .Invalid data"),
        (lambda path: cut(path, 0.01), "a.mp4 is broken .Invalid data"),
        (lambda path: cut(path, 0.6), "a.mp4 is (broken|too short)"),
        (damage, "a.mp4 is broken .Invalid data"),
    ],
)
def test_a_broken_video_is_one_sentence(tmp_path: Path, film, change, sentence: str) -> None:
    noise = np.random.default_rng(1)
    path = film(tmp_path / "a.mp4", [noise.integers(0, 256, frame.shape, dtype=np.uint8) for frame in FRAMES])
    change(path)
    with one_sentence(sentence):
        list(pictures(path, [0, 4]))


def test_a_frame_that_is_marked_as_damaged_is_passed_over(tmp_path: Path, film) -> None:
    noise = np.random.default_rng(2)
    frames = [noise.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(10)]
    path = film(tmp_path / "a.mp4", frames, codec="mpeg4")
    before = [picture.tobytes() for picture in pictures(path, [0.4, 0.5])]
    with av.open(str(path)) as file:
        places = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    place, size = places[5]
    content = bytearray(path.read_bytes())
    content[place + size // 2 : place + size] = noise.bytes(size - size // 2)
    path.write_bytes(content)
    assert [picture.tobytes() for picture in pictures(path, [0.4, 0.5])] == [before[0], before[0]]
    assert before[0] != before[1]


def test_sound_alone_and_sound_that_is_broken_are_one_sentence(tmp_path: Path, film) -> None:
    path = film(tmp_path / "a.mp4", [], pitch=440)
    for read in (length, lambda path: list(pictures(path, [0]))):
        with one_sentence(r"a\.mp4 has no pictures, only sound"):
            read(path)
    path = film(tmp_path / "b.mp4", FRAMES, pitch=440)
    damage(path)
    with one_sentence(r"b\.mp4 is broken"):
        sound(path, 16_000, seconds=4)


def test_a_moment_after_the_end_is_one_sentence(tmp_path: Path, film) -> None:
    path = film(tmp_path / "a.mp4", FRAMES[:10])
    with one_sentence(r"too short: its pictures end after 1\.0 s, 1\.6 s are needed"):
        list(pictures(path, [1.6]))
