"""A server of our own whose one file arrives in the ways that servers go wrong."""

import contextlib
import time
from collections.abc import Iterator
from typing import ClassVar

from servers import BODY, Silent, serving


class Handler(Silent):
    """Serves BODY in the ways that servers go wrong, by the first part of the path."""

    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.seen.append((self.path, wanted))
        way = self.path.split("/")[1]
        if way == "forbidden":
            self.send_error(403)
        elif way == "login":
            self._send(200, b"\n<!DOCTYPE html><html>sign in</html>")
        elif way == "always-short" or (way == "once-short" and wanted is None):
            self._send(200, BODY[:5000], announce=len(BODY))
        elif way == "always-stall" or (way == "once-stall" and wanted is None):
            self._send(200, BODY[:5000], announce=len(BODY))
            time.sleep(1)
        elif way == "slow":
            self._send(200, BODY[:5000], announce=len(BODY))
            time.sleep(0.5)
            self.wfile.write(BODY[5000:])
        elif way == "huge":
            self._send(200, BODY, announce=10**15)
        elif wanted and way != "no-range":
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(BODY):
                self.send_error(416)
            else:
                self._send(206, BODY[start:], span=f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
        else:
            self._send(200, BODY)

    def _send(self, status: int, body: bytes, *, announce: int | None = None, span: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(announce or len(body)))
        if span:
            self.send_header("Content-Range", span)
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def running_server() -> Iterator[str]:
    """The address of a running server."""
    Handler.seen.clear()
    with serving(Handler) as address:
        yield address
