"""Recordings are read whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from faults import one_sentence

from msd.data.sound import recording
from msd.errors import UserError

WAVE = np.sin(np.arange(1600) / 8).astype(np.float32) / 2


@pytest.mark.parametrize(("name", "subtype"), [("a.wav", "PCM_16"), ("a.wav", "PCM_U8"), ("a.wav", "FLOAT"), ("a.flac", "PCM_24")])  # fmt: skip
def test_channels_are_averaged_and_values_within_one(tmp_path: Path, name: str, subtype: str) -> None:
    soundfile.write(tmp_path / name, np.stack([WAVE, -WAVE / 2], axis=1), 16_000, subtype=subtype)
    wave, rate = recording(tmp_path / name)
    assert rate == 16_000
    np.testing.assert_allclose(wave, WAVE / 4, atol=0.01)


def test_a_recording_that_was_cut_or_is_broken_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, WAVE, 16_000)
    whole = path.read_bytes()
    for content, words in ((whole[: len(whole) // 2], "is cut off"), (b"", "is broken"), (whole[:20], "is broken")):
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"a.wav {words}"):
            recording(path)
    with pytest.raises(UserError, match="there is no recording"):
        recording(tmp_path / "b.wav")
    soundfile.write(path, WAVE[:0], 16_000)
    with pytest.raises(UserError, match=r"a.wav is empty"):
        recording(path)


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64", "FLAC", "OGG"])
def test_a_recording_of_every_form_that_an_interrupted_download_cut_is_told(tmp_path: Path, form: str) -> None:
    """Noise makes an OGG file of many pages."""
    path = tmp_path / "a.sound"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 80_000), 16_000, format=form)
    assert len(recording(path)[0]) == 80_000
    whole = path.read_bytes()
    for share in (0.3, 0.5, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with one_sentence(r"a\.sound is (cut off|broken)"):
            recording(path)


@pytest.mark.parametrize("form", ["W64", "AIFF", "AU", "CAF"])
def test_a_form_whose_cut_would_not_be_seen_is_refused(tmp_path: Path, form: str) -> None:
    soundfile.write(tmp_path / "a.wav", WAVE, 16_000, format=form, subtype="PCM_16")
    with one_sentence(f"a.wav is of the form {form}; save it as WAV, FLAC or OGG"):
        recording(tmp_path / "a.wav")


def test_values_that_are_not_finite_are_told(tmp_path: Path) -> None:
    wave = WAVE.copy()
    wave[7] = np.nan
    soundfile.write(tmp_path / "a.wav", wave, 16_000, subtype="FLOAT")
    with pytest.raises(UserError, match="not finite"):
        recording(tmp_path / "a.wav")
