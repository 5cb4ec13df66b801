"""Reading, fitting and storing pictures, so that the same pictures always give the same bytes."""

import io
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from msd.errors import UserError, decoding

ZIP_DATE = (1980, 1, 1, 0, 0, 0)
DEEP = ("I", "F")
"""Pillow's modes of more than 8 bits a channel, beside those of 16."""
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


class Spool(Lazy[Image.Image]):
    """RGB pictures that wait on disk, in a file of a folder that has no name there and so ends with the process."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - open as long as the pictures are asked for
        weakref.finalize(self, self._file.close)
        self._places: dict[str, tuple[int, tuple[int, int]]] = {}
        super().__init__(self._places, self._picture)

    def put(self, name: str, picture: Image.Image) -> None:
        """Keep a picture under a name, in the place of an earlier one."""
        self._places[name] = self._file.seek(0, io.SEEK_END), picture.size
        self._file.write(picture.tobytes())

    def _picture(self, name: str) -> Image.Image:
        start, (width, height) = self._places[name]
        self._file.seek(start)
        return Image.frombytes("RGB", (width, height), self._file.read(3 * width * height))


def decode(content: bytes, *, name: str) -> Image.Image:
    """A picture from its bytes, decoded in full and upright: turned as its EXIF data says, 16 bits brought to 8.

    The mode is one of Pillow's with 8 bits or less a channel; `rgb` brings it to RGB.

    Raises:
        UserError: the picture is empty, broken, too large, or has values that no picture has.
    """
    with decoding(f"the picture {name} is broken", "fetch its source again"):
        try:
            picture = Image.open(io.BytesIO(content))
        except UnidentifiedImageError as error:
            raise OSError("no known format of pictures") from error
        except Image.DecompressionBombError as error:
            raise OSError(str(error).partition(",")[0]) from error
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        return _eight_bits(upright, name) if upright.mode in DEEP or upright.mode.startswith("I;16") else upright


def _eight_bits(picture: Image.Image, name: str) -> Image.Image:
    """A grey picture of 16 bits (or of 32 that hold no more), or of floats of 0 to 1, in 8 bits."""
    values = np.asarray(picture).astype(np.float64)
    greatest = 1.0 if picture.mode == "F" else 65535.0
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > greatest:
        raise UserError(f"the picture {name} has values outside 0 to {greatest:g}; store it with 8 or 16 bits")
    return Image.fromarray(np.rint(values * (255 / greatest)).astype(np.uint8))


def rgb(content: bytes, *, name: str) -> Image.Image:
    """A picture from its bytes as RGB, transparent parts white; raises UserError as `decode` does."""
    picture = decode(content, name=name)
    is_transparent = picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info
    with decoding(f"the picture {name} is broken", "fetch its source again"):
        return on_white(picture) if is_transparent else picture.convert("RGB")


def member(archive: zipfile.ZipFile, name: str) -> bytes:
    """One member of an archive; raises UserError naming one that is missing, damaged, encrypted or packed unusually."""
    if name not in archive.NameToInfo:
        raise UserError(f"{archive.filename} has no readable member {name!r}; delete the file and fetch it again")
    with decoding(f"the member {name!r} of {archive.filename} cannot be unpacked", "delete it and fetch it again"):
        return archive.read(name)


def open_archive(path: Path) -> zipfile.ZipFile:
    """A zip file (a wheel is one); raises UserError when it is none."""
    with decoding(f"{path} is not a readable zip file", "delete it and fetch it again"):
        return zipfile.ZipFile(path)


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
