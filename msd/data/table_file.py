"""Tables that people bring, as CSV, JSON Lines or Parquet: their records, each with its place in the file."""

import csv
import io
import json
import math
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from msd.data.findings import Findings
from msd.errors import UserError, decoding, nearest
from msd.system.text_file import as_text, parse_json

DELIMITERS = (",", ";", "\t", "|")


class Record(NamedTuple):
    """A record: its line (in Parquet its row, from 1), its place, and column -> value, None where it is missing."""

    number: int
    where: str
    values: dict[str, Any]


def read_table(
    content: bytes, name: str, columns: Collection[str], findings: Findings, *, delimiter: str = ","
) -> list[Record]:
    """The records of a table, whose name ends in .csv, .jsonl or .parquet, with those columns; bad ones are dropped.

    Raises:
        UserError: the table is empty, is not in its format, or lacks one of the columns.
    """
    if not content.strip():
        raise UserError(f"{name} is empty; write the table again")
    read = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}[PurePosixPath(name).suffix.lower()]
    with decoding(f"{name} is not a table of its kind", "write it again"):
        rows = read(content, name, columns, findings, delimiter)
    if not rows:
        raise UserError(f"{name} has no rows; write the table again")
    return [
        Record(number, f"{name}:{number}", {column: _given(values.get(column)) for column in columns})
        for number, values in rows
    ]


def _csv(
    content: bytes, name: str, columns: Collection[str], findings: Findings, delimiter: str
) -> list[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(as_text(content, name), newline=""), delimiter=delimiter, strict=True)
    records, line = [], 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                records.append((line, fields))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{name}:{line} is no row of a CSV file: {error}; correct it, or its quotes") from error
    if not records:
        return []
    header = [field.strip() for field in records[0][1]]
    other = next((mark for mark in DELIMITERS if mark in header[0]), None) if len(header) == 1 else None
    if other is not None and not {*columns} <= {*header}:
        raise UserError(f"{name}:1 is one column, {header[0]!r}: is {other!r} its delimiter? Say --delimiter {other!r}")
    twice = [column for column in columns if header.count(column) > 1]
    if twice:
        raise UserError(f"{name}:1 has two columns {twice[0]!r}; rename one")
    _check_columns(columns, header, name)
    rows = []
    for number, fields in records[1:]:
        if len(fields) == len(header):
            rows.append((number, dict(zip(header, fields, strict=True))))
        else:
            reason = f"other number of fields: {len(fields)}, where the header has {len(header)}"
            findings.drop(f"row {number}", f"{name}:{number}", reason, split=name)
    return rows


def _jsonl(
    content: bytes, name: str, columns: Collection[str], findings: Findings, _: str
) -> list[tuple[int, dict[str, Any]]]:
    rows = []
    for number, line in enumerate(as_text(content, name).split("\n"), start=1):
        if line.strip():
            with findings.dropping(f"row {number}", f"{name}:{number}", "no JSON object", split=name):
                value = parse_json(line, f"{name}:{number}")
                if not isinstance(value, dict):
                    raise UserError(f"{name}:{number} is not a JSON object of columns and values")
                rows.append((number, value))
    findings.check_share(name, len(rows))
    _check_columns(columns, {column for _, values in rows for column in values}, name)
    return rows


def _parquet(
    content: bytes, name: str, columns: Collection[str], _: Findings, __: str
) -> list[tuple[int, dict[str, Any]]]:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    try:
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            schema = file.schema_arrow
            _check_columns(columns, schema.names, name)
            table = file.read(list(dict.fromkeys(columns)))
    except (pa.ArrowException, OSError) as error:  # whose words name classes of a library's own
        raise UserError(f"{name} is not a readable Parquet file; write it again") from error
    values = {column: table[column].to_pylist() for column in table.column_names}
    for column, names in _class_names(schema.metadata or {}).items():
        values |= {column: [_named(value, names) for value in values[column]]} if column in values else {}
    return [(row + 1, {column: own[row] for column, own in values.items()}) for row in range(len(table))]


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Column -> names of its classes, of a column that Hugging Face's `datasets` wrote as their numbers."""
    features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    inner = {
        column: about.get("feature", about) if isinstance(about, dict) else {} for column, about in features.items()
    }
    return {column: about["names"] for column, about in inner.items() if isinstance(about, dict) and "names" in about}


def _named(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    if isinstance(value, int):
        return names[value] if 0 <= value < len(names) else None  # -1 stands for no class
    return value


def _check_columns(wanted: Collection[str], known: Collection[str], name: str) -> None:
    for column in wanted:
        if column not in known:
            raise UserError(f"{name} has no column {column!r}{nearest(column, known)}")


def _given(value: Any) -> Any:
    """A value; None for text without a character, "nan", and a number that is none."""
    if isinstance(value, str):
        value = value.strip()
        return None if value.lower() in ("", "nan") else value
    return None if isinstance(value, float) and math.isnan(value) else value
