"""The committed OpenClipart subset: public-domain pictures with titles and keywords, shared by two tasks."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image
from pydantic import Field, TypeAdapter

from msd.config.strict import Count, Seed
from msd.data.committed_subset import add_dropped, read_item
from msd.data.findings import Findings, Records
from msd.data.pictures import member, open_archive, rgb
from msd.data.raw_files import below, raw_file
from msd.data.splits import Shares, prefix, split_by_group
from msd.system.text_file import read_lines

AUTHOR = re.compile(r"^clipart by [^-]+ - ", re.IGNORECASE)


class Parameters(Records):
    """How the items are split."""

    seed: Seed = Field(description="of the split")
    shares: Shares = Field(description="shares of the items, near-copies together")
    collection: Count = Field(
        description="a title that more items share names no picture: these are split by their file names"
    )


@dataclass(frozen=True)
class Item:
    """One picture: `path` inside OpenClipart without suffix, title as written there, keywords in lower case."""

    path: str
    title: str
    keywords: tuple[str, ...]
    line: int = 0

    @property
    def picture(self) -> str:
        """Its member of the archive of pictures."""
        return f"{self.path}.png"

    @property
    def category(self) -> str:
        """The first folder of its path."""
        return self.path.split("/", 1)[0]

    @property
    def text(self) -> str:
        """The title as a sentence: no `Clipart by … -` in front, blanks for underscores."""
        return " ".join(AUTHOR.sub("", self.title).replace("_", " ").split())


ITEM = TypeAdapter(Item)


def read(raw: dict[str, Path], findings: Findings) -> tuple[list[Item], dict[str, Image.Image]]:
    """The items in path order with their pictures by member name; findings too for what the subset lacks."""
    add_dropped(raw_file(raw, "dropped.jsonl"), findings)
    source, items, pictures = raw_file(raw, "items.jsonl"), [], {}
    with open_archive(raw_file(raw, "pictures.zip")) as archive:
        for line, text in read_lines(source):
            where = f"items.jsonl:{line}"
            with findings.dropping(f"line {line}", where, "no item with a picture", split="items"):
                item = replace(read_item(text, f"{source}, line {line}", ITEM), line=line)
                below(source.parent, item.path)
                if not item.text:
                    findings.drop(item.path, where, "no title")
                    continue
                name = f"{item.picture} of {archive.filename}"
                pictures[item.picture] = rgb(member(archive, item.picture), name=name)
                if item.text != item.title:
                    findings.add(item.path, where, action="repaired", reason=f"title: {item.title!r}")
                items.append(item)
    findings.check_share("items", len(items))
    return items, pictures


def split(items: list[Item], strata: Mapping[str, str], parameters: Parameters) -> dict[str, list[Item]]:
    """The items of each split, by `split_by_group`; strata: path -> what must be balanced."""
    of_items, by_path = groups(items, collection=parameters.collection), {item.path: item for item in items}
    splits = split_by_group(of_items, strata, shares=parameters.shares, seed=parameters.seed)
    return {split: [by_path[path] for path in paths] for split, paths in splits.items()}


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
