"""Reader of Tux Paint's stamps: of what kind is a thing that is shown, named in English and spoken in another language?

Debian's package tuxpaint-stamps-default, GPL-2, puts them into /usr/share/tuxpaint/stamps; below a folder for each kind
<stamp>.png, <stamp>.txt (its first line is the English name) and <stamp>_desc_<language>.ogg, read by a person.
"""

import re
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from msd.config.strict import Seed, Side
from msd.data.findings import Findings, Row
from msd.data.pictures import decode, fit
from msd.data.raw_files import sha256
from msd.data.readers.tux_kind import KINDS
from msd.data.sound import power
from msd.data.splits import Shares, prefix, split_by_group
from msd.errors import UserError
from msd.mfh.crossmodal.files import fitted, normalised, partners_below, pixels, recorded
from msd.mfh.crossmodal.reader import DataReader, ReaderName
from msd.mfh.crossmodal.samples import Samples, gathered, standardised
from msd.system.text_file import read_lines

SHARES = Shares(train=0.65, val=0.15, test=0.2)
RATE, SECONDS, WINDOW, HOP, SIDE = 11_025, 2, 256, 128, 32
GRAMS, LENGTHS = 3000, (2, 4)  # of letters inside words


class TuxPaint(DataReader):
    """Tux Paint's stamps."""

    modalities = ("image", "text", "speech")
    metric = "accuracy"
    reader: ReaderName[Literal["tux-paint"]] = "tux-paint"
    language: Literal["es", "fr"] = Field("fr", description="language of the speech")
    size: Side = Field(48, description="pixels of a picture's side")
    seed: Seed = Field(1, description="seed of the split")

    def read(self, folder: Path) -> dict[str, Samples]:
        """The splits train, val and test: image (N, 3, size, size), text (N, W), speech (N, 1, 32, 32), label (N,).

        text: weights (TF-IDF) of groups of letters. speech: log power of two seconds, bands by moments. Stamps that
        differ by a number at the end of their name are in one split; left out are stamps without all three modalities,
        and of those that show one picture all but the first.

        Raises:
            UserError: there is no stamp with all three, a kind has none, or most stamps are broken.
        """
        return standardised(_read(folder, self.language, self.size, self.seed, self.findings), "speech")

    def classes(self, folder: Path) -> int:
        """The kinds of stamps."""
        return len(KINDS)


def _read(folder: Path, language: str, size: int, seed: int, findings: Findings) -> dict[str, Samples]:
    files = _files(folder, (f"_desc_{language}.ogg", ".png", ".txt"), findings)
    stamps: dict[str, str] = {}
    pictures: dict[str, str] = {}
    for name, (_, picture, text) in files.items():
        with findings.dropping(name, f"{name}.txt", "no name", split="names"):
            first = pictures.setdefault(sha256(picture), name)
            if first == name:
                stamps[name] = _name(text)
            else:
                findings.drop(name, f"{name}.png", f"picture given twice: {first}.png", split="names")
    findings.check_share("names", len(stamps))
    kinds = {name: Path(name).parts[0] for name in stamps}
    missing = [kind for kind in KINDS if kind not in kinds.values()]
    if missing:
        raise UserError(
            f"{folder} has no stamp of {missing[0]} with a picture, a name and {language!r} speech; "
            "install tuxpaint-stamps-default and give /usr/share/tuxpaint/stamps"
        )

    def read(name: str) -> dict[str, Tensor]:
        speech, picture, _ = files[name]
        kind = torch.tensor(KINDS.index(kinds[name]))
        return {"image": normalised(_picture(picture, size)), "speech": _speech(speech), "label": kind}

    groups = {name: str(Path(name).parent / prefix(Path(name).name)) for name in kinds}
    splits, texts = {}, {}
    for split, names in split_by_group(groups, kinds, shares=SHARES, seed=seed).items():
        splits[split], kept = gathered([Row((name,), name, name) for name in names], read, findings, split=split)
        texts[split] = [stamps[row.content] for row in kept]
    grams = _grams(texts)
    for split, part in splits.items():
        own = {"image": part.inputs["image"], "text": grams[split], "speech": part.inputs["speech"]}
        splits[split] = part._replace(inputs=own)
    return splits


def _files(folder: Path, endings: tuple[str, ...], findings: Findings) -> dict[str, tuple[Path, ...]]:
    """Place of a stamp of the kinds -> its files in the order of the endings, where all are there."""
    partners = {stamp.relative_to(folder): own for stamp, own in partners_below(folder, endings, findings).items()}
    whole = {place: own for place, own in partners.items() if place.parts[0] in KINDS and len(own) == len(endings)}
    by_speech = sorted(whole.items(), key=lambda item: (item[1][endings[0]].stem, item[0]))
    return {str(place): tuple(own[ending] for ending in endings) for place, own in by_speech}


def _name(path: Path) -> str:
    """The English name: the first line of a stamp's text."""
    lines = [line for _, line in read_lines(path)]
    if not lines or not re.search(r"\w", lines[0]):
        raise UserError(f"{path} has no name in its first line; install its package again")
    return lines[0]


def _grams(names: dict[str, list[str]]) -> dict[str, Tensor]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=LENGTHS, max_features=GRAMS, dtype=np.float32)
    vectorizer.fit(names["train"])
    return {split: torch.from_numpy(vectorizer.transform(part).toarray()) for split, part in names.items()}


def _picture(path: Path, size: int) -> Tensor:
    """uint8 (3, size, size), transparent parts white."""
    return pixels(fit(decode(path.read_bytes(), name=str(path)), size))


def _speech(path: Path) -> Tensor:
    """log power (1, SIDE, SIDE) of a recording's first seconds; UserError for a broken or empty one."""
    wave = recorded(path, RATE)
    if not bool(wave.any()):
        raise UserError(f"the recording {path} is silent; install its package again")
    spectrum = power(fitted(wave, SECONDS * RATE), window=WINDOW, hop=HOP)
    return F.adaptive_avg_pool2d(spectrum[None, 1:], SIDE).clamp_min(1e-8).log()
