"""Rebuild the committed subset of Cataclysm: Dark Days Ahead, byte for byte, from a Debian package.

    python -m msd.data.readers.cataclysm_build [--packages FOLDER] [--out FOLDER]

Without --packages it runs `apt-get download cataclysm-dda-data` (0.F-3-9; no root needed).
The bytes of a PNG depend on Pillow and its zlib, so use the versions of requirements.lock.
Descriptions and sprites are by the game's contributors under CC-BY-SA-3.0; copyright.txt is the package's own.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from msd.data.committed_subset import Record, rebuild, write_dropped, write_lines
from msd.data.near_copies import plain_text
from msd.data.pictures import decode, on_white, png, write_archive
from msd.data.raw_files import COMMITTED
from msd.data.readers.cataclysm_kind import KINDS

VERSION = "0.F-3-9"
PACKAGES = {"cataclysm-dda-data": "cd0c097169fe364fdb6bcdab77663d24920a063387ce2fbf1b5d3be01c141105"}
OUT = COMMITTED / "cataclysm"
TILESETS = ("UltimateCataclysm", "MshockXotto+", "ChibiUltica")
SPRITES = 2  # of an item, from the first tile sets that draw it in different ways
COLOURS = 64  # of a sprite
TAG = re.compile(r"<[^<>]*>")


def build(unpacked: Path, out: Path) -> None:
    """Write items.jsonl, dropped.jsonl, pictures.zip and copyright.txt from the unpacked package."""
    root = unpacked / "usr" / "share" / "games" / "cataclysm-dda"
    tilesets = [Tileset(root / "gfx" / name) for name in TILESETS]
    items: list[Record] = []
    pictures: dict[str, bytes] = {}
    dropped: Counter[tuple[str, str]] = Counter()
    named, said = set[str](), set[str]()
    for path, described in objects(root):
        name, text = described["id"], " ".join(TAG.sub(" ", described["description"]).split())
        if not (plain := plain_text(text)) or name in named or plain in said:
            dropped[path, "no description, or one that another object has"] += 1
            continue
        named.add(name)
        said.add(plain)
        sprites = {sprite: f"{tiles.name}/{name}.png" for tiles in reversed(tilesets) if (sprite := tiles.sprite(name))}
        drawn = {member: sprite for sprite, member in [*reversed(sprites.items())][:SPRITES]}
        if not drawn:
            dropped[path, "no sprite"] += 1
            continue
        items.append({"id": name, "kind": described["type"], "text": text, "pictures": list(drawn)})
        pictures |= drawn
    out.mkdir(parents=True, exist_ok=True)
    write_archive(out / "pictures.zip", pictures)
    write_lines(out / "items.jsonl", items)
    write_dropped(out / "dropped.jsonl", dropped)
    shutil.copyfile(unpacked / "usr" / "share" / "doc" / "cataclysm-dda-data" / "copyright", out / "copyright.txt")


def objects(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The game's objects of the ten kinds, each with the file that it is of, with a name and a description."""
    for path in sorted((root / "json").rglob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        for entry in content if isinstance(content, list) else [content]:
            if entry.get("type") in KINDS and isinstance(entry.get("id"), str):
                description = entry.get("description", "")
                text = description.get("str", "") if isinstance(description, dict) else description
                yield path.relative_to(root).as_posix(), {**entry, "description": text}


@dataclass(frozen=True)
class Tileset:
    """One of the game's sets of sprites: sheets whose numbers go on from the one before."""

    folder: Path

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.folder.name

    @cached_property
    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = json.loads((self.folder / "tile_config.json").read_text(encoding="utf-8"))
        return config

    @cached_property
    def _numbers(self) -> dict[str, int | None]:
        """The number of each object's sprite."""
        numbers: dict[str, int | None] = {}
        for sheet in self._config["tiles-new"]:
            for tile in sheet.get("tiles", []):
                for name in [tile["id"]] if isinstance(tile["id"], str) else tile["id"]:
                    numbers.setdefault(name, first_number(tile.get("fg")))
        return numbers

    @cached_property
    def _sheets(self) -> list[tuple[int, int, int, Image.Image]]:
        """(number of the first sprite, width, height of a sprite, all of them) of each sheet."""
        sheets, first, usual = [], 0, self._config["tile_info"][0]
        for sheet in self._config["tiles-new"]:
            picture = decode((self.folder / sheet["file"]).read_bytes(), name=sheet["file"]).convert("RGBA")
            width, height = (sheet.get(f"sprite_{side}", usual[side]) for side in ("width", "height"))
            sheets.append((first, width, height, picture))
            first += (picture.width // width) * (picture.height // height)
        return sheets

    def sprite(self, name: str) -> bytes | None:
        """The sprite of an object on white, without its transparent border, as PNG; None for none, or a blank one."""
        number = self._numbers.get(name)
        if number is None:
            return None
        first, width, height, sheet = max(each for each in self._sheets if each[0] <= number)
        row, column = divmod(number - first, sheet.width // width)
        cell = sheet.crop((column * width, row * height, (column + 1) * width, (row + 1) * height))
        border = cell.getchannel("A").getbbox()
        picture = on_white(cell.crop(border)) if border else None
        if picture is None or len(picture.getcolors(width * height) or []) == 1:
            return None
        return png(picture.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE))


def first_number(drawn: Any) -> int | None:
    """The first sprite of a tile, which names one, several, or several with weights; -1 is none."""
    while isinstance(drawn, list | dict):
        drawn = drawn.get("sprite") if isinstance(drawn, dict) else next(iter(drawn), None)
    return drawn if isinstance(drawn, int) and drawn >= 0 else None


if __name__ == "__main__":
    rebuild(__doc__, PACKAGES, version=VERSION, out=OUT, build=build)
