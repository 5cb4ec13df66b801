"""What servers of our own on the loopback interface share."""

import contextlib
import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

BODY = bytes(range(256)) * 64
GOOD = hashlib.sha256(BODY).hexdigest()


class Silent(http.server.BaseHTTPRequestHandler):
    """Says nothing of its requests."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(handler: Callable[..., Any]) -> Iterator[str]:
    """The address of a running server, each of whose requests `handler` answers."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
