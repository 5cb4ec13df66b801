"""Sound of another rate, and its short-time Fourier transform."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


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
