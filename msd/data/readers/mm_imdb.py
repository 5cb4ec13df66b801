"""`mm-imdb`: which of 23 genres does the film of this poster and plot have?

The archive (8.1 GB) has no random access, and split.json may stand behind the films: it is read once, from front to
end. Plots and genres stay in memory; posters are made small and wait in a file beside the archive.
"""

import re
from pathlib import Path, PurePosixPath

from pydantic import Field

from msd.config.strict import Side
from msd.data.findings import Findings, Records, Row
from msd.data.pictures import Spool, rgb
from msd.data.prepared import Prepared, Sample, hard
from msd.data.raw_files import below, raw_file
from msd.data.readers.films import (
    GENRES,
    POSTERS,
    WORD,
    Film,
    Labels,
    Plot,
    archived,
    by_policy,
    check_sizes,
    listed,
    parse_film,
    usable,
)
from msd.errors import UserError
from msd.system.text_file import parse_json

MARKUP = re.compile(r"<br\s*/?>|(?:https?://|www\.)[^\s<]+", re.IGNORECASE)
"""Of plots: line breaks and addresses."""


class Parameters(Records):
    """Which films are kept, and what is read of them."""

    labels: Labels = Field(
        description="the 23 genres are the labels; top-23: of all films, also those that have none of them (GMU); "
        "drop-news: without films of News and, in val and test, of a genre that train lacks (MMBT); "
        "drop-rare: without films of the four other genres"
    )
    plot: Plot = Field(
        description="of several plots of a film: the longest, as GMU and MMBT take it, or the first (MMF)"
    )
    side: Side = Field(description="pixels of the square that a poster is made smaller than")


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """The films of split.json that have a plot, genres and a whole poster, less those that the label policy drops."""
    findings = Findings(parameters.records)
    archive = Archive(raw_file(raw, "mmimdb"), side=parameters.side, plot=parameters.plot)
    rows = archive.listed()
    check_sizes(rows, findings)
    films: dict[str, list[Row]] = {}
    for split, own in usable(rows, archive.film, findings):
        films[split] = []
        for row in own:
            if fault := archive.poster_fault(row.content.name):
                findings.drop(row.content.name, row.where, fault, split=split)
            else:
                films[split].append(row)
        findings.check_share(split, len(films[split]))
    kept = by_policy(films, parameters.labels, findings)
    splits = {split: [_sample(row.content) for row in own] for split, own in kept.items()}
    for split, own in kept.items():
        for row, sample in zip(own, splits[split], strict=True):
            if not sample.target:
                reason = "no genre among the labels: all of its targets are 0"
                findings.add(sample.uid, row.where, action="kept", reason=reason)
    return Prepared(splits, list(GENRES), archive.posters, findings)


class Archive:
    """What is kept of mmimdb.tar.gz: its films, why others cannot be used, and `posters` by name, made small."""

    def __init__(self, path: Path, *, side: int, plot: Plot) -> None:
        self._path, self._side, self._plot = path, side, plot
        self._splits: bytes | None = None
        self._films: dict[str, Film | str] = {}
        self._faults: dict[str, str] = {}
        self.posters = Spool(path.parent)
        for name, content in archived(path):
            place = PurePosixPath(name)
            if place.name == "split.json":
                self._splits = content
            elif place.parent.name == "dataset" and place.suffix.lower() == ".json":
                self._films[place.stem] = self._read_film(place.stem, content)
            elif place.parent.name == "dataset" and place.suffix.lower() in POSTERS:
                self._faults[place.stem] = self._keep_poster(place.stem, content)

    def listed(self) -> dict[str, list[Row]]:
        """Split -> the films that split.json lists for it."""
        name = f"split.json of {self._path}"
        if self._splits is None:
            raise UserError(f"there is no {name}; delete the archive and fetch it again")
        return listed(parse_json(self._splits, name), name)

    def film(self, name: str) -> Film | str:
        """The film of an id, or why it cannot be used; UserError for an id that is no file's name."""
        below(self._path, f"{name}.json")
        return self._films.get(name, f"no file: {self._path} has no dataset/{name}.json")

    def poster_fault(self, name: str) -> str:
        """Why the poster of a film cannot be used; "" for one that can."""
        return self._faults.get(name, f"no poster: {self._path} has no dataset/{name}{POSTERS[0]}")

    def _read_film(self, name: str, content: bytes) -> Film | str:
        try:
            film = parse_film(name, parse_json(content, f"dataset/{name}.json"), plot=self._plot)
        except UserError as error:
            return f"cannot be read: {error}"
        if isinstance(film, str):
            return film
        text = " ".join(MARKUP.sub(" ", film.plot).split())
        return film._replace(plot=text) if WORD.search(text) else "no plot"

    def _keep_poster(self, name: str, content: bytes) -> str:
        try:
            poster = rgb(content, name=f"dataset/{name}{POSTERS[0]}")
        except UserError as error:
            return f"broken poster: {error}"
        if min(poster.size) == 1:
            return f"poster of nothing: it has {poster.width} × {poster.height} pixels"
        poster.thumbnail((self._side, self._side))
        self.posters.put(f"{name}.png", poster)
        return ""


def _sample(film: Film) -> Sample:
    labels = (place for place, genre in enumerate(GENRES) if genre in film.genres)
    return hard(film.name, f"{film.name}.png", film.plot, *labels)
