"""The committed OpenClipart subset: public-domain pictures with titles and keywords, shared by two tasks."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from msd.data.pictures import member, open_archive, rgb
from msd.data.prepared import finding
from msd.data.raw_files import raw_file
from msd.data.splits import prefix
from msd.errors import UserError

AUTHOR = re.compile(r"^clipart by [^-]+ - ", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """One picture: `path` inside OpenClipart without suffix, title as written there, keywords in lower case."""

    path: str
    title: str
    keywords: tuple[str, ...]
    line: int

    @property
    def picture(self) -> str:
        return f"{self.path}.png"

    @property
    def category(self) -> str:
        return self.path.split("/", 1)[0]

    @property
    def text(self) -> str:
        """The title as a sentence: no `Clipart by … -` in front, blanks for underscores."""
        return " ".join(AUTHOR.sub("", self.title).replace("_", " ").split())


def read(raw: dict[str, Path]) -> tuple[list[Item], list[dict[str, Any]]]:
    """The items in path order; findings for what the subset lacks and for each title repaired or empty."""
    source = raw_file(raw, "items.jsonl")
    items: list[Item] = []
    findings = _dropped(raw_file(raw, "dropped.jsonl"))
    for line, text in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            body = json.loads(text)
            item = Item(body["path"], body["title"], tuple(body["keywords"]), line)
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise UserError(f"{source}, line {line}: not an item with path, title and keywords ({error})") from error
        where = f"items.jsonl:{line}"
        if not item.text:
            findings.append(finding(item.path, where, action="dropped", reason="no title"))
            continue
        if item.text != item.title:
            findings.append(finding(item.path, where, action="repaired", reason=f"title: {item.title!r}"))
        items.append(item)
    return items, findings


def _dropped(source: Path) -> list[dict[str, Any]]:
    """What the subset left out of OpenClipart: one finding for a picture, or for the files of a folder."""
    losses = [json.loads(text) for text in source.read_text(encoding="utf-8").splitlines()]
    return [
        finding(loss["path"], f"dropped.jsonl:{line}", action="dropped", reason=loss["reason"])
        | {"files": loss["files"]}
        for line, loss in enumerate(losses, start=1)
    ]


def groups(items: list[Item], *, collection: int) -> dict[str, str]:
    """The split group of each path: its title's prefix, or its file name's where the title names a collection.

    A title that more than `collection` items share ("AIGA Symbol Signs") names no picture; as one group it
    would carry whole labels into a single split.
    """
    sharing = Counter(prefix(item.text) for item in items)
    return {
        item.path: (
            f"title:{prefix(item.text)}"
            if sharing[prefix(item.text)] <= collection
            else f"file:{prefix(item.path.rsplit('/', 1)[1])}"
        )
        for item in items
    }


def load_pictures(raw: dict[str, Path], items: list[Item]) -> dict[str, Image.Image]:
    """The RGB pictures of items by member name; raises UserError naming a missing or broken one."""
    path = raw_file(raw, "pictures.zip")
    with open_archive(path) as archive:
        return {item.picture: _picture(archive, item.picture) for item in items}


def _picture(archive: zipfile.ZipFile, name: str) -> Image.Image:
    return rgb(member(archive, name), name=f"{name} of {archive.filename}")
