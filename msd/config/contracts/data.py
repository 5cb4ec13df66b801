"""What the stages of data and features are given."""

from typing import Annotated, Any, Literal

from pydantic import Field

from msd.config.strict import Count, Large, Side, Strict

DatasetTask = Literal["binary", "multiclass", "multilabel", "vqa"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Source(Strict):
    """One file to fetch: from a package index, a host, or this repository; or that a person brings (`manual`).

    Without a `sha256`, which is for files whose digest nobody has published, that of the file that came is on record.
    """

    kind: Literal["pypi", "debian", "url", "committed", "manual"]
    file: str
    sha256: Sha256 | list[Sha256] | None = None
    bytes: Large | None = None
    package: str | None = None
    version: str | None = None
    urls: list[str] = Field(default_factory=list)


class Licence(Strict):
    """Terms of a dataset; `gate` says what a person must do before it may be fetched."""

    name: str
    url: str | None = None
    text: str | None = None
    gate: Literal["none", "manual", "token"] = "none"


class FetchParams(Strict):
    """Stage `fetch`: one dataset or encoder; what a person brings lies in `data_root`, in a folder of its name."""

    name: str
    sources: Annotated[list[Source], Field(min_length=1)]
    licence: Licence
    citation: str
    data_root: str = "data"


class DatasetParams(Strict):
    """Stage `spoken_digits`: a dataset, and the values of its module's `Parameters`."""

    name: str
    prepare: dict[str, Any]


class PrepareParams(DatasetParams):
    """Stage `prepare`: a dataset, its reader in msd/data/readers, and the values of that module's `Parameters`."""

    module: str
    task: DatasetTask


class FeaturesParams(Strict):
    """Stage `features`: an encoder of pictures, its module in msd/features, and the side of its pictures in pixels.

    `processes` read pictures beside each other; what they give does not depend on their number.
    """

    extractor: str
    module: str
    size: Side
    processes: Count = 1


class TransferParams(Strict):
    """Stage `transfer`: pairs of training texts and pictures without labels."""

    dataset: str
    pairs: Count
