"""Pictures and sound out of video files such as mp4, decoded with FFmpeg in one pass that holds one frame at a time."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from av.container import InputContainer
from av.video.stream import VideoStream
from PIL import Image
from torch import Tensor

from msd.data.sound import RATES, resampled
from msd.errors import UserError, decoding

SLACK = 0.5  # seconds by which pictures may end before their stream's length, which counts in other units


def length(path: Path) -> float:
    """Seconds of a video's pictures, as its header says; UserError for a broken file or one without pictures."""
    with _opened(path) as container:
        stream = _stream(container, path)
        if not stream.duration or stream.duration < 0 or not stream.time_base:
            raise UserError(f"the video {path} does not say its length; fetch it again or delete it")
        return float(stream.duration * stream.time_base)


def pictures(path: Path, moments: Sequence[float]) -> Iterator[Image.Image]:
    """The RGB pictures that a video shows at rising moments, in seconds from its start.

    Shown is the last frame that has begun, at first the first one. Frames that are marked as damaged are passed over.

    Raises:
        UserError: the file is broken, has no pictures, or ends before the last moment.
    """
    waiting = deque(moments)
    with _opened(path) as container:
        stream = _stream(container, path)
        unit = stream.time_base or Fraction(0)
        start, end, shown = (stream.start_time or 0) * unit, Fraction(0), None
        for frame in container.decode(stream):
            if frame.pts is None or frame.is_corrupt:
                continue
            begins = frame.pts * unit - start
            while shown is not None and waiting and waiting[0] < begins:
                yield shown.to_image()
                waiting.popleft()
            if not waiting:
                return
            shown, end = frame, begins + frame.duration * unit
        if shown is None or waiting[-1] > end + SLACK:
            lasts = f"its pictures end after {float(end):.1f} s, {waiting[-1]:.1f} s are needed"
            raise UserError(f"the video {path} is too short: {lasts}; fetch it again or delete it")
        for _ in waiting:
            yield shown.to_image()


def sound(path: Path, rate: int, *, seconds: float) -> Tensor:
    """The first seconds of a video's sound, float32 (T,) of one channel at `rate`; silence where it has no sound."""
    parts: list[np.ndarray] = []
    own_rate, samples = rate, 0
    with _opened(path) as container:
        for stream in container.streams.audio[:1]:
            planar, own_rate = av.AudioResampler(format="fltp"), stream.rate
            for frame in container.decode(stream):
                parts += [part.to_ndarray().mean(0) for part in planar.resample(frame)]
                samples += frame.samples
                if samples >= seconds * own_rate:
                    break
    if not parts:
        return torch.zeros(round(seconds * rate))
    wave = np.concatenate(parts)[: round(seconds * own_rate)]
    if not np.isfinite(wave).all() or own_rate not in RATES:
        raise UserError(f"the sound of the video {path} is broken; fetch it again or delete it")
    return torch.from_numpy(resampled(wave, own_rate, rate))


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    """A video file that is read; what goes wrong meanwhile is a UserError."""
    with decoding(f"the video {path} is broken", "fetch it again or delete it"), open(path, "rb") as file:
        try:
            with av.open(file, "r", metadata_errors="replace") as container:
                yield container
        except av.FFmpegError as error:  # FFmpeg gives numbers of the system to damaged content
            raise ValueError(error.strerror) from error


def _stream(container: InputContainer, path: Path) -> VideoStream:
    if not container.streams.video:
        raise UserError(f"{path} has no pictures, only sound; fetch the video or delete it")
    return container.streams.video[0]
