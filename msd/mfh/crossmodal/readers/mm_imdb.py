"""Reader of MM-IMDB: which of 23 genres has a film? The text of its plot and its poster.

Arevalo, Solorio, Montes-y-Gómez, González, "Gated Multimodal Units", ICLR workshop 2017; posters and plots belong to
their owners. Two layouts are read:

- mmimdb.tar.gz: split.json (train, dev, test: lists of ids), dataset/ID.json (plot, genres), dataset/ID.jpeg.
- multimodal_imdb.hdf5: the mean word vectors `features`, `vgg_features` or `images`, `genres`, the attribute `split`.

As in the data set's own code, the longest plot counts and only the 23 genres that it lists; a film that has none of
them keeps its place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from msd.config.strict import Count
from msd.errors import UserError
from msd.mfh.crossmodal.files import normalised, picture
from msd.mfh.crossmodal.reader import DataReader
from msd.mfh.crossmodal.samples import Samples
from msd.text_file import read_text

GENRES = (
    *("Drama", "Comedy", "Romance", "Thriller", "Crime", "Action", "Adventure", "Horror", "Documentary", "Mystery"),
    *("Sci-Fi", "Fantasy", "Family", "Biography", "War", "History", "Music", "Animation", "Musical", "Western"),
    *("Sport", "Short", "Film-Noir"),
)
UNUSED = ("News", "Adult", "Talk-Show", "Reality-TV")
"""Genres of the films that are too rare to be labels."""
SPLITS = {"train": "train", "val": "dev", "test": "test"}
HDF5 = "multimodal_imdb.hdf5"
Image = Literal["vgg_features", "images"]


class MmImdb(DataReader):
    """MM-IMDB."""

    modalities = ("text", "image")
    metric = "micro_f1"
    reader: Literal["mm-imdb"] = "mm-imdb"
    size: tuple[Count, Count] = Field((256, 160), description="height and width of a poster in pixels")
    words: Count = Field(5000, description="most frequent words of the training plots that are counted")
    image: Image = Field("vgg_features", description="which pictures of the HDF5 file, if there is one")

    def read(self, folder: Path) -> dict[str, Samples]:
        """The splits train, val and test; label (N, 23) float32 of 0 and 1, in the order of GENRES.

        text: (N, W) weights (TF-IDF) of the training plots' W ≤ `words` most frequent words, or mean word vectors
        (N, 300) of the HDF5 file. image: (N, 3, *size), or of that file, whichever `image` names, (N, 4096) or
        (N, 3, 256, 160).

        Raises:
            UserError: a file is missing or broken, a film has no plot, poster or genres, a genre or split is unknown.
        """
        if (folder / HDF5).is_file():
            return _read_hdf5(folder / HDF5, self.image)
        return _read_files(folder, self.size, self.words)

    def classes(self, folder: Path) -> int:
        """The genres."""
        return len(GENRES)


def _read_files(folder: Path, size: tuple[int, int], words: int) -> dict[str, Samples]:
    ids = _ids(folder)
    films = {split: [_film(folder / "dataset" / f"{name}.json") for name in names] for split, names in ids.items()}
    text = _weights({split: [plot for plot, _ in part] for split, part in films.items()}, words)
    return {
        split: Samples(
            {"text": text[split], "image": normalised(_posters(folder, ids[split], size))},
            torch.stack([label for _, label in part]),
        )
        for split, part in films.items()
    }


def _ids(folder: Path) -> dict[str, list[str]]:
    path = folder / "split.json"
    if not path.is_file():
        raise UserError(f"{folder} has neither split.json nor {HDF5}; unpack mmimdb.tar.gz there")
    content = _json(path)
    found: dict[str, Any] = {split: content.get(name) for split, name in SPLITS.items()}
    for split, ids in found.items():
        if not isinstance(ids, list) or not ids:
            raise UserError(f"{path} lists no films for {SPLITS[split]!r}")
    every = [name for ids in found.values() for name in ids]
    if len(set(every)) < len(every):
        twice = next(name for name in every if every.count(name) > 1)
        raise UserError(f"{path} lists the film {twice} twice")
    return {split: list(map(str, ids)) for split, ids in found.items()}


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"there is no file {path}, which split.json lists")
    text = read_text(path)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object")
    return content


def _film(path: Path) -> tuple[str, Tensor]:
    """A film's longest plot and its genres (23,)."""
    content = _json(path)
    plots = content.get("plot", [])
    plot = max([plots] if isinstance(plots, str) else plots, key=len, default="").replace("<br />", " ").strip()
    genres = content.get("genres", [])
    if not plot or not genres:
        raise UserError(f"{path} has no {'genres' if plot else 'plot'}; fetch it again, or take it out of split.json")
    unknown = [genre for genre in genres if genre not in GENRES and genre not in UNUSED]
    if unknown:
        raise UserError(f"{path}: {unknown[0]!r} is no genre of MM-IMDB")
    return plot, torch.tensor([float(genre in genres) for genre in GENRES])


def _weights(plots: dict[str, list[str]], words: int) -> dict[str, Tensor]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(max_features=words, dtype=np.float32).fit(plots["train"])
    return {split: torch.from_numpy(vectorizer.transform(texts).toarray()) for split, texts in plots.items()}


def _posters(folder: Path, ids: list[str], size: tuple[int, int]) -> Tensor:
    return torch.stack([picture(folder / "dataset" / f"{name}.jpeg", size) for name in ids])


def _read_hdf5(path: Path, image: Image) -> dict[str, Samples]:
    try:
        file = h5py.File(path)
    except OSError as error:
        raise UserError(f"{path} is no HDF5 file ({error}); fetch it again") from error
    with file:
        for name in ("features", image, "genres"):
            if name not in file:
                raise UserError(f"{path} has no data set {name!r}; fetch it again")
        columns = _columns(path, file["genres"].attrs.get("target_names", "[]"))
        ranges = _ranges(path, file.attrs.get("split"))
        splits = {}
        for split, (start, stop) in ranges.items():
            text, pictures, genres = (
                torch.from_numpy(file[name][start:stop]).float() for name in ("features", image, "genres")
            )
            if not bool(torch.isfinite(text).all()) or not bool(torch.isfinite(pictures).all()):
                raise UserError(f"{path}: features of the split {split} are not finite; fetch it again")
            shown = normalised(pictures) if image == "images" else pictures
            splits[split] = Samples({"text": text, "image": shown}, genres[:, columns])
    return splits


def _columns(path: Path, names: str | bytes) -> list[int]:
    """The columns of the file, in the order of GENRES."""
    stored = json.loads(names)
    if sorted(stored) != sorted(GENRES):
        raise UserError(f"{path}: the genres {stored} are not MM-IMDB's {len(GENRES)}")
    return [stored.index(genre) for genre in GENRES]


def _ranges(path: Path, table: Any) -> dict[str, tuple[int, int]]:
    """Split -> its first row and the one after its last, from the table that the attribute `split` holds."""
    rows = [] if table is None else [row for row in table if row["source"] == b"features"]
    found = {row["split"].decode(): (int(row["start"]), int(row["stop"])) for row in rows}
    if not set(SPLITS.values()) <= set(found):
        raise UserError(f"{path}: its attribute 'split' must name {', '.join(SPLITS.values())}; fetch it again")
    return {split: found[name] for split, name in SPLITS.items()}
