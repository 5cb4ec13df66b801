"""`msd data add`: a folder of a user's own samples becomes a dataset of config/datasets, and a study of it."""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msd.config.contracts.data import DatasetTask
from msd.config.files import CONFIG, DatasetConfig
from msd.config.names import SHARED
from msd.config.yaml_file import read_model, read_yaml, validated
from msd.data import SPLITS
from msd.data.add_files import dataset_file, study_file
from msd.data.findings import counted
from msd.data.near_copies import average_hash
from msd.data.pack import find_tables, pack
from msd.data.prepare import near_copies
from msd.data.prepared import Prepared, check
from msd.data.raw_files import sha256
from msd.data.readers import table
from msd.errors import UserError
from msd.lineage.studies import RESERVED
from msd.system.temporary import temporary_folders, temporary_path, write_whole

DATA = Path("data")
NAME = re.compile("[a-z0-9][a-z0-9-]{0,59}")
IMAGES = ("image", "file_name")
"""Columns of the picture, where none is named; the second is Hugging Face's."""
LEAST_TRAIN = 32
"""Rows that training needs: the probe of a study takes as many principal components."""
METRICS: dict[DatasetTask, tuple[str, str]] = {
    "binary": (
        "auroc",
        "each row has one of two labels, and AUROC needs no threshold; tables have accuracy too",
    ),
    "multiclass": ("accuracy", "each row has one of several labels; tables have macro F1 too"),
    "multilabel": ("micro_ap", "rows have any number of labels, and micro AP needs no threshold; tables have F1 too"),
    "vqa": ("accuracy", "labels have scores, and this is the score of the label that a model puts first"),
}
"""Task -> its metric, and why it is the one."""


@dataclass(frozen=True)
class Added:
    """What was added, in lines for a person."""

    lines: list[str]

    def __str__(self) -> str:
        return "\n".join(self.lines)


def add(place: Path, name: str, *, pictures: Path | None, force: bool, columns: Mapping[str, Any]) -> Added:
    """Pack a user's samples into data/<name>/<name>.zip, check them, and write the files of a dataset and a study.

    With `force` a dataset of that name is written anew, but for its title, licence and citation; its study stays.

    Args:
        place: a folder with tables, or one table.   pictures: their folder or archive, if not beside the tables.
        columns: what `msd.data.readers.table.Parameters` has, but for `tables`; an `image` of None is found.

    Raises:
        UserError: a name that is taken or not plain, files that are there already unless `force`, or samples of which
            no study can be made; nothing is written then.
    """
    archive, dataset, study = _targets(name, force=force)
    tables = find_tables(place)
    if columns["split"] is not None and list(tables) != [table.ALL]:
        raise UserError(f"{place} has a table for each split, so --split-col has no meaning; leave it out")
    folder = place.parent if place.is_file() else place
    parameters = _parameters(tables, columns)
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA, prefix=".") as temporary:
        packed = Path(temporary) / archive.name
        every = [one for own in tables.values() for one in own]
        pack(folder, every, pictures, packed, image=parameters.image, delimiter=parameters.delimiter)
        prepared = table.prepare({archive.name: packed}, parameters)
        check(prepared)
        if len(prepared.splits["train"]) < LEAST_TRAIN:
            raise UserError(f"train has {len(prepared.splits['train'])} rows; a study needs {LEAST_TRAIN}: bring more")
        task = task_of(prepared)
        about = {"name": name, "task": task, "metric": METRICS[task][0], "labels": _shown(prepared.labels)}
        size = packed.stat().st_size
        source = {"sha256": sha256(packed), "bytes": size}
        said = read_yaml(dataset) if dataset.exists() else {}
        texts = {dataset: dataset_file(about, source, parameters, why=METRICS[task][1], said=said)}
        if not study.exists():
            texts[study] = study_file(name, prepared)
        write_whole(Path(temporary) / dataset.name, texts[dataset])
        read_model(DatasetConfig, Path(temporary) / dataset.name)
        summary = _summary(name, prepared, parameters, task)
        with temporary_folders({path.parent for path in (archive, *texts)}):
            os.replace(packed, temporary_path(archive))
            for path, text in texts.items():
                Path(temporary_path(path)).write_text(text, encoding="utf-8")
            for path in (archive, *texts):
                os.replace(temporary_path(path), path)
    made = f"Wrote {archive} ({size / 1e6:,.1f} MB, not in git) and {' and '.join(map(str, texts))}."
    kept = [] if study in texts else [f"Kept {study}."]
    return Added([*summary, made, *kept, "Next:", f"  msd plan {study}", f"  snakemake --configfile {study}"])


def _parameters(tables: Mapping[str, list[str]], columns: Mapping[str, Any]) -> table.Parameters:
    """The reader's parameters for these tables; UserError for a value that is none."""
    first = next(iter(tables.values()))[0]
    given = {key: value for key, value in columns.items() if value is not None}
    given = {"image": IMAGES[Path(first).stem.lower() == "metadata"], **given, "tables": tables}
    return validated(table.Parameters, given, "options")


def _targets(name: str, *, force: bool) -> tuple[Path, Path, Path]:
    """Where the archive, the dataset and the study go; raises UserError for a name that cannot be had."""
    if not NAME.fullmatch(name) or name in (*SHARED, *RESERVED):
        raise UserError(f"--name: {name!r} cannot be the name of a dataset; take small letters, digits and dashes")
    if (CONFIG / f"encoders/{name}.yaml").exists():
        raise UserError(f"--name: {name!r} is the name of an encoder; take another one")
    if not CONFIG.is_dir():
        raise UserError(f"there is no folder {CONFIG} here; go to the project's folder")
    archive, dataset = DATA / name / f"{name}.zip", CONFIG / f"datasets/{name}.yaml"
    study = CONFIG / f"{name}-study.yaml"
    there = [path for path in (archive, dataset, study) if path.exists()]
    is_ours = dataset.is_file() and read_yaml(dataset).get("module") == "table"
    if there and not is_ours:
        raise UserError(f"--name: {there[0]} is there, and no dataset that `msd data add` wrote; take another name")
    for path in there:
        if not path.is_file():
            raise UserError(f"{path} is a folder, where a file belongs; rename it, or take another --name")
    if there and not force:
        raise UserError(f"{there[0]} is there already; take another --name, or overwrite it with --force")
    return archive, dataset, study


def task_of(prepared: Prepared) -> DatasetTask:
    """The task whose targets the samples have."""
    samples = [sample for own in prepared.splits.values() for sample in own]
    if any(score != 1 for sample in samples for score in sample.score):
        return "vqa"
    if any(len(sample.target) != 1 for sample in samples):
        return "multilabel"
    return "binary" if len(prepared.labels) == 2 else "multiclass"


def _summary(name: str, prepared: Prepared, parameters: table.Parameters, task: DatasetTask) -> list[str]:
    """Rows, labels, faults, near-copies and the metric, in lines."""
    looks = {picture: average_hash(prepared.pictures[picture]) for picture in prepared.pictures}
    lines = [f"{name}: {task}, {len(prepared.labels):,} labels, {len(prepared.pictures):,} pictures"]
    given = parameters.tables.keys() if parameters.split is None else SPLITS
    for split in SPLITS:
        rows = prepared.splits[split]
        copies = sum(near_copies(prepared, split, looks, both=task == "vqa"))
        seen = "" if split == "train" else f", {copies:,} of them near-copies of training ({copies / len(rows):.0%})"
        how = "" if split in given else ", made here"
        lines.append(f"  {split:<6}{len(rows):>7,} rows on {len({row.image for row in rows}):,} pictures{seen}{how}")
    lines += ["Labels, and the share of rows that have each:", *_label_lines(prepared)]
    lines += counted("Rows", prepared.findings.summary()["counts"]) or ["No row has a fault."]
    return [*lines, f"Metric: {METRICS[task][0]}: {METRICS[task][1]}."]


def _label_lines(prepared: Prepared, most: int = 12) -> list[str]:
    samples = [sample for own in prepared.splits.values() for sample in own]
    counts = Counter(label for sample in samples for label in sample.target)
    lines = [
        f"  {prepared.labels[label][:40]:<40}{count:>8,}{count / len(samples):>8.1%}"
        for label, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    rest = len(lines) - most
    return (
        lines
        if rest < 2
        else [*lines[:most], f"  … and {rest:,} rarer ones, the last of {min(counts.values()):,} rows"]
    )


def _shown(labels: list[str], most: int = 10) -> str:
    """The names of a few labels, and how many there are."""
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return f"{len(labels)}: {', '.join(labels[:most])}{more}"
