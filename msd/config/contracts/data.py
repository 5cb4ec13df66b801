"""What the stages of data and features are given."""

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from msd.config.strict import Count, Device, Large, Side, Strict

DatasetTask = Literal["binary", "multiclass", "multilabel", "vqa"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Repository = Annotated[str, Field(pattern=r"^[\w.-]+(/[\w.-]+)?$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
PLACES = {
    "pypi": ({"package", "version"}, set()),
    "debian": ({"package", "version"}, set()),
    "url": ({"urls"}, set()),
    "committed": ({"package"}, {"version"}),
    "manual": (set(), set()),
    "hub": ({"repo", "revision"}, {"repo_type"}),
}
"""Kind of source -> the keys that say where its file is: those it needs, and those it may have."""


class Source(Strict, use_attribute_docstrings=True):
    """One file to fetch: from a package index, a host, a hub, or this repository; or that a person brings (`manual`).

    Without a `sha256`, which is for files whose digest nobody has published, that of the file that came is on record.
    """

    kind: Literal["pypi", "debian", "url", "committed", "manual", "hub"]
    """package index PyPI, Debian's archive, a web address, the Hugging Face hub, this repository, or by hand: a person
    puts it at `<data_root>/<dataset>/<file>`"""
    file: str
    """name of the file; of kind hub, its path in the repository"""
    sha256: Sha256 | list[Sha256] | None = None
    """its SHA-256, or those that it has on different mirrors or had over time"""
    bytes: Large | None = None
    """its size in bytes"""
    package: str | None = None
    """package that it is, or comes from"""
    version: str | None = None
    """version of the package"""
    urls: list[str] = Field(default_factory=list)
    """addresses, tried in order"""
    repo: Repository | None = None
    """repository of the hub, `owner/name`"""
    revision: Commit | None = None
    """commit of that repository, in full"""
    repo_type: Literal["model", "dataset", "space"] | None = None
    """what it holds; a model if null"""

    @property
    def name(self) -> str:
        """What its file is called among the raw files: the last part of its path in a repository of the hub."""
        return PurePosixPath(self.file).name

    @field_validator("file")
    @classmethod
    def _is_a_file_name(cls, file: str) -> str:
        parts = file.split("/")
        if {"", ".", ".."} & {*parts} or "\\" in file or not file.isprintable() or len(file.encode()) > 255:
            raise ValueError("give the name of a file, no folder above it")
        return file

    @model_validator(mode="after")
    def _says_where_the_file_is(self) -> Self:
        needed, allowed = PLACES[self.kind]
        given = {key for _, keys in PLACES.items() for key in keys[0] | keys[1] if getattr(self, key)}
        for key in sorted(needed - given):
            raise ValueError(f"a source of kind {self.kind} needs the key {key!r}")
        for key in sorted(given - needed - allowed):
            raise ValueError(f"a source of kind {self.kind} has no key {key!r}")
        if "/" in self.file and self.kind != "hub":
            raise ValueError("`file` is a name without folders, but for a source of kind hub")
        return self


class Licence(Strict, use_attribute_docstrings=True):
    """Terms of a dataset; `gate` says what a person must do before it may be fetched.

    `environment` names variables whose values come with the licence and are told to nobody, such as a password.
    """

    name: str
    """name of the licence"""
    url: str | None = None
    """its address"""
    text: str | None = None
    """its text, or what to know of it"""
    gate: Literal["none", "manual", "token"] = "none"
    """what a person must do first: nothing, fetch the files by hand, or set a token; a study lists what it accepts in
    `accept_licenses`"""
    environment: list[Variable] | None = None
    """variables of the environment that its reader needs, such as a password; never recorded"""

    @property
    def terms(self) -> str:
        """Where its terms can be read."""
        return self.url or self.text or "its address is not known"


class FetchParams(Strict):
    """Stage `fetch`: one dataset or encoder."""

    name: str
    sources: Annotated[list[Source], Field(min_length=1)]
    licence: Licence
    citation: str


class DatasetParams(Strict):
    """Stage `spoken_digits`: a dataset, and the values of its module's `Parameters`."""

    name: str
    prepare: dict[str, Any]


class PrepareParams(DatasetParams):
    """Stage `prepare`: a dataset, its reader in msd/data/readers, and the values of that module's `Parameters`."""

    module: str
    task: DatasetTask


class FeaturesParams(Strict):
    """Stage `features`: an encoder of pictures, its module in msd/features, and D.

    `size`: pixels of a side of the pictures that a network reads; or `boxes`: how many published ones a picture has at
    most. `processes` read pictures beside each other; what they give does not depend on their number.
    """

    extractor: str
    module: str
    size: Side | None = None
    dims: Count
    boxes: Count | None = None
    device: Device = "auto"
    processes: Count = 1

    @model_validator(mode="after")
    def _reads_one_of_them(self) -> Self:
        if (self.size is None) == (self.boxes is None):
            raise ValueError("give `size`, of pictures, or `boxes`, of published ones")
        return self


class TransferParams(Strict):
    """Stage `transfer`: pairs of training texts and pictures without labels."""

    dataset: str
    pairs: Count
