"""`hateful-memes`: is this picture with its words hateful?

Kiela et al., "The Hateful Memes Challenge", NeurIPS 2020. The zip of either phase holds, at its top or in a folder,
<file>.jsonl with a meme a line (id, img, text, label) and the pictures, below img/ or packed in img.tar.gz. Texts recur
with both labels by intention, so memes are told apart by their ids and pictures alone.
"""

import os
import re
import tarfile
import tempfile
import zipfile
from codecs import BOM_UTF8
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, Literal, NamedTuple

from PIL import Image
from pydantic import Field

from msd.config.strict import Side
from msd.data.findings import Findings, Records, Row
from msd.data.pictures import Spool, member, open_archive, rgb
from msd.data.prepared import Prepared, Sample, hard
from msd.data.raw_files import raw_file, sha256
from msd.errors import UserError, decoding
from msd.system.text_file import parse_json

LABELS = ["not hateful", "hateful"]
VARIABLE = "MSD_HATEFUL_MEMES_PASSWORD"
"""Environment variable with the password of an encrypted zip."""
PUBLISHED = (
    "d8f1073f5fbf1b08a541cc2325fc8645619ab8ed768091fb1317d5c3a6653a77",
    "a424c003b7d4ea3f3b089168b5f5ea73b90a3ff043df4b8ff4d7ed87c51cb572",
    "6e609b8c230faff02426cf462f0c9528957b7884d68c60ebc26ff83846e5f80f",
    "c1363aae9649c79ae4abfdb151b56d3d170187db77757f3daa80856558ac367c",
)
"""sha256 of the zips that MMF's converter knows: three of the first phase, one of the second."""
FILES = {
    "seen": {"train": "train", "val": "dev_seen", "test": "test_seen"},
    "unseen": {"train": "train", "val": "dev_unseen", "test": "test_unseen"},
    "phase-1": {"train": "train", "val": "dev", "test": "test"},
}
SIZES = {
    **{"train": 8500, "dev": 500, "test": 1000},
    **{"dev_seen": 500, "dev_unseen": 540, "test_seen": 1000, "test_unseen": 2000},
}
"""Memes of each published file."""
LABELLED = re.compile(rb'"label"\s*:\s*[^\sn]')  # in JSON's strings a quote has a backslash; n is null's
IMG = re.compile(r"img/\w[\w.-]{0,99}")
LFS = b"version https://git-lfs"
AES = 99
"""Where a zip says how a member is packed: that it is encrypted in WinZip's newer way."""


class Parameters(Records):
    """Which memes are val and test, and how large their pictures are."""

    files: Literal["seen", "unseen", "phase-1"] = Field(
        description="val and test: dev_seen and test_seen, dev_unseen and test_unseen, or the first phase's dev, test"
    )
    side: Side = Field(description="pixels of the square that a picture is made smaller than")


class Meme(NamedTuple):
    """A line of a file of memes; `image` is the picture's path below the folder of that file."""

    image: str
    text: str
    label: int


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """The memes of the chosen files that have a picture; one of two splits stays in test, or else in val."""
    findings = Findings(parameters.records)
    path = raw_file(raw, "hateful_memes.zip")
    is_published = (digest := sha256(path)) in PUBLISHED
    if not is_published:
        reason = f"sha256 of no published zip: {digest}; its numbers may not compare with those of others"
        findings.add(path.name, path.name, action="noted", reason=reason)
    files, rows = FILES[parameters.files], {}
    with open_archive(path) as archive:
        folder = unlocked(archive)
        for split, content in annotations(archive, folder, parameters.files).items():
            name = f"{files[split]}.jsonl"
            rows[split] = own = read_memes(content, name, split, findings)
            findings.add(name, path.name, action="noted", reason=f"{name} as {split}", files=len(own))
            if is_published and len(own) != SIZES[files[split]]:
                sizes = f"{len(own)} memes, not {SIZES[files[split]]}, though this zip was published (sha256 {digest})"
                raise UserError(f"{name} of {path}: {sizes}; tell the authors of this package")
        rows = findings.once(rows)
        wanted = {row.content.image for own in rows.values() for row in own}
        pictures = Thumbnails(contents(archive, folder, wanted), side=parameters.side)
    splits = {split: _samples(own, split, pictures, findings) for split, own in rows.items()}
    return Prepared(splits, list(LABELS), pictures.small, findings, texts_recur=True)


def unlocked(archive: zipfile.ZipFile) -> str:
    """The folder of train.jsonl in the zip, "" or one that ends with a slash; an encrypted zip has its password then.

    Raises:
        UserError: there is no train.jsonl, or no password that opens the zip.
    """
    source = _name(archive)
    files = [name for name in archive.namelist() if name.rsplit("/", 1)[-1] == "train.jsonl"]
    if not files:
        raise UserError(f"{source} holds no train.jsonl; is it the zip of Hateful Memes?")
    train = min(files, key=lambda name: name.count("/"))
    encrypted = [info for info in archive.infolist() if info.flag_bits & 1 and info.file_size]
    if encrypted:
        first = min(encrypted, key=lambda info: info.file_size)
        if first.compress_type == AES:
            raise UserError(f"{source} is encrypted with AES, which is not read here; zip its content anew, without it")
        if not (password := os.environ.get(VARIABLE)):
            raise UserError(f"{source} is encrypted; set the environment variable {VARIABLE} to its password")
        archive.setpassword(os.fsencode(password))
        what = f"{source} does not open with the password in {VARIABLE}"
        with decoding(what, "correct that variable, or fetch the file again"):
            archive.read(first)
    return train.removesuffix("train.jsonl")


def annotations(archive: zipfile.ZipFile, folder: str, chosen: str) -> dict[str, bytes]:
    """Split -> its file of memes; UserError, which says what to choose, for one that is missing or has no labels."""
    source, files = _name(archive), FILES[chosen]
    there = [stem for stem in SIZES if f"{folder}{stem}.jsonl" in archive.NameToInfo]
    for stem in files.values():
        if stem not in there:
            raise UserError(f"{source} has no {stem}.jsonl but {_listed(there)}; {_choice(there)}")
    contents = {stem: member(archive, f"{folder}{stem}.jsonl") for stem in files.values()}
    for split, stem in files.items():
        if not LABELLED.search(contents[stem]):
            labelled = [each for each in there if LABELLED.search(member(archive, f"{folder}{each}.jsonl"))]
            what = f"{stem}.jsonl of {source} has no labels, so that it cannot be {split}"
            raise UserError(f"{what}; labels are in {_listed(labelled)}: {_choice(labelled)}")
    return {split: contents[stem] for split, stem in files.items()}


def _name(archive: zipfile.ZipFile) -> str:
    return Path(str(archive.filename)).name


def _listed(stems: Iterable[str]) -> str:
    return ", ".join(f"{stem}.jsonl" for stem in stems) or "no file"


def _choice(stems: Iterable[str]) -> str:
    """What to do where these files alone can be used."""
    fitting = [name for name, files in FILES.items() if set(files.values()) <= set(stems)]
    return f"write `files: {fitting[0]}`" if fitting else "bring a zip that has train, dev and test files with labels"


def read_memes(content: bytes, name: str, split: str, findings: Findings) -> list[Row]:
    """The memes of a file, named by their ids and pictures, in its order; bad lines are dropped."""
    if content.startswith(BOM_UTF8):
        findings.add("line 1", f"{name}:1", action="repaired", reason="byte order mark")
    lines = content.removesuffix(b"\n").split(b"\n")
    returns = [number for number, line in enumerate(lines, start=1) if line.endswith(b"\r")]
    if returns:
        reason, count = "CRLF at the end of a line", len(returns)
        findings.add(f"{count} lines", f"{name}:{returns[0]}", action="repaired", reason=reason, files=count)
    rows, different = [], defaultdict[str, set[Meme]](set)
    for number, line in enumerate(lines, start=1):
        where = f"{name}:{number}"
        if not line.strip():
            findings.drop(f"line {number}", where, "blank line", split=split)
            continue
        with findings.dropping(f"line {number}", where, "not JSON", split=split):
            meme = _meme(entry := parse_json(line, where))
            if isinstance(meme, str):
                findings.drop(f"line {number}", where, meme, split=split)
                continue
            rows.append(Row((str(entry["id"]), meme.image), where, meme))
            different[str(entry["id"])].add(meme)
    unlike = [row for row in rows if len(different[row.names[0]]) > 1]
    for row in unlike:
        findings.drop(row.names[0], row.where, "id of several memes, which differ", split=split)
    kept = [row for row in rows if len(different[row.names[0]]) == 1]
    findings.check_share(split, len(kept))
    return kept


def _meme(entry: Any) -> Meme | str:
    """A meme, or why a line is none."""
    if not isinstance(entry, dict):
        return "no JSON object"
    number, image, text, label = (entry.get(key) for key in ("id", "img", "text", "label"))
    if type(number) is not int or number < 0:
        return f"id is no whole number: {shortened(number)}"
    if not isinstance(image, str) or not IMG.fullmatch(image):
        return f"img names no picture below img/: {shortened(image)}"
    if not isinstance(text, str):
        return "text is no text"
    if not text.strip():
        return "empty text"
    if label is None:
        return "no label"
    if type(label) is not int or label not in (0, 1):
        return f"label is neither 0 nor 1: {shortened(label)}"
    return Meme(image, " ".join(text.split()), label)


def contents(archive: zipfile.ZipFile, folder: str, wanted: set[str]) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """(name, what reads it) of each wanted picture that is there: first those below img/, then those in img.tar.gz."""
    inside = sorted(name for name in wanted if f"{folder}{name}" in archive.NameToInfo)
    for name in inside:
        yield name, partial(member, archive, f"{folder}{name}")
    rest, packed = wanted.difference(inside), f"{folder}img.tar.gz"
    if rest and packed in archive.NameToInfo:
        with (
            decoding(f"{packed} of {archive.filename} cannot be unpacked", "delete that file and fetch it again"),
            archive.open(packed) as stream,
            tarfile.open(fileobj=stream, mode="r|gz") as tar,
        ):
            for entry in tar:
                name = entry.name.removeprefix("./")
                if entry.isfile() and name in rest:
                    rest.remove(name)
                    yield name, partial(_unpacked, tar, entry)


def _unpacked(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    with decoding(f"{entry.name} of img.tar.gz cannot be unpacked"):
        content = tar.extractfile(entry)
        assert content is not None, "a file"
        return content.read()


class Thumbnails:
    """Pictures that were read once, made smaller, and wait on the disk.

    To read them again would cost: an encrypted zip gives a megabyte or two a second, img.tar.gz only all in order.

    Attributes:
        small: name -> picture.   faults: name -> why a picture that is there cannot be used, or "".
    """

    def __init__(self, pictures: Iterable[tuple[str, Callable[[], bytes]]], *, side: int) -> None:
        self.faults: dict[str, str] = {}
        self.small = Spool(Path(tempfile.gettempdir()))
        for name, read in pictures:
            picture = _picture(read, name)
            self.faults[name] = picture if isinstance(picture, str) else ""
            if not isinstance(picture, str):
                picture.thumbnail((side, side))
                self.small.put(name, picture)


def _picture(read: Callable[[], bytes], name: str) -> Image.Image | str:
    """A picture, or why it cannot be used."""
    try:
        content = read()
        if not content:
            return f"empty picture: {name}"
        return f"Git LFS pointer for a picture: {name}" if content.startswith(LFS) else rgb(content, name=name)
    except UserError as error:
        return f"broken picture: {error}"


def _samples(rows: list[Row], split: str, pictures: Thumbnails, findings: Findings) -> list[Sample]:
    """The memes whose pictures can be used."""
    missing = {row.names[0] for row in rows if row.content.image not in pictures.faults}
    if missing and missing == {row.names[0] for row in rows if row.names[0][-1] in "89"}:
        reason = f"no pictures of ids that end in 8 or 9, as in a mirror: {len(missing)} of {len(rows)} of {split}"
        findings.add("hateful_memes.zip", rows[0].where.partition(":")[0], action="noted", reason=reason)
    samples = []
    for row in rows:
        uid, image = row.names
        if uid in missing:
            findings.drop(uid, row.where, f"missing picture: {image}", split=split)
        elif fault := pictures.faults[image]:
            findings.drop(uid, row.where, fault, split=split)
        else:
            samples.append(hard(uid, image, row.content.text, row.content.label))
    findings.check_share(split, len(samples))
    if len({sample.target for sample in samples}) == 1:
        reason = f"one class alone in {split}: its AUROC is undefined"
        findings.add(split, rows[0].where.partition(":")[0], action="noted", reason=reason)
    return samples
