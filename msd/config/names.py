"""Names that become files and folders: of studies, of the files that they name, of blocks of seeds."""

import hashlib
import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PrivateAttr

from msd.config.strict import Strict
from msd.errors import UserError
from msd.lineage.studies import RESERVED
from msd.system.text_file import read_json

SHARED = ("benchmarks", "encoders", "jobs", "logs", "models", "scratch")
"""Folders of results/data that are no dataset's."""
LONGEST = 255
"""Bytes of a file's name, on every usual file system."""
PLAIN = re.compile("[a-z0-9][a-z0-9+-]*")
"""Of files that a study names: no capitals, which some file systems do not tell apart, and no path."""
OVERWRITE = "overwrite"
"""`--config overwrite=true` gives a folder of results to another study file."""


def _is_free(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"results/{name} belongs to no study; choose another name")
    return name


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=100), AfterValidator(_is_free)]


class NamedStudy(Strict):
    """What every study file begins with."""

    study: Name = Field(description="name of its file without .yaml, and of its folder in results/")

    _file: str = PrivateAttr("study")

    @property
    def file(self) -> str:
        """The file that it was read from."""
        return self._file

    @property
    def origin(self) -> str:
        """The same, relative to the project's folder, as records have it."""
        return Path(os.path.relpath(self._file)).as_posix()


def check_owner(study: NamedStudy, results: Path = Path("results")) -> None:
    """Raise UserError where the study would write into the results of another study file, or read them as its own.

    These are the results of the file that the record of `results/<study>/config` names, and of one beside the study's
    file that has the same name in its key `study`, unless the study's own file is called so.
    """
    other = _recorded_file(results / study.study / "config/record.json") or study.origin
    if _is_same(other, study.file) and Path(study.file).stem != study.study:
        is_named_so = re.compile(rf"^study: *[\"']?{study.study}[\"']? *(#.*)?$", re.MULTILINE)
        for path in sorted(Path(study.file).parent.glob("*.y*ml")):
            if not _is_same(path, study.file) and is_named_so.search(path.read_text("utf-8", errors="replace")):
                other = str(path)
    if not _is_same(other, study.file):
        raise UserError(
            f"{study.file}: {results / study.study} holds the results of {other}; give this study another name in its "
            f"key `study`, or overwrite them with `snakemake --config {OVERWRITE}=true`"
        )


def _recorded_file(record: Path) -> str | None:
    try:
        content: Any = read_json(record)
    except UserError:  # there is no record, or one that vouches for nothing: its job runs again
        return None
    params = content.get("params") if isinstance(content, dict) else None
    return params.get("file") if isinstance(params, dict) else None


def _is_same(one: str | Path, other: str | Path) -> bool:
    is_there = os.path.exists(one) and os.path.exists(other)
    return os.path.samefile(one, other) if is_there else os.path.abspath(one) == os.path.abspath(other)


def block_name(seeds: list[int]) -> str:
    """The folder name of a block of seeds, one that no other block has: `seeds-0-2`, or `seeds-0_5_7-9`."""
    ranges: list[list[int]] = []
    for seed in seeds:
        if ranges and seed == ranges[-1][1] + 1:
            ranges[-1][1] = seed
        else:
            ranges.append([seed, seed])
    if len(ranges) == 1:
        return f"seeds-{seeds[0]}-{seeds[-1]}"
    text = "_".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
    if len(text) > 60:
        text = f"{seeds[0]}_and_{len(seeds) - 1}_more-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return f"seeds-{text}"


def check_run_names(runs: list[tuple[str, ...]]) -> None:
    """Raise UserError where the names of a run are too long for a file, or two runs would have files of one name."""
    known: dict[str, tuple[str, ...]] = {}
    for run in runs:
        long = "--".join(("students", *run))
        if len(long.encode()) > LONGEST:
            raise UserError(
                f"the name {'/'.join(run)} of a run is too long for a file, which may have {LONGEST} bytes: "
                f"this one takes {len(long.encode())}; take shorter names, or search fewer parameters at once"
            )
        other = known.setdefault("-".join(run), run)
        if other != run:
            both = f"{'/'.join(other)} and {'/'.join(run)}"
            raise UserError(f"the runs {both} would have files of one name; rename a dataset or method")


def number_of(count: int, noun: str) -> str:
    """A count with its noun in the singular or plural: "1 seed", "2 seeds"."""
    return f"{count} {noun}" + ("" if count == 1 else "s")
