"""The films of MM-IMDB: which there are, their plots and genres, and those that a label policy leaves out.

Arevalo, Solorio, Montes-y-Gómez, González, "Gated Multimodal Units", ICLR workshop 2017. mmimdb.tar.gz holds
mmimdb/split.json (train, dev, test: lists of ids), mmimdb/dataset/ID.json (plot, genres) and mmimdb/dataset/ID.jpeg.
"""

import gzip
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Literal, NamedTuple

from msd.data.findings import Findings, Row
from msd.errors import UserError, decoding

GENRES = (
    *("Drama", "Comedy", "Romance", "Thriller", "Crime", "Action", "Adventure", "Horror", "Documentary", "Mystery"),
    *("Sci-Fi", "Fantasy", "Family", "Biography", "War", "History", "Music", "Animation", "Musical", "Western"),
    *("Sport", "Short", "Film-Noir"),
)
"""The labels: from the most frequent to the rarest among all films."""
RARE = ("News", "Adult", "Talk-Show", "Reality-TV")
"""Genres of the films that are too rare to be labels."""
SPLITS = {"train": "train", "val": "dev", "test": "test"}
PUBLISHED = {"train": 15_552, "val": 2_608, "test": 7_799}
POSTERS = (".jpeg", ".jpg")
LARGEST = 2**27
"""Bytes that are read of a file in the archive; no film's is nearly as large."""
WORD = re.compile(r"\w\w")
"""What every plot has: two letters or digits, and more."""
Labels = Literal["top-23", "drop-news", "drop-rare"]
Plot = Literal["longest", "first"]
LEFT_OUT: dict[Labels, frozenset[str]] = {
    "top-23": frozenset(),
    "drop-news": frozenset({"News"}),
    "drop-rare": frozenset(RARE),
}


class Film(NamedTuple):
    """What is read of a film; `genres` are some of GENRES and of RARE."""

    name: str
    plot: str
    genres: tuple[str, ...]


def listed(content: Any, path: str | Path) -> dict[str, list[Row]]:
    """Split -> the films that split.json lists for it, by their ids; UserError where it lists none."""
    rows = {}
    for split, name in SPLITS.items():
        ids = content.get(name) if isinstance(content, dict) else None
        if not isinstance(ids, list) or not ids:
            raise UserError(f"{path} lists no films for {name!r}")
        rows[split] = [Row((str(film),), f"split.json: {name}[{index}]", str(film)) for index, film in enumerate(ids)]
    return rows


def check_sizes(rows: Mapping[str, Sequence[Row]], findings: Findings) -> None:
    """Note where split.json lists other films than the published one; UserError where it has all, divided otherwise."""
    sizes = {split: len(rows[split]) for split in PUBLISHED}
    if sizes == PUBLISHED:
        return
    own, published = (", ".join(f"{split} {size:,}" for split, size in one.items()) for one in (sizes, PUBLISHED))
    if sum(sizes.values()) == sum(PUBLISHED.values()):
        raise UserError(f"split.json divides the films into {own}, not {published}; delete the archive and fetch again")
    reason = f"not the published films: {own}; published are {published}"
    findings.add("split.json", "split.json", action="kept", reason=reason)


def usable(
    rows: Mapping[str, Sequence[Row]], read: Callable[[str], Film | str], findings: Findings
) -> Iterator[tuple[str, list[Row]]]:
    """Each split and its listed films that have a plot and genres, a row's content the film; the others are dropped.

    read: gives the film of an id, or why it is dropped, or raises UserError.
    """
    for split, own in findings.once(rows).items():
        films = []
        for row in own:
            name = row.content
            with findings.dropping(name, row.where, "cannot be read", split=split):
                film = read(name)
                if isinstance(film, str):
                    findings.drop(name, f"dataset/{name}.json", film, split=split)
                else:
                    films.append(Row(row.names, f"dataset/{name}{POSTERS[0]}", film))
        yield split, films


def parse_film(name: str, content: Any, *, plot: Plot = "longest") -> Film | str:
    """The film that the JSON of its file describes, or why it is none that can be used."""
    if not isinstance(content, dict):
        return "no JSON object"
    plots, genres = (_texts(content.get(key)) for key in ("plot", "genres"))
    chosen = next(iter(plots), "") if plot == "first" else max(plots, key=len, default="")
    text = chosen.replace("<br />", " ").strip()
    unknown = [genre for genre in genres if genre not in GENRES and genre not in RARE]
    if not WORD.search(text):
        return "no plot"
    if not genres or unknown:
        return f"no genre of MM-IMDB: {unknown[0]!r}" if unknown else "no genres"
    return Film(name, text, tuple(genres))


def _texts(value: Any) -> list[str]:
    """The texts of a value that is one, or a list of some."""
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


def by_policy(films: Mapping[str, list[Row]], labels: Labels, findings: Findings) -> dict[str, list[Row]]:
    """What a label policy leaves of the films of each split; whatever it is, no genre of RARE is a label.

    top-23: all, as in the data set's own code; a film may then have no label. drop-news: none with News, and of val and
    test none with a genre that no film of train has, as in MMBT's. drop-rare: none with a genre of RARE.
    """
    kept = {
        split: _without(rows, LEFT_OUT[labels], "left out by the label policy", findings)
        for split, rows in films.items()
    }
    if labels == "drop-news":
        unseen = {*GENRES, *RARE} - {genre for row in kept["train"] for genre in row.content.genres}
        kept |= {split: _without(kept[split], unseen, "genre unseen in train", findings) for split in ("val", "test")}
    return kept


def _without(rows: Sequence[Row], genres: Set[str], reason: str, findings: Findings) -> list[Row]:
    """The films that have none of these genres."""
    kept = []
    for row in rows:
        shared = sorted(genres & set(row.content.genres))
        if shared:
            findings.add(row.content.name, row.where, action="dropped", reason=f"{reason}: {', '.join(shared)}")
        else:
            kept.append(row)
    return kept


def archived(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a tar.gz in one pass: memory holds one at a time, and of it LARGEST bytes.

    Raises UserError for an archive that is damaged or cut short, when the pass comes to it.
    """
    with decoding(f"{path} is no whole tar.gz file", "delete it and fetch it again"), gzip.open(path) as unpacked:
        with tarfile.open(fileobj=unpacked, mode="r|") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() else None
                if file is not None:
                    yield member.name, file.read(LARGEST)
        while unpacked.read(2**20):  # up to the checksum, which tarfile does not look at
            pass
