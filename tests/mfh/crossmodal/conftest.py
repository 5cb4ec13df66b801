"""Small videos whose pictures and pitch are known."""

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from faults import one_sentence

from msd.mfh.crossmodal.reader import DataReader

RATE = 44_100
Film = Callable[..., Path]


@pytest.fixture
def is_bad() -> Callable[..., None]:
    """Checks that a folder's one bad record is a sentence where `records` is strict, and else dropped and counted."""

    def check(reader: type[DataReader], folder: Path, sentence: str, kind: str, **options: object) -> None:
        with one_sentence(sentence):
            reader(**options, records="strict").read(folder)
        lenient = reader(**options)
        lenient.read(folder)
        assert lenient.findings.summary()["counts"].pop(f"dropped: {kind}") == 1

    return check


@pytest.fixture(scope="session")
def film() -> Film:
    """Writes an mp4, its index first: frames (H, W, 3) of so many a second, with stereo sound of a pitch or without."""
    return write


def write(
    path: Path, frames: Sequence[np.ndarray], *, rate: int = 10, pitch: float | None = None, codec: str = "libx264"
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as file:
        if len(frames):
            video = file.add_stream(codec, rate=rate)
            video.height, video.width, _ = frames[0].shape
            video.pix_fmt, video.bit_rate = "yuv420p", 2_000_000
        if pitch is not None:
            audio = file.add_stream("aac", rate=RATE, layout="stereo")
        for frame in frames:
            file.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        if len(frames):
            file.mux(video.encode())
        if pitch is not None:
            samples = RATE * max(len(frames), 1) // rate
            wave = (0.5 * np.sin(2 * np.pi * pitch * np.arange(samples) / RATE)).astype(np.float32)
            for start in range(0, samples, 1024):
                part = np.stack([wave[start : start + 1024]] * 2)
                sound = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
                sound.sample_rate, sound.pts = RATE, start
                file.mux(audio.encode(sound))
            file.mux(audio.encode())
    return path
