"""`table`: samples of a user's own, in tables with pictures beside them; `msd data add` packs them into one archive."""

import hashlib
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from PIL import Image
from pydantic import Field, model_validator

from msd.config.strict import Seed, Side
from msd.data import SPLITS
from msd.data.findings import Findings, Records, Row
from msd.data.label_cell import FAMILIES, MAPPING, Labels, labels_of, scored
from msd.data.near_copies import linked
from msd.data.pictures import Lazy, member, open_archive, rgb
from msd.data.prepared import Prepared, Sample
from msd.data.raw_files import below, raw_file
from msd.data.splits import Shares, split_by_group
from msd.data.table_file import Record, read_table
from msd.errors import UserError

ALL, PICTURES = "all", "pictures"
NAMES = {"training": "train", "valid": "val", "validation": "val", "dev": "val"} | {split: split for split in SPLITS}
"""What a split is called, in the name of a table or in its column."""
MOST_LABELS = 4096
Column = Annotated[str, Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]+$")]


class Parameters(Records):
    """Where a sample's parts stand, and how samples are split."""

    tables: dict[Literal["all", "train", "val", "test"], Annotated[list[str], Field(min_length=1)]] = Field(
        min_length=1, description="members of the archive with the samples of each split, or of all"
    )
    image: Column = Field(description="column of the picture: its place beside the table, or its bytes")
    text: Column = Field(description="column of the text")
    labels: list[Column] = Field(min_length=1, description="column of the labels, or of each label's score")
    separator: str | None = Field(None, min_length=1, description="what stands between the labels of a text")
    split: Column | None = Field(None, description="column of the split, where the tables are of all")
    group: Column | None = Field(None, description="column of what must not be divided by a split that is made")
    delimiter: str = Field(",", min_length=1, max_length=1, description="what stands between the fields of a CSV file")
    side: Side = Field(description="pixels of the square that a picture is made smaller than")
    seed: Seed = Field(description="of the splits that are made")
    shares: Shares = Field(description="of the samples in each split, where it is made")

    @model_validator(mode="after")
    def _parts_differ(self) -> Self:
        parts = Counter([self.image, self.text, *self.labels, *filter(None, [self.split])])
        column, times = parts.most_common(1)[0]
        if times > 1:
            raise ValueError(f"the column {column!r} cannot be {times} parts of a sample; name another for one of them")
        return self

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return list(dict.fromkeys([self.image, self.text, *self.labels, *filter(None, (self.split, self.group))]))


@dataclass(frozen=True, slots=True)
class Item:
    """A row that has all that it needs.

    Attributes:
        uid: of the sample.   where: table and line or row.   table: its member of the archive.
        split: the one that is given, "" for none.   picture: its name in the prepared archive.
        text, labels: of the sample.   group: what must not be divided by a split, None for nothing.
    """

    uid: str
    where: str
    table: str
    split: str
    picture: str
    text: str
    labels: Labels
    group: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """What must not be on both sides of a split."""
        return (self.picture, *([] if self.group is None else [f"group {self.group}"]))


class Pictures:
    """The pictures of the rows, by a name that follows from their bytes: equal ones have one name."""

    def __init__(self, archive: zipfile.ZipFile, *, side: int) -> None:
        self._archive, self._side = archive, side
        self._known: dict[str, tuple[str, Any]] = {}

    def add(self, table: str, value: Any) -> str:
        """The name of a picture that a row of a table gives; raises UserError for none, or a broken one."""
        if isinstance(value, dict):  # as Hugging Face's `datasets` writes it
            value = value.get("path") if value.get("bytes") is None else value["bytes"]
        content = self._content(table, value)
        name = f"{hashlib.sha256(content).hexdigest()[:24]}.png"
        if name not in self._known:
            shown = value if isinstance(value, str) else f"in {table}"
            try:
                rgb(content, name=shown)
            except UserError as error:
                raise UserError(f"broken picture: {error}") from error
            self._known[name] = (table, value)
        return name

    def read(self, name: str) -> Image.Image:
        """A picture made smaller than a square of `side` pixels."""
        picture = rgb(self._content(*self._known[name]), name=name)
        picture.thumbnail((self._side, self._side))
        return picture

    def _content(self, table: str, value: Any) -> bytes:
        if isinstance(value, bytes):
            return value
        if not isinstance(value, str):
            raise UserError(f"no picture: {str(value)[:80]!r} is neither the place of one nor its bytes")
        name = picture_member(table, value)
        if name not in self._archive.NameToInfo:
            raise UserError(f"no picture: {value!r} is not there")
        return member(self._archive, name)


def picture_member(table: str, place: str) -> str:
    """The member of the archive that holds the picture which a table has at a place beside it."""
    name = place.replace("\\", "/")
    try:
        below(Path(PICTURES), name)
    except UserError as error:
        raise UserError(f"picture outside the folder: {place[:80]!r}; write its place below the folder") from error
    return str(PurePosixPath(PICTURES, PurePosixPath(table).parent, name))


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """Rows with a picture, a text and labels; each picture, and each group, is in one split alone."""
    findings = Findings(parameters.records)
    archive = open_archive(raw_file(raw, ""))
    pictures = Pictures(archive, side=parameters.side)
    tables = [(split, table) for split, own in parameters.tables.items() for table in own]
    read = [item for split, table in tables for item in _items(archive, split, table, pictures, parameters, findings)]
    items = _of_one_kind(read, findings)
    counts = Counter(item.table for item in items)
    for _, table in tables:
        findings.check_share(table, counts[table])
    items = list(_without_copies(items, findings))
    labels = _label_names(items, parameters)
    splits = _split(items, parameters, findings)
    _check_splits(splits, findings)
    places = {label: index for index, label in enumerate(labels)}
    samples = {split: [_sample(item, places) for item in splits[split]] for split in SPLITS}
    used = {sample.image for own in samples.values() for sample in own}
    return Prepared(samples, labels, Lazy(used, pictures.read), findings)


def _items(
    archive: zipfile.ZipFile, split: str, table: str, pictures: Pictures, parameters: Parameters, findings: Findings
) -> list[Item]:
    """The rows of a table that have all that they need."""
    content, prefix = member(archive, table), str(PurePosixPath(table).with_suffix("")).replace("/", "-")
    items = []
    for record in read_table(content, table, parameters.columns, findings, delimiter=parameters.delimiter):
        uid = f"{prefix}-{record.number}"
        try:
            items.append(_item(uid, record, split, table, pictures, parameters))
        except UserError as error:
            findings.drop(uid, record.where, str(error), split=table)
    return items


def _item(uid: str, record: Record, split: str, table: str, pictures: Pictures, parameters: Parameters) -> Item:
    """A row; raises UserError, whose first words are the kind of the fault, for one that lacks something."""
    values = record.values
    for column, what in ((parameters.image, "picture"), (parameters.text, "text"), (parameters.split, "split")):
        if column is not None and values[column] is None:
            raise UserError(f"no {what}: the column {column!r} is empty")
    if not isinstance(values[parameters.text], str | int | float):
        raise UserError(f"no text: the column {parameters.text!r} has {str(values[parameters.text])[:80]!r}")
    given = "" if split == ALL else split
    if parameters.split is not None:
        given = NAMES.get(str(values[parameters.split]).lower(), "")
        if not given:
            raise UserError(f"no split: the column {parameters.split!r} has {str(values[parameters.split])[:80]!r}")
    labels = _labels(values, parameters)
    group = None if parameters.group is None else values[parameters.group]
    text = " ".join(str(values[parameters.text]).split())
    picture = pictures.add(table, values[parameters.image])
    return Item(uid, record.where, table, given, picture, text, labels, None if group is None else str(group))


def _labels(values: dict[str, Any], parameters: Parameters) -> Labels:
    """The labels of a row: of one column, or each of a column of its scores."""
    empty = next((column for column in parameters.labels if values[column] is None), None)
    if empty is not None:
        raise UserError(f"no label: the column {empty!r} is empty")
    try:
        if len(parameters.labels) == 1:
            return labels_of(values[parameters.labels[0]], separator=parameters.separator)
        return Labels(MAPPING, scored({column: values[column] for column in parameters.labels}))
    except UserError as error:
        raise UserError(f"no label: in the column {parameters.labels[0]!r} {error}") from error


def _of_one_kind(items: Sequence[Item], findings: Findings) -> list[Item]:
    """The items whose labels are of the kind that most have."""
    counts = Counter(item.labels.kind for item in items)
    kinds = max(FAMILIES, key=lambda family: sum(counts[kind] for kind in family))
    for item in items:
        if item.labels.kind not in kinds:
            reason = f"label of another kind: {item.labels.kind}, where most rows have {kinds[0]}"
            findings.drop(item.uid, item.where, reason, split=item.table)
    return [item for item in items if item.labels.kind in kinds]


def _without_copies(items: Iterable[Item], findings: Findings) -> Iterable[Item]:
    """Each picture with a text and labels once in a split; with other labels it stays, and is named."""
    known: dict[tuple[str, str, str], Item] = {}
    for item in items:
        first = known.setdefault((item.split, item.picture, item.text), item)
        is_copy = first is not item and first.labels == item.labels
        if is_copy:
            findings.add(item.uid, item.where, action="dropped", reason=f"the same row again: {first.uid}")
            continue
        if first is not item:
            reason = f"other labels for the same picture and text: {first.uid}"
            findings.add(item.uid, item.where, action="kept", reason=reason)
        yield item


def _label_names(items: Sequence[Item], parameters: Parameters) -> list[str]:
    """All labels, numbers by their size and others by the alphabet; raises UserError where these cannot be labels."""
    counts = Counter(label for item in items for label in item.labels.scores)
    what = f"the labels in {' and '.join(map(repr, parameters.labels))}"
    if len(counts) < 2:
        raise UserError(f"{what} are all {next(iter(counts), 'none')!r}; a task needs two, so name another column")
    if counts.total() < 2 * len(counts):
        raise UserError(
            f"{what} are {len(counts):,} in {len(items):,} rows, nearly each its own: they look like names or values; "
            "name the column of a class"
        )
    if len(counts) > MOST_LABELS:
        raise UserError(f"{what} are {len(counts):,}, more than {MOST_LABELS:,}; join the rare ones in the table")
    are_numbers = all(label.removeprefix("-").isdecimal() for label in counts)
    return sorted(counts, key=lambda label: (int(label) if are_numbers else 0, label))


def _split(items: Sequence[Item], parameters: Parameters, findings: Findings) -> dict[str, list[Item]]:
    """The items of each split; one that is not given is made out of train."""
    given: dict[str, list[Row]] = defaultdict(list)
    for item in items:
        given[item.split or "train"].append(Row((item.uid, *item.names), item.where, item))
    if "train" not in given:
        raise UserError("no row is of train; name its table train.csv, or its rows `train` in the column of the split")
    splits: dict[str, list[Item]] = {}
    for split, rows in findings.once(given).items():
        findings.check_share(split, len(rows))
        splits[split] = [row.content for row in rows]
    made = [split for split in SPLITS if split == "train" or split not in given]
    if len(made) > 1:
        by_uid = {item.uid: item for item in splits["train"]}
        counts = Counter(label for item in by_uid.values() for label in item.labels.scores)
        strata = {
            uid: min(item.labels.scores, key=lambda label: (counts[label], label), default="")
            for uid, item in by_uid.items()
        }
        shares = {split: share for split, share in dict(parameters.shares).items() if split in made}
        whole = {split: share / sum(shares.values()) for split, share in shares.items()}
        groups = linked({uid: item.names for uid, item in by_uid.items()})
        divided = split_by_group(groups, strata, shares=whole, seed=parameters.seed)
        splits |= {split: [by_uid[uid] for uid in uids] for split, uids in divided.items()}
    return splits


def _check_splits(splits: dict[str, list[Item]], findings: Findings) -> None:
    """Raise UserError for a split of no row or of one class; note labels that training does not have."""
    items = [item for own in splits.values() for item in own]
    trained = {label for item in splits["train"] for label in item.labels.scores}
    has_classes = all(list(item.labels.scores.values()) == [1.0] for item in items)
    for split, own in splits.items():
        classes = {label for item in own for label in item.labels.scores}
        if not own:
            raise UserError(f"no row is left for the split {split}; bring more rows or groups, or change the shares")
        if has_classes and len(classes) == 1:
            raise UserError(f"all {len(own)} rows of the split {split} have the label {classes.pop()!r}; bring others")
        for item in own:
            for label in sorted(item.labels.scores.keys() - trained):
                findings.add(item.uid, item.where, action="kept", reason=f"label that training does not have: {label}")


def _sample(item: Item, places: dict[str, int]) -> Sample:
    scores = {places[label]: score for label, score in item.labels.scores.items()}
    target = tuple(sorted(scores))
    return Sample(item.uid, item.picture, item.text, target, tuple(scores[label] for label in target))
