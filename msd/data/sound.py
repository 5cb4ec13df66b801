"""Recordings, sound of another rate, and its short-time Fourier transform."""

import io
import math
import os
import struct
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msd.errors import UserError, decoding

FORMS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG")
"""Of those that libsndfile reads, the ones whose end is known."""
RATES = range(1000, 1_000_001)
"""Samples a second that a recording may have."""
LONGEST_PAGE = 65_307
"""Bytes of a page of an OGG file."""


def recording(path: Path) -> tuple[NDArray[np.float32], int]:
    """The wave (T,) of a WAV, FLAC or OGG file, the mean of its channels, within ±1, and its samples a second.

    Raises:
        UserError: the file is missing, broken, empty, cut off, or holds values that are not finite.
    """
    import soundfile  # loads a native library

    if not path.is_file():
        raise UserError(f"there is no recording {path}")
    content = io.BytesIO(path.read_bytes())  # libsndfile does not say what the system refuses
    with decoding(f"the recording {path} is broken", "fetch its source again"), soundfile.SoundFile(content) as file:
        form, rate, wave = file.format, file.samplerate, file.read(dtype="float32", always_2d=True)
    if form not in FORMS:
        raise UserError(f"the recording {path} is of the form {form}; save it as WAV, FLAC or OGG")
    if rate not in RATES:
        raise UserError(f"the recording {path} has {rate} samples a second; fetch its source again")
    if _is_cut(path):
        raise UserError(f"the recording {path} is cut off: it lacks its end; fetch its source again")
    if not wave.size:
        raise UserError(f"the recording {path} is empty; fetch its source again")
    if not np.isfinite(wave).all():
        raise UserError(f"the recording {path} holds values that are not finite; fetch its source again")
    return wave.mean(1), int(rate)


def _is_cut(path: Path) -> bool:
    """Whether a WAV or OGG file ends before its own mark; libsndfile reads what is there without a word."""
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] == b"OggS":
            file.seek(-min(LONGEST_PAGE, os.path.getsize(path)), os.SEEK_END)
            return not _ends(file.read())
        if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            return False
        whole = 0xFFFFFFFF  # what a stream's writer states, who did not know the length; RF64 states it before
        while len(chunk := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", chunk)
            if name == b"data":
                size = whole if size == 0xFFFFFFFF else size
                return bool(size != 0xFFFFFFFF and file.tell() + size > os.path.getsize(path))
            start = file.tell()
            if name == b"ds64":
                whole = int.from_bytes(file.read(16)[8:], "little")
            file.seek(start + size + size % 2)
    return False


def _ends(tail: bytes) -> bool:
    """Whether the last page of an OGG file is the last of its stream, and whole."""
    page = tail[tail.rfind(b"OggS") :]
    return len(page) > 26 and bool(page[5] & 4) and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])


def resampled(wave: NDArray[np.float32], own_rate: int, rate: int) -> NDArray[np.float32]:
    """A wave (T,) of `own_rate` samples a second with `rate` ones, by a polyphase filter."""
    from scipy.signal import resample_poly  # slow to import

    common = math.gcd(own_rate, rate)
    return np.asarray(resample_poly(wave, rate // common, own_rate // common), np.float32)


def power(wave: Tensor, *, window: int, hop: int, padding: Literal["constant", "reflect"] = "constant") -> Tensor:
    """Squared magnitudes (..., window/2 + 1, 1 + T/hop) of the Fourier transforms of a wave (..., T) in Hann windows.

    padding: what stands before the wave and after it, silence or the wave mirrored.
    """
    shape = torch.hann_window(window)
    return torch.stft(wave, window, hop, window=shape, pad_mode=padding, return_complex=True).abs().square()
