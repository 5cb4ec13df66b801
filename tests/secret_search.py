"""Are secrets told to anybody? Looks for them in every file, in what is printed and in the lists of processes."""

import base64
import contextlib
import json
import os
import threading
import time
import urllib.parse
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path


def forms(secret: str) -> set[bytes]:
    """A secret as it could be written: as it is, in URLs, JSON, hexadecimal, or base64 wherever it begins."""
    raw = secret.encode()
    texts = {secret, urllib.parse.quote(secret), urllib.parse.quote_plus(secret), json.dumps(secret)[1:-1], raw.hex()}
    shifted = (base64.b64encode(bytes(shift) + raw).rstrip(b"=")[4 * (shift > 0) : -2] for shift in range(3))
    return {text.encode() for text in texts} | set(shifted)


def leaks(secrets: Mapping[str, str], texts: Iterable[tuple[str, bytes]]) -> list[str]:
    """ "<secret's name> in <place>" for each secret in each text, a pair of place and content."""
    written = {name: forms(secret) for name, secret in secrets.items()}
    return [
        f"{name} in {place}"
        for place, text in texts
        for name, known in written.items()
        if any(form in text for form in known)
    ]


def files(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file below folders, and of what is packed in archives there."""
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            yield f"{path}", str(path).encode() + b"\n" + path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    for member in archive.infolist():
                        if not member.flag_bits & 1:  # encrypted: it was given to us so
                            yield f"{path}!{member.filename}", archive.read(member)


class Watch:
    """The command lines of all processes while a block runs: `seen`."""

    def __init__(self, *, every: float = 0.05) -> None:
        self.seen: set[bytes] = set()
        self._every, self._over = every, threading.Event()

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            for process in filter(str.isdecimal, os.listdir("/proc")):
                with contextlib.suppress(OSError):  # it has just ended
                    self.seen.add(Path("/proc", process, "cmdline").read_bytes().replace(b"\0", b" "))
            time.sleep(self._every)

    def texts(self) -> Iterator[tuple[str, bytes]]:
        """The command lines as texts."""
        for line in sorted(self.seen):
            yield f"the process {line[:80].decode(errors='replace')!r}", line
