"""A server of our own that answers as the Hugging Face hub does, for the hub's own client."""

import contextlib
from collections.abc import Iterator
from typing import ClassVar

from servers import BODY, GOOD, Silent, serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_thisIsNoTokenOfAnybody"
SOURCE = {"kind": "hub", "repo": "some/words", "revision": COMMIT, "file": "data/words.bin", "repo_type": "dataset"}
ERRORS = {
    "gated": (403, "GatedRepo"),
    "asks-who": (401, "GatedRepo"),
    "private": (401, "RepoNotFound"),
    "no-repo": (404, "RepoNotFound"),
    "no-commit": (404, "RevisionNotFound"),
    "no-file": (404, "EntryNotFound"),
    "refuses": (403, None),
    "broken": (500, None),
}


class Hub(Silent):
    """/datasets/some/<way>/resolve/<commit>/data/words.bin, in the ways that a hub goes wrong."""

    seen: ClassVar[list[tuple[str, str, str | None, str | None]]] = []

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        wanted, who = self.headers.get("Range"), self.headers.get("Authorization")
        if "/resolve/" not in self.path:  # what the client asks besides
            self.send_error(404)
            return
        self.seen.append((self.command, self.path, wanted, who))
        way = self.path.split("/")[3]
        if way in ERRORS and not (way == "gated" and who == f"Bearer {TOKEN}"):
            status, code = ERRORS[way]
            self.send_response(status)
            if code:
                self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("ETag", f'"{GOOD}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(BODY) - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
        self.end_headers()
        if self.command == "GET":
            is_first = sum(command == "GET" for command, *_ in self.seen) == 1
            body = BODY[::-1] if way == "other" else BODY
            is_short = way == "always-short" or (way == "once-short" and is_first)
            self.wfile.write(body[start:5000] if is_short else body[start:])


@contextlib.contextmanager
def running_hub() -> Iterator[str]:
    """The address of a running hub."""
    Hub.seen.clear()
    with serving(Hub) as address:
        yield address
