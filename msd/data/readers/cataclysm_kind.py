"""`cataclysm-kind`: of what kind is the thing that is described and drawn? In the role of no data set of the paper."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pydantic import Field, TypeAdapter

from msd.config.strict import Count, Seed, Side
from msd.data.committed_subset import add_dropped, read_item
from msd.data.findings import Findings, Records
from msd.data.near_copies import average_hash, linked
from msd.data.pictures import member, open_archive, rgb
from msd.data.prepared import Prepared, hard
from msd.data.raw_files import below, raw_file
from msd.data.splits import Shares, split_by_group
from msd.system.text_file import read_lines

KINDS = (
    *("AMMO", "ARMOR", "BOOK", "COMESTIBLE", "GENERIC"),
    *("GUN", "MONSTER", "TOOL", "furniture", "terrain"),
)
"""The game's types of objects with hundreds of descriptions and sprites."""


class Parameters(Records):
    """How the items are split and drawn."""

    seed: Seed = Field(description="of the split")
    shares: Shares = Field(description="shares of the items, near-copies together")
    collection: Count = Field(description="a sprite that more items share shows none of them, and does not link them")
    size: Side = Field(description="pixels of a picture's side")


@dataclass(frozen=True)
class Item:
    """One thing: its name in the game, its kind, its description, and the members of pictures.zip that show it."""

    id: str
    kind: str
    text: str
    pictures: tuple[str, ...]


ITEM = TypeAdapter(Item)


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """A row is a sprite with the description of what it shows; things whose sprites look alike are in one split."""
    findings = Findings(parameters.records)
    items, pictures = read(raw, findings, size=parameters.size)
    looks = {name: {average_hash(pictures[picture]) for picture in item.pictures} for name, item in items.items()}
    sharing = Counter(look for own in looks.values() for look in own)
    looks = {name: {look for look in own if sharing[look] <= parameters.collection} for name, own in looks.items()}
    kinds = {name: item.kind for name, item in items.items()}
    splits = split_by_group(linked(looks), kinds, shares=parameters.shares, seed=parameters.seed)
    rows = {
        split: [
            hard(picture, picture, items[name].text, KINDS.index(items[name].kind))
            for name in names
            for picture in items[name].pictures
        ]
        for split, names in splits.items()
    }
    return Prepared(rows, [kind.lower() for kind in KINDS], pictures, findings)


def read(raw: dict[str, Path], findings: Findings, *, size: int) -> tuple[dict[str, Item], dict[str, Image.Image]]:
    """The items by name, with their pictures by member name; findings too for what the subset lacks."""
    add_dropped(raw_file(raw, "dropped.jsonl"), findings)
    source, items, pictures = raw_file(raw, "items.jsonl"), dict[str, Item](), dict[str, Image.Image]()
    with open_archive(raw_file(raw, "pictures.zip")) as archive:
        for line, text in read_lines(source):
            where = f"items.jsonl:{line}"
            with findings.dropping(f"line {line}", where, "no item with a kind and a picture", split="items"):
                item = read_item(text, f"{source}, line {line}", ITEM)
                if item.kind not in KINDS or not item.pictures:
                    findings.drop(item.id, where, "no known kind, or no picture", split="items")
                    continue
                own = {}
                for name in item.pictures:
                    below(source.parent, name)
                    own[name] = enlarged(rgb(member(archive, name), name=f"{name} of {archive.filename}"), size)
                items[item.id] = item
                pictures |= own
    findings.check_share("items", len(items))
    return items, pictures


def enlarged(sprite: Image.Image, size: int) -> Image.Image:
    """The sprite in the middle of a white square, brought to `size` pixels without smoothing."""
    side = max(sprite.size)
    square = Image.new("RGB", (side, side), "white")
    square.paste(sprite, ((side - sprite.width) // 2, (side - sprite.height) // 2))
    return square.resize((size, size), Image.Resampling.NEAREST)
