"""Reader of MM-IMDB: which of 23 genres has a film? The text of its plot and its poster.

Arevalo, Solorio, Montes-y-Gómez, González, "Gated Multimodal Units", ICLR workshop 2017; posters and plots belong to
their owners. Two layouts are read:

- mmimdb.tar.gz: split.json (train, dev, test: lists of ids), dataset/ID.json (plot, genres), dataset/ID.jpeg.
- multimodal_imdb.hdf5: the mean word vectors `features`, `vgg_features` or `images`, `genres`, the attribute `split`.

As in the data set's own code, the longest plot counts and only the 23 genres that it lists; a film that has none of
them keeps its place.
"""

from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from msd.config.strict import Count, Sides
from msd.data.findings import Findings, Row
from msd.data.raw_files import below
from msd.data.readers.films import GENRES, POSTERS, SPLITS, Film, listed, parse_film, usable
from msd.errors import UserError, decoding
from msd.mfh.crossmodal.files import normalised, partners_below, picture
from msd.mfh.crossmodal.reader import DataReader, ReaderName
from msd.mfh.crossmodal.samples import Samples, gathered
from msd.system.text_file import parse_json, read_json

HDF5 = "multimodal_imdb.hdf5"
SHAPES = {"features": (300,), "vgg_features": (4096,), "images": (3, 256, 160), "genres": (len(GENRES),)}
Image = Literal["vgg_features", "images"]


class MmImdb(DataReader):
    """MM-IMDB."""

    modalities = ("text", "image")
    metric = "micro_f1"
    reader: ReaderName[Literal["mm-imdb"]] = "mm-imdb"
    size: Sides = Field((256, 160), description="height and width of a poster in pixels")
    words: Count = Field(5000, description="most frequent words of the training plots that are counted")
    image: Image = Field("vgg_features", description="which pictures of the HDF5 file, if there is one")

    def read(self, folder: Path) -> dict[str, Samples]:
        """The splits train, val and test; label (N, 23) float32 of 0 and 1, in the order of GENRES.

        text: (N, W) weights (TF-IDF) of the training plots' W ≤ `words` most frequent words, or mean word vectors
        (N, 300) of the HDF5 file. image: (N, 3, *size), or of that file, whichever `image` names, (N, 4096) or
        (N, 3, 256, 160).

        Raises:
            UserError: split.json or the HDF5 file is missing or broken, or most films of a split are bad.
        """
        if (folder / HDF5).is_file():
            return _read_hdf5(folder / HDF5, self.image, self.findings)
        return _read_files(folder, self.size, self.words, self.findings)

    def classes(self, folder: Path) -> int:
        """The genres."""
        return len(GENRES)


def _read_files(folder: Path, size: tuple[int, int], words: int, findings: Findings) -> dict[str, Samples]:
    place = folder / "dataset"
    files = partners_below(place, (".json", *POSTERS), findings)

    def described(name: str) -> Film | str:
        named = below(place, f"{name}.json")
        return parse_film(name, read_json(files.get(place / name, {}).get(".json", named)))

    def read(film: Film) -> dict[str, Tensor]:
        own = files.get(place / film.name, {})
        poster = next((own[ending] for ending in POSTERS if ending in own), place / f"{film.name}{POSTERS[0]}")
        label = torch.tensor([float(genre in film.genres) for genre in GENRES])
        return {"image": normalised(picture(poster, size)), "label": label}

    splits, plots = {}, {}
    for split, films in usable(_listed(folder), described, findings):
        splits[split], kept = gathered(films, read, findings, split=split)
        plots[split] = [row.content.plot for row in kept]
    text = _weights(plots, words)
    return {name: Samples({"text": text[name], **part.inputs}, part.label) for name, part in splits.items()}


def _listed(folder: Path) -> dict[str, list[Row]]:
    path = folder / "split.json"
    if not path.is_file():
        raise UserError(f"{folder} has neither split.json nor {HDF5}; unpack mmimdb.tar.gz there")
    return listed(read_json(path), path)


def _weights(plots: dict[str, list[str]], words: int) -> dict[str, Tensor]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(max_features=words, dtype=np.float32).fit(plots["train"])
    return {split: torch.from_numpy(vectorizer.transform(texts).toarray()) for split, texts in plots.items()}


def _read_hdf5(path: Path, image: Image, findings: Findings) -> dict[str, Samples]:
    what = f"{path} is no HDF5 file of MM-IMDB"
    with decoding(what):
        opened = h5py.File(path)
    with opened as file:
        with decoding(what):
            fields = _fields(file, ("features", image, "genres"))
            names, table = fields["genres"].attrs.get("target_names", "[]"), file.attrs.get("split")
            length = len(fields["features"])
        columns = _columns(path, names)
        rows = {
            split: [Row((str(row),), f"{HDF5}: row {row}", row) for row in range(start, stop)]
            for split, (start, stop) in _ranges(path, table, length).items()
        }

        def read(row: int) -> dict[str, Tensor] | str:
            with decoding(f"row {row} of {path} is broken"):
                text, shown, genres = (
                    torch.from_numpy(np.asarray(field[row], np.float32)) for field in fields.values()
                )
            if not bool(torch.isfinite(text).all()) or not bool(torch.isfinite(shown).all()):
                return "features that are not finite"
            if not set(genres.tolist()) <= {0, 1}:
                return "genres that are not 0 or 1"
            return {"text": text, "image": normalised(shown) if image == "images" else shown, "label": genres[columns]}

        once = findings.once(rows)
        return {split: gathered(once[split], read, findings, split=split)[0] for split in rows}


def _fields(file: h5py.File, names: tuple[str, ...]) -> dict[str, h5py.Dataset]:
    """The data sets by name; UserError for one that is missing or has another shape than all rows of the file."""
    for name in names:
        if not isinstance(file.get(name), h5py.Dataset):
            raise UserError(f"{file.filename} has no data set {name!r}; fetch it again")
    length = next(iter(file["features"].shape), 0)
    for name in names:
        if file[name].shape != (length, *SHAPES[name]):
            raise UserError(
                f"{file.filename}: {name!r} has the shape {file[name].shape}, not {(length, *SHAPES[name])}"
            )
    return {name: file[name] for name in names}


def _columns(path: Path, stored: Any) -> list[int]:
    """The columns of the file, in the order of GENRES; names are stored as JSON or as an array of texts."""
    names = parse_json(stored, f"{path}: genres") if isinstance(stored, str | bytes) else _decoded(stored)
    if not isinstance(names, list) or sorted(map(str, names)) != sorted(GENRES):
        raise UserError(f"{path}: the genres {names} are not MM-IMDB's {len(GENRES)}")
    return [names.index(genre) for genre in GENRES]


def _decoded(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in np.ravel(values)]


def _ranges(path: Path, table: Any, length: int) -> dict[str, tuple[int, int]]:
    """Split -> its first row and the one after its last, from the table that the attribute `split` holds."""
    fields = getattr(getattr(table, "dtype", None), "names", None) or ()
    stored = {}
    if {"split", "source", "start", "stop"} <= set(fields):
        names, sources = _decoded(table["split"]), _decoded(table["source"])
        ends = zip(names, sources, np.ravel(table["start"]).tolist(), np.ravel(table["stop"]).tolist(), strict=True)
        stored = {name: (start, stop) for name, source, start, stop in ends if source == "features"}
    if not set(SPLITS.values()) <= set(stored):
        raise UserError(f"{path}: its attribute 'split' must name {', '.join(SPLITS.values())}; fetch it again")
    ranges = {split: stored[name] for split, name in SPLITS.items()}
    if not all(0 <= start < stop <= length for start, stop in ranges.values()):
        raise UserError(f"{path}: its attribute 'split' has rows outside 0 to {length}; fetch it again")
    return ranges
