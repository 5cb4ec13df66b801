"""The archive of MM-IMDB in the published layout, of films that nobody made."""

import gzip
import io
import json
import tarfile
from typing import Any

from PIL import Image

COLOURS = {"RGB": (250, 10, 10), "L": 90, "CMYK": (0, 250, 250, 0)}
Files = dict[str, bytes]


def film(name: str, **changes: Any) -> bytes:
    """The JSON of a film by its number, as it was collected: odd ones are comedies, even ones dramas."""
    content = {
        "plot": [f"Short {name}.", f"A longer plot<br />with an é, {name}."],
        "votes": 1335,
        "title": f"Film {name}",
        "smart canonical title": f"Film {name}",
        "certificates": ["USA:Unrated"],
        "genres": ["Comedy", "Romance"] if int(name) % 2 else ["War", "Drama"],
    }
    return json.dumps(content | changes, indent=4).encode()


def poster(form: str = "JPEG", *, mode: str = "RGB", size: tuple[int, int] = (100, 148)) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, COLOURS[mode]).save(buffer, form)  # type: ignore[arg-type]
    return buffer.getvalue()


def huge_poster() -> bytes:
    """A JPEG whose header promises 60,000 × 60,000 pixels."""
    content = poster()
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + (60_000).to_bytes(2, "big") * 2 + content[place + 4 :]


def packed(files: Files) -> bytes:
    """A tar.gz of the members and of their folders."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        for folder in ("mmimdb", "mmimdb/dataset"):
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
