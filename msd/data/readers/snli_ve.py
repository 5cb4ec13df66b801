"""`snli-ve`: does a picture entail a sentence, contradict it, or neither?

Xie, Lai, Doran, Kadav, "Visual Entailment", arXiv 1901.06706, 2019: the pairs of SNLI, whose premises are captions of
Flickr30k, with the picture in the place of its caption. They are made here from SNLI and the authors' lists of
pictures, by the rule of their generator, or read where snli_ve_{train,dev,test}.jsonl are given instead. A text is the
hypothesis alone: with its premise, a caption, from which people chose the label, the picture is hardly needed.
"""

import hashlib
import json
import sys
import tarfile
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from PIL import Image
from pydantic import Field

from msd.config.strict import Seed, Side
from msd.data import SPLITS
from msd.data.findings import Findings, Records, Row
from msd.data.pictures import Lazy, member, open_archive, rgb
from msd.data.prepared import Prepared, Sample, hard
from msd.data.randomness import hashed_order
from msd.data.raw_files import raw_file, sha256
from msd.data.splits import Counts
from msd.errors import UserError, decoding
from msd.system.text_file import parse_json, read_lines

PARTS = {"train": "train", "val": "dev", "test": "test"}
"""Split -> its name in files, SNLI's in the order in which their rows are read."""
LABELS = ("entailment", "neutral", "contradiction")
DEV_PICTURES = 1000
"""Ids at the end of flickr30k_train_val.lst that are those of dev."""
PUBLISHED = "afb3d70a5af5d8de0d9d81e2637e0fb8c22d1235c2749d83125ca43dab0dbd3e"
"""The sha256 of SNLI as published, of which `SIZES` is known."""
SIZES = {"train": (29783, 529527), "val": (1000, 17858), "test": (1000, 17901)}
"""Split -> its pictures and pairs."""
Line = tuple[str, bytes]
"""The place of a line, <file>:<line>, and its content."""


class Parameters(Records):
    """What a text is, and which pictures are kept."""

    premise: Literal["hypothesis", "both"] = Field(
        description="what is read of premise and hypothesis: the task is `hypothesis`; the premise in `both` leaks"
    )
    seed: Seed = Field(description="of the choice of pictures")
    pictures: Counts | None = Field(description="pictures of each split, with all pairs on them; null: all of them")
    side: Side = Field(description="pixels of the square that a photograph is made smaller than")


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """The official splits, which share no picture; pairs on missing or broken pictures are dropped."""
    findings = Findings(parameters.records)
    with tempfile.TemporaryFile() as spool:
        is_made = any(name.startswith("snli_ve_") for name in raw)
        lines = read_made(raw) if is_made else generate(raw, findings, spool)
        splits = read_pairs(lines, findings, has_premise=parameters.premise == "both")
    chosen = _choose_pictures(splits, parameters)
    photographs = Photographs(raw, {name for names in chosen.values() for name in names}, side=parameters.side)
    for split, names in chosen.items():
        kept = set()
        for name in names:
            with findings.dropping(name, photographs.path.name, "missing or broken picture", split=split):
                photographs.read(name)
                kept.add(name)
        findings.check_share(split, len(kept))
        total, limit = len(splits[split]), set(names)
        if beyond := sum(sample.image not in limit for sample in splits[split]):
            reason = f"pairs on other pictures: {split} has {total - beyond} of {total} pairs"
            findings.add(f"{split} ({beyond} pairs)", photographs.path.name, action="dropped", reason=reason)
        splits[split] = [sample for sample in splits[split] if sample.image in kept]
    used = {sample.image for samples in splits.values() for sample in samples}
    return Prepared(splits, list(LABELS), Lazy(used, photographs.read), findings, texts_recur=True)


class Photographs:
    """The pictures of an archive by their name in the prepared one, <id>.png; in it, <id>.jpg of whichever folder.

    A zip is read where it lies. A tar has no random access: in one pass, those of its pictures that are wanted go, as
    they are, into a zip without a name where TMPDIR says: 4.4 GB of disk for all, and memory for one at a time.

    Raises:
        UserError: the archive is cut short, or none.
    """

    def __init__(self, raw: dict[str, Path], wanted: Collection[str], *, side: int) -> None:
        self.path = raw_file({name: path for name, path in raw.items() if not name.endswith(".lst")}, "flickr30k")
        self._side = side
        with decoding(f"{self.path} is no whole .zip or .tar.gz", "delete it and bring it again"):
            is_tar = tarfile.is_tarfile(self.path)
            self._archive = _copied(self.path, wanted) if is_tar else zipfile.ZipFile(self.path)
        members = reversed(self._archive.namelist())  # of several with one name the first
        self._members = {name: entry for entry in members if (name := _picture_of(entry)) in wanted}

    def read(self, name: str) -> Image.Image:
        """A picture made smaller than a square of `side` pixels; raises UserError for a missing or broken one."""
        if name not in self._members:
            raise UserError(f"{self.path} has no picture {name.removesuffix('.png')}.jpg; bring a whole archive")
        picture = rgb(member(self._archive, self._members[name]), name=name)
        picture.thumbnail((self._side, self._side))
        return picture


def _copied(path: Path, wanted: Collection[str]) -> zipfile.ZipFile:
    """The wanted pictures of a tar in a zip on disk; of several with one name the first."""
    copy = zipfile.ZipFile(tempfile.TemporaryFile(), "w")  # noqa: SIM115 - it lasts as long as the zip
    with tarfile.open(path) as archive:
        for entry in archive:
            name = PurePosixPath(entry.name).name
            if entry.isfile() and _picture_of(entry.name) in wanted and name not in copy.NameToInfo:
                content = archive.extractfile(entry)
                assert content is not None, "as of any file"
                copy.writestr(name, content.read())
    return copy


def _picture_of(member_name: str) -> str:
    """The name in the prepared archive of a member, "" for one that is no picture."""
    path = PurePosixPath(member_name)
    return f"{path.stem}.png" if path.suffix == ".jpg" and "__MACOSX" not in path.parts else ""


def generate(raw: dict[str, Path], findings: Findings, spool: IO[bytes]) -> dict[str, Iterator[Line]]:
    """Split -> the lines of the official snli_ve_{train,dev,test}.jsonl, byte for byte, with the places of SNLI's rows.

    A row of SNLI's train, dev or test is a pair if it has a gold label and its picture is of Flickr30k. The picture's
    id, with which pairID begins, joins the keys, which are sorted. The lists divide the pictures among the splits and
    give their order; pairs on one picture keep SNLI's. Rows wait in `spool`, an empty file that stays open for as long
    as lines are asked for: memory holds where they begin.

    Raises:
        UserError: SNLI is the published one, but the number of pictures or of pairs is not.
    """
    listed, path = read_lists(raw, findings), raw_file(raw, "snli_1.0")
    starts = _read_snli(path, spool, findings)
    known = {picture for pictures in listed.values() for picture in pictures}
    for picture, own in starts.items():
        if picture not in known:
            spool.seek(own[0])
            findings.drop(picture, spool.readline().decode().strip(), "picture in no list", split=path.name)
    findings.check_share(path.name, len(known & starts.keys()))
    sizes = {split: (len(ids), sum(len(starts.get(one, ())) for one in ids)) for split, ids in listed.items()}
    if sizes != SIZES and sha256(path) == PUBLISHED:
        raise UserError(f"(pictures, pairs) of SNLI-VE are {SIZES}, but here {sizes}; fetch flickr30k_*.lst again")
    return {split: _in_order(split, pictures, starts, spool, findings) for split, pictures in listed.items()}


def read_lists(raw: dict[str, Path], findings: Findings) -> dict[str, list[str]]:
    """Split -> the ids of its pictures in the order of the lists; one that stands there twice is dropped."""
    listed = {}
    for name in ("train_val", "test"):
        path = raw_file(raw, f"flickr30k_{name}")
        lines = [(number, line.strip()) for number, line in read_lines(path)]
        listed[name] = [Row((line,), f"{path.name}:{number}") for number, line in lines if line]
    train_val = listed["train_val"]
    if len(train_val) <= DEV_PICTURES:
        raise UserError(
            f"flickr30k_train_val.lst has {len(train_val)} ids, {DEV_PICTURES} for dev alone; fetch it again"
        )
    cut = len(train_val) - DEV_PICTURES
    kept = findings.once({"train": train_val[:cut], "val": train_val[cut:], "test": listed["test"]})
    for split, rows in kept.items():
        findings.check_share(split, len(rows))
    return {split: [row.names[0] for row in rows] for split, rows in kept.items()}


def _read_snli(path: Path, spool: IO[bytes], findings: Findings) -> dict[str, list[int]]:
    """Write place and official line of each pair to `spool`; picture -> where in it those of its pairs begin."""
    starts: dict[str, list[int]] = defaultdict(list)
    with open_archive(path) as archive:
        for part in PARTS.values():
            name, good = f"snli_1.0_{part}.jsonl", 0
            for where, row in _rows(_unpacked(archive, name), findings, name):
                pair = row.get("pairID")
                if not isinstance(pair, str) or not ("vg_" in pair or ".jpg" in pair):
                    findings.drop("line", where, f"pairID names no picture: {pair!r:.60}", split=name)
                    continue
                good += 1
                if "vg_" in pair or row.get("gold_label") == "-":
                    reason = "picture of Visual Genome" if "vg_" in pair else "no gold label"
                    findings.add(pair, where, action="dropped", reason=reason)
                    continue
                picture = pair[: pair.rfind(".jpg")]
                starts[picture].append(spool.tell())
                official = dict(sorted((row | {"Flickr30K_ID": picture}).items()))
                spool.write(f"{where}\n{json.dumps(official, ensure_ascii=False)}\n".encode())
            findings.check_share(name, good)
    return starts


def _in_order(
    split: str, pictures: list[str], starts: dict[str, list[int]], spool: IO[bytes], findings: Findings
) -> Iterator[Line]:
    """The lines of a split from the spool; their number and digest go to the findings."""
    digest, pairs = hashlib.sha256(), 0
    for picture in pictures:
        for start in starts.get(picture, ()):
            spool.seek(start)
            where, line = spool.readline(), spool.readline()
            digest.update(line)
            pairs += 1
            yield where.decode().strip(), line
    sizes = f"{pairs} pairs on {len(starts.keys() & set(pictures))} of {len(pictures)} pictures"
    reason = f"by the official rule: {sizes}, sha256 {digest.hexdigest()}"
    findings.add(f"snli_ve_{PARTS[split]}.jsonl", "SNLI and the lists", action="made", reason=reason)


def read_pairs(lines: dict[str, Iterator[Line]], findings: Findings, *, has_premise: bool) -> dict[str, list[Sample]]:
    """Split -> the pairs of its lines, none twice; a picture of two splits is test's, else val's."""
    splits: dict[str, list[Sample]] = {}
    owner: dict[str, str] = {}
    seen: set[str] = set()
    for split in reversed(SPLITS):
        kept = splits[split] = []
        for where, row in _rows(lines[split], findings, split):
            pair = _pair(row, has_premise=has_premise)
            if isinstance(pair, Sample) and owner.setdefault(pair.image, split) != split:
                pair = f"picture also in {owner[pair.image]}"
            elif isinstance(pair, Sample) and pair.uid in seen:
                pair = "pair given twice"
            if isinstance(pair, str):
                findings.drop(f"{row.get('pairID')!s:.60}", where, pair, split=split)
            else:
                seen.add(pair.uid)
                kept.append(pair)
        findings.check_share(split, len(kept))
    return splits


def _pair(row: dict[str, Any], *, has_premise: bool) -> Sample | str:
    """The sample of a line, or what is wrong with it. Files of before 2020 name its picture Flikr30kID, with .jpg."""
    picture, uid = row.get("Flickr30K_ID", row.get("Flikr30kID")), row.get("pairID")
    if not isinstance(picture, str) or not isinstance(uid, str):
        return f"Flickr30K_ID or pairID is no text: {picture!r:.60}, {uid!r:.60}"
    label = row.get("gold_label")
    if label not in LABELS:
        return f"gold_label is none of {', '.join(LABELS)}: {label!r:.60}"
    texts = []
    for name, key in ([("premise", "sentence1")] if has_premise else []) + [("hypothesis", "sentence2")]:
        text = row.get(key)
        if not isinstance(text, str) or not text.strip():
            return f"{name} is empty or no text: {text!r:.60}"
        texts += text.split()
    image = sys.intern(f"{picture.removesuffix('.jpg')}.png")  # of 18 pairs on a picture
    return hard(uid, image, " ".join(texts), LABELS.index(label))


def _choose_pictures(splits: Mapping[str, list[Sample]], parameters: Parameters) -> dict[str, list[str]]:
    """Split -> its pictures: all that have pairs, or as many as are asked for."""
    chosen = {}
    for split, samples in splits.items():
        names = list(dict.fromkeys(sample.image for sample in samples))
        if parameters.pictures is not None:
            limit = parameters.pictures[split]
            if limit > len(names):
                raise UserError(f"`pictures` asks for {limit} of {split}, which has {len(names)} with pairs")
            names = hashed_order(names, "snli-ve", parameters.seed, split)[:limit]
        chosen[split] = names
    return chosen


def read_made(raw: dict[str, Path]) -> dict[str, Iterator[Line]]:
    """Split -> the lines of its ready-made file."""
    return {split: _stored(raw_file(raw, f"snli_ve_{part}")) for split, part in PARTS.items()}


def _stored(path: Path) -> Iterator[Line]:
    with open(path, "rb") as file:
        yield from _numbered(file, path.name)


def _unpacked(archive: zipfile.ZipFile, name: str) -> Iterator[Line]:
    wrong = f"{archive.filename} has no whole member snli_1.0/{name}"
    with decoding(wrong, "delete it and fetch it again"), archive.open(f"snli_1.0/{name}") as file:
        yield from _numbered(file, name)


def _numbered(file: Iterable[bytes], name: str) -> Iterator[Line]:
    return ((f"{name}:{number}", line) for number, line in enumerate(file, 1))


def _rows(lines: Iterable[Line], findings: Findings, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON objects of lines with their places; lines that hold none are dropped, but for empty ones."""
    for where, line in lines:
        if line.strip():
            with findings.dropping("line", where, "no JSON object", split=split):
                row = parse_json(line, where)
                if not isinstance(row, dict):
                    raise UserError(f"{where} holds a {type(row).__name__}")
                yield where, row
