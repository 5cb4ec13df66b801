"""Rebuild the committed OpenClipart subset, byte for byte, from two Debian packages.

    python -m msd.data.readers.openclipart_build [--packages FOLDER] [--out FOLDER]

Without --packages it runs `apt-get download openclipart-svg openclipart-png` (1:0.18+dfsg-19; no root needed).
The bytes of a PNG depend on Pillow and its zlib, so use the versions of requirements.lock.
The pictures are in the public domain (Creative Commons Public Domain Dedication).
"""

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

from msd.data.committed_subset import Record, rebuild, write_dropped, write_lines
from msd.data.near_copies import average_hash
from msd.data.pictures import decode, fit, png, write_archive
from msd.data.raw_files import COMMITTED
from msd.errors import UserError

VERSION = "1:0.18+dfsg-19"
PACKAGES = {
    "openclipart-png": "f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02",
    "openclipart-svg": "989712d90d57dfa3230049f553bb43b76c30ee4d4b8c5f6e106e33f7db5cbdc5",
}
OUT = COMMITTED / "openclipart"
SIZE = 128  # pixels, at which features are read
COLOURS = 32  # with 64 the subset would be a quarter larger
COMPARED = 64  # pixels at which near-copies are looked for
EMPTY = {"unsorted", "hash"}  # keywords that only say how a file was handled
SKIPPED = ("shapes/", "special/", "logos/", "buttons/", "unsorted/duplicates/")  # abstract, or copies


def build(unpacked: Path, out: Path) -> None:
    """Write items.jsonl, dropped.jsonl and pictures.zip of the OpenClipart files of the unpacked packages."""
    root = unpacked / "usr" / "share" / "openclipart"
    Image.MAX_IMAGE_PIXELS = None  # one drawing has 231 million pixels; the packages' sha256 vouches for it
    items: list[Record] = []
    pictures: dict[str, bytes] = {}
    dropped: Counter[tuple[str, str]] = Counter()
    seen: dict[bytes, str] = {}
    for path in sorted((root / "svg").rglob("*.svg")):
        name = path.relative_to(root / "svg").with_suffix("").as_posix()
        item = describe(path, name)
        reason = unwanted(path, item)
        if reason:
            dropped[name.rsplit("/", 1)[0] + "/", reason] += 1
            continue
        drawing = decode((root / "png" / f"{name}.png").read_bytes(), name=f"{name}.png")
        picture, key = fit(drawing, SIZE), average_hash(fit(drawing, COMPARED))
        if len(picture.getcolors(SIZE * SIZE) or []) == 1:
            dropped[name, "blank picture"] += 1
        elif key in seen:
            dropped[name, f"near-copy of: {seen[key]}"] += 1
        else:
            seen[key] = name
            items.append(item)
            pictures[f"{name}.png"] = png(picture.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE))
    out.mkdir(parents=True, exist_ok=True)
    write_archive(out / "pictures.zip", pictures)
    write_lines(out / "items.jsonl", items)
    write_dropped(out / "dropped.jsonl", dropped)


def describe(path: Path, name: str) -> Record:
    """Path, title and keywords of an SVG file from its Dublin Core metadata."""
    work = ElementTree.parse(path).getroot().find(".//{*}metadata//{*}Work")  # noqa: S314 - packages are verified
    if work is None:
        raise UserError(f"{path} has no Dublin Core metadata; is this OpenClipart {VERSION}?")
    title = " ".join((work.findtext("{*}title") or "").split())
    words = {" ".join((li.text or "").lower().split()) for li in work.findall("{*}subject/{*}Bag/{*}li")}
    return {"path": name, "title": title, "keywords": sorted(words - {""})}


def unwanted(path: Path, item: Record) -> str | None:
    """Why a file is left out before its picture is looked at, or None."""
    name, keywords = str(item["path"]), item["keywords"]
    assert isinstance(keywords, list)
    if path.is_symlink():
        return "link to another file"
    if name.startswith(SKIPPED):
        return "folder of abstract or duplicate files"
    if "theme" in name or any("theme" in keyword for keyword in keywords):
        return "icon theme"
    if not item["title"]:
        return "no title"
    return None if set(keywords) - EMPTY else "no keyword that says anything"


if __name__ == "__main__":
    rebuild(__doc__, PACKAGES, version=VERSION, out=OUT, build=build)
