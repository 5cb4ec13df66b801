"""Tables of a user's own in every format, packed with pictures of one colour each, and what is prepared of them."""

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from msd.data.pictures import png, write_archive
from msd.data.prepared import Prepared, check
from msd.data.readers import table

ROWS = 24
SHARES = {"train": 0.5, "val": 0.25, "test": 0.25}
OPTIONS = {"image": "image", "text": "text", "labels": ["label"], "side": 8, "seed": 1, "shares": SHARES}
Rows = list[dict[str, Any]]


def picture(number: int) -> bytes:
    return png(Image.new("RGB", (12, 6), (number % 256, number // 256, 9)))


def named(number: int) -> str:
    """The name of a picture among the prepared ones."""
    return f"{hashlib.sha256(picture(number)).hexdigest()[:24]}.png"


def rows(count: int = ROWS, start: int = 0) -> Rows:
    return [
        {"image": f"a/{number}.png", "text": f"text {number}", "label": ("no", "yes")[number % 2]}
        for number in range(start, start + count)
    ]


def as_csv(content: Rows, delimiter: str = ",") -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(content[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(content)
    return stream.getvalue().encode()


def as_jsonl(content: Rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in content).encode()


def as_parquet(content: Rows, schema: pa.Schema | None = None) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(content, schema=schema), stream)
    return stream.getvalue()


def with_labels(*cells: Any) -> Rows:
    return [row | {"label": cells[number % len(cells)]} for number, row in enumerate(rows())]


def prepared(
    folder: Path, packed: dict[str, bytes], pictures: dict[str, bytes] | None = None, /, **options: Any
) -> Prepared:
    """Pack tables with the pictures 0 to 99 beside them, and prepare them."""
    there = {f"pictures/a/{number}.png": picture(number) for number in range(100)} | (pictures or {})
    write_archive(folder / "own.zip", packed | there)
    splits = {name.partition(".")[0]: [name] for name in packed}
    own = splits if "train" in splits else {"all": list(packed)}
    parameters = table.Parameters.model_validate({**OPTIONS, "tables": own, **options})
    made = table.prepare({"own.zip": folder / "own.zip"}, parameters)
    check(made)
    return made


def samples(prepared: Prepared) -> dict[str, tuple[str, str, dict[str, float]]]:
    """The uid's number -> picture, text, label -> score, of all splits."""
    return {
        sample.uid.rpartition("-")[2]: (
            sample.image,
            sample.text,
            {prepared.labels[label]: score for label, score in zip(sample.target, sample.score, strict=True)},
        )
        for own in prepared.splits.values()
        for sample in own
    }


def faults(prepared: Prepared) -> list[tuple[str, str, str]]:
    return [(entry["record"], entry["action"], entry["reason"]) for entry in prepared.findings]
