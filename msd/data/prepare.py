"""Stage `prepare`: raw files to the tables and pictures that every later stage reads."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msd.data import SPLITS
from msd.data.prepared import Prepared, Sample, check

if TYPE_CHECKING:
    from msd.config.contracts.data import PrepareParams
    from msd.job import Job


def prepare(job: Job[PrepareParams]) -> dict[str, float]:
    """Run the dataset's own module and write its tables, labels, findings and pictures."""
    raw = {Path(path).name: Path(path) for path in job.inputs["files"]}
    module = importlib.import_module(f"msd.data.readers.{job.params.module}")
    prepared: Prepared = module.prepare(raw, module.Parameters.model_validate(job.params.prepare))
    check(prepared)
    _write(prepared, job.outputs, both=prepared.texts_recur or job.params.task == "vqa")
    sizes = {f"rows/{split}": float(len(prepared.splits[split])) for split in SPLITS}
    pictures = {f"pictures/{split}": float(len({s.image for s in prepared.splits[split]})) for split in SPLITS}
    return {**sizes, **pictures, "labels": float(len(prepared.labels)), "findings": float(len(prepared.findings))}


def _write(prepared: Prepared, outputs: dict[str, Any], *, both: bool) -> None:
    from msd.data.near_copies import average_hash
    from msd.data.pictures import Lazy, png, write_archive

    for path in outputs.values():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    _write_json(prepared.labels, outputs["labels"])
    prepared.findings.write(outputs["findings"])
    looks: dict[str, bytes] = {}

    def stored(name: str) -> bytes:
        picture = prepared.pictures[name]
        looks[name] = average_hash(picture)
        return png(picture)

    used = {sample.image for split in SPLITS for sample in prepared.splits[split]}
    write_archive(Path(outputs["pictures"]), Lazy(used, stored))
    for split in SPLITS:
        copies = near_copies(prepared, split, looks, both=both)
        _write_table(prepared.splits[split], copies, Path(outputs[split]))


def near_copies(prepared: Prepared, split: str, looks: dict[str, bytes], *, both: bool) -> list[bool]:
    """Whether training has nearly seen each sample of a split: its text or its picture, or `both` together."""
    from msd.data.near_copies import seen_in_training

    if split == "train":
        return [False] * len(prepared.splits[split])
    own, training = ([(each.image, each.text) for each in prepared.splits[name]] for name in (split, "train"))
    return seen_in_training(own, training, looks, both=both)


def _write_table(samples: list[Sample], copies: list[bool], path: Path) -> None:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    kinds = dict.fromkeys(("uid", "image", "text"), pa.string())
    kinds |= {"target": pa.list_(pa.int32()), "score": pa.list_(pa.float32()), "near_copy": pa.bool_()}
    if any(sample.answers for sample in samples):
        kinds["answers"] = pa.list_(pa.string())
    rows = [vars(sample) | {"near_copy": copy} for sample, copy in zip(samples, copies, strict=True)]
    table = pa.Table.from_pylist(rows, schema=pa.schema(kinds))
    pq.write_table(table, path, compression="zstd")


def _write_json(content: Any, path: str) -> None:
    Path(path).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
