"""Downloading one url into a partial file that a later attempt resumes.

Own code, since neither pooch nor fsspec goes on with a partial file, which archives of many GB need.
"""

import http.client
import urllib.error
import urllib.request
from pathlib import Path

from msd.data.raw_files import check_room
from msd.errors import UserError

CHUNK = 1 << 20
START = 256
TIMEOUT = 60
ATTEMPTS = 2


def download(url: str, part: Path, *, expected: int | None, name: str) -> None:
    """Download `url` to `part`, resuming what lies there; raises UserError when it stays incomplete.

    An incomplete `part` is kept for the next attempt; a page of HTML in place of data is not, nor a file of another
    size than `expected`, nor one for which the disk has no room: these are refused before anything is written.
    """
    for _ in range(ATTEMPTS):
        before = _size(part)
        try:
            announced = _attempt(url, part, expected=expected, name=name)
        except Broken as error:
            if _size(part) == before:
                raise
            fault: UserError = error
            continue
        size, whole = _size(part), expected if expected is not None else announced
        if whole is None or size >= whole:
            return
        fault = UserError(f"{name}: the download stopped at {size} of {whole} bytes; run again to resume it")
    raise fault


class Broken(UserError):
    """A connection that was not made, or that ended in the middle."""


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _attempt(url: str, part: Path, *, expected: int | None, name: str) -> int | None:
    """One request; the whole file's size as the server announces it."""
    have = _size(part)
    if expected is not None and have == expected:
        return expected
    if expected is not None and have > expected:
        part.unlink()
        have = 0
    if not url.startswith(("https://", "http://")):
        raise UserError(f"{name}: {url!r} is no http or https address")
    request = urllib.request.Request(  # noqa: S310 - checked above
        url, headers={"User-Agent": "msd", "Accept-Encoding": "identity"}
    )
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return _receive(answer, part, have=have, expected=expected, name=name)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            part.unlink()  # what lies there is longer than the file: start over
            return _attempt(url, part, expected=expected, name=name)
        raise UserError(f"{name}: the server answered {error.code} {error.reason}{_advice(error.code)}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise Broken(f"{name}: the download failed ({error}); run again to resume it") from error


def _receive(answer: http.client.HTTPResponse, part: Path, *, have: int, expected: int | None, name: str) -> int | None:
    """Write an answer behind what is there (206) or in its place (200); the whole file's size, if announced."""
    start = 0
    if answer.status == 206:
        content_range = answer.headers.get("Content-Range", "")
        if not content_range.startswith(f"bytes {have}-"):
            raise UserError(f"{name}: asked for bytes from {have}, the server sent {content_range!r}")
        start = have
    length = answer.headers.get("Content-Length")
    first = answer.read(START)
    if start == 0 and is_html(first) and not name.lower().endswith((".html", ".htm")):
        raise UserError(f"{name}: the server sent an HTML page (a login or an error page?) instead of the file")
    whole = None if length is None else start + int(length)
    if None not in (expected, whole) and expected != whole:
        raise UserError(
            f"{name}: expected {expected} bytes, the server has {whole}; correct `bytes` and `sha256` if there is "
            "a new version of it"
        )
    check_room(part.parent, (whole or expected or 0) - start, name=name)
    with part.open("ab" if start else "wb") as stream:
        while first:
            stream.write(first)
            first = answer.read1(CHUNK)  # what has come, so that a stall later loses none of it
    return whole


def is_html(content: bytes) -> bool:
    """Whether bytes start like an HTML page."""
    return content.lstrip()[:64].lower().startswith((b"<!doctype html", b"<html"))


def _advice(code: int) -> str:
    if code in (401, 403):
        return "; the source needs a licence to be accepted or a token"
    return "; run again later" if code == 429 or code >= 500 else ""
