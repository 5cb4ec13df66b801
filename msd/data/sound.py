"""Recordings, sound of another rate, and its short-time Fourier transform."""

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

RATES = range(1000, 1_000_001)
"""Samples a second that a recording may have."""


def recording(path: Path) -> tuple[NDArray[np.float32], int]:
    """The wave (T,) of a WAV, FLAC or OGG file, the mean of its channels, within ±1, and its samples a second.

    Raises:
        UserError: the file is missing, broken, empty, cut off, or holds values that are not finite.
    """
    import soundfile  # loads a native library

    if not path.is_file():
        raise UserError(f"there is no recording {path}")
    with decoding(f"the recording {path} is broken", "fetch its source again"):
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if rate not in RATES:
        raise UserError(f"the recording {path} has {rate} samples a second; fetch its source again")
    if not wave.size:
        raise UserError(f"the recording {path} is empty; fetch its source again")
    if _is_cut(path):
        raise UserError(f"the recording {path} is cut off: its header promises more sound; fetch its source again")
    if not np.isfinite(wave).all():
        raise UserError(f"the recording {path} holds values that are not finite; fetch its source again")
    return wave.mean(1), int(rate)


def _is_cut(path: Path) -> bool:
    """Whether a WAV file is shorter than its header says; libsndfile reads what is there without a word."""
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return False
        while len(chunk := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", chunk)
            if name == b"data":  # a stream's writer may not have known its length
                return bool(size != 0xFFFFFFFF and file.tell() + size > os.path.getsize(path))
            file.seek(size + size % 2, os.SEEK_CUR)
    return False


def resampled(wave: NDArray[np.float32], found: int, wanted: int) -> NDArray[np.float32]:
    """A wave (T,) of `found` samples a second with `wanted` ones, by a polyphase filter."""
    from scipy.signal import resample_poly  # slow to import

    common = math.gcd(found, wanted)
    return np.asarray(resample_poly(wave, wanted // common, found // common), np.float32)


def power(wave: Tensor, *, window: int, hop: int, padding: Literal["constant", "reflect"] = "constant") -> Tensor:
    """Squared magnitudes (..., window/2 + 1, 1 + T/hop) of the Fourier transforms of a wave (..., T) in Hann windows.

    padding: what stands before the wave and after it, silence or the wave mirrored.
    """
    shape = torch.hann_window(window)
    return torch.stft(wave, window, hop, window=shape, pad_mode=padding, return_complex=True).abs().square()
