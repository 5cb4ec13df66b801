"""Text files that people bring: studies, lists, tables; with one sentence for what cannot be read as text."""

import codecs
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

from msd.errors import UserError, decoding

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""What a file begins with -> its encoding; UTF-32's marks begin with those of UTF-16, so they come first."""
HALF = re.compile(rb"\\u[dD]|\xed[\xa0-\xbf]")
"""What JSON with half a character in it has, escaped or not; other text of the range has it too."""


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, or in the Unicode encoding that its byte order mark names.

    Raises:
        UserError: there is no such file, or it is in another encoding (the sentence names the line).
    """
    try:
        content = Path(path).read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"there is no file {path}") from error
    return as_text(content, path)


def as_text(content: bytes, path: str | Path) -> str:
    """What `read_text` gives and raises, of the content of a file."""
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}:{line} is not {encoding.upper().removesuffix('-SIG')} text; save it as UTF-8"
        ) from error
    if "\0" in text:
        raise UserError(f"{path} is not text: it holds zero bytes; save it as UTF-8")
    return text


def read_lines(path: str | Path) -> list[tuple[int, str]]:
    """(number, text) of each line of a file; raises UserError as `read_text`.

    Lines end where editors end them: other characters that Unicode calls ends of lines may stand in JSON or a name.
    """
    lines = io.StringIO(read_text(path), newline=None)
    return [(number, line.removesuffix("\n")) for number, line in enumerate(lines, start=1)]


def read_json(path: str | Path) -> Any:
    """What a JSON file holds; raises UserError as `read_text`, or where it is not JSON."""
    return parse_json(read_text(path), path)


def parse_json(content: str | bytes, name: str | Path) -> Any:
    """What JSON text holds, "?" for half a character; raises UserError with the name of its place for other text."""
    with decoding(f"{name} is not JSON"):
        value = json.loads(content)
        if HALF.search(content) if isinstance(content, bytes) else "\\ud" in content.lower():
            value = json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
        return value


def read_rows(path: str | Path, *, columns: int) -> list[tuple[int, list[str]]]:
    """(line, fields) of each row of a CSV file that is not blank; fields without blanks around them.

    A field in quotes may have several lines; a row's is its first. Where rows have more than `columns`, a first field
    that only numbers them, as pandas writes it, is left out.

    Raises:
        UserError: as `read_text`, or the file is no CSV.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows, line = [], 1
    try:
        for row in reader:
            if any(map(str.strip, row)):
                rows.append((line, [field.strip() for field in row]))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}:{line} is no line of a CSV file: {error}") from error
    numbers = {row[0] for _, row in rows[1:] if row[0].isdecimal() and len(row) > columns}
    is_numbered = numbers and len(numbers) == len(rows) - 1
    return [(line, row[1:]) for line, row in rows] if is_numbered else rows
