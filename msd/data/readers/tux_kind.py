"""`tux-kind`: of what kind is the thing on this stamp with this name? In the role of no data set of the paper.

Debian's package holds, below a folder for each kind, <stamp>.png and <stamp>.txt, whose first line is the English name.
"""

import hashlib
import subprocess
import tarfile
from pathlib import Path, PurePosixPath

from pydantic import Field

from msd.config.strict import Seed, Side
from msd.data.findings import Findings, Records
from msd.data.pictures import decode, fit
from msd.data.prepared import Prepared, Sample, hard
from msd.data.raw_files import raw_file
from msd.data.splits import Shares, prefix, split_by_group
from msd.errors import UserError, decoding

FOLDER = PurePosixPath("usr/share/tuxpaint/stamps")
KINDS = (
    *("animals", "clothes", "food", "hobbies", "household", "plants"),
    *("seasonal", "space", "sports", "symbols", "town", "vehicles"),
)
"""Folders of a dozen stamps or more."""


class Parameters(Records):
    """How the stamps are split and drawn."""

    seed: Seed = Field(description="of the split")
    shares: Shares = Field(description="shares of the stamps, those that differ by a number together")
    size: Side = Field(description="pixels of a picture's side")


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """A row is a stamp with its name; of stamps with one picture the first is kept."""
    findings = Findings(parameters.records)
    files = unpack(raw_file(raw, "tuxpaint-stamps-default"))
    names, pictures, first = dict[str, str](), {}, dict[str, str]()
    for stamp in sorted(path.removesuffix(".png") for path in files if path.endswith(".png")):
        where = f"{FOLDER / stamp}.png"
        if f"{stamp}.txt" not in files:
            findings.add(stamp, where, action="dropped", reason="no name")
            continue
        other = first.setdefault(hashlib.sha256(files[f"{stamp}.png"]).hexdigest(), stamp)
        if other != stamp:
            findings.add(stamp, where, action="dropped", reason=f"picture given twice: {other}.png")
            continue
        with findings.dropping(stamp, where, "no name, or no picture", split="stamps"):
            name = _name(files[f"{stamp}.txt"], stamp)
            pictures[f"{stamp}.png"] = fit(decode(files[f"{stamp}.png"], name=f"{stamp}.png"), parameters.size)
            names[stamp] = name
    findings.check_share("stamps", len(names))
    kinds = {stamp: stamp.split("/")[0] for stamp in names}
    groups = {stamp: str(PurePosixPath(stamp).parent / prefix(PurePosixPath(stamp).name)) for stamp in names}
    splits = split_by_group(groups, kinds, shares=parameters.shares, seed=parameters.seed)
    rows: dict[str, list[Sample]] = {
        split: [hard(stamp, f"{stamp}.png", names[stamp], KINDS.index(kinds[stamp])) for stamp in own]
        for split, own in splits.items()
    }
    return Prepared(rows, list(KINDS), pictures, findings)


def unpack(package: Path) -> dict[str, bytes]:
    """The pictures and names of the stamps of `KINDS` in Debian's package, by their path below the stamps' folder."""
    files = {}
    with (
        decoding(f"{package} is no readable Debian package with stamps", "delete it and fetch it again"),
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as unpacked,
        tarfile.open(fileobj=unpacked.stdout, mode="r|") as archive,
    ):
        for entry in archive:
            path = PurePosixPath(entry.name)
            if entry.isfile() and path.suffix in (".png", ".txt") and path.is_relative_to(FOLDER):
                below = path.relative_to(FOLDER)
                content = archive.extractfile(entry)
                if below.parts[0] in KINDS and content is not None:
                    files[str(below)] = content.read()
    return files


def _name(text: bytes, stamp: str) -> str:
    """The English name: the first line of a stamp's text."""
    with decoding(f"{stamp}.txt is not text"):
        line = text.decode().partition("\n")[0].strip()
    if not any(character.isalpha() for character in line):
        raise UserError(f"{stamp}.txt has no name in its first line")
    return line
