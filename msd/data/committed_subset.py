"""Committed subsets of Debian's packages: how one is rebuilt, and the lists that it consists of."""

import argparse
import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from msd.data.findings import Findings
from msd.data.raw_files import sha256
from msd.errors import UserError, decoding
from msd.system.text_file import parse_json, read_lines

Record = dict[str, object]
Item = TypeVar("Item")


def rebuild(
    description: str | None,
    packages: Mapping[str, str],
    *,
    version: str,
    out: Path,
    build: Callable[[Path, Path], None],
) -> None:
    """Read the command line, `build(folder of the unpacked packages, out)`, say what came out."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, help="folder with the .deb files (default: download them)")
    parser.add_argument("--out", type=Path, default=out)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        build(unpack(packages, arguments.packages, Path(folder), version=version), arguments.out)
    for path in sorted(arguments.out.iterdir()):
        print(f"{path}: {path.stat().st_size} bytes")


def unpack(packages: Mapping[str, str], given: Path | None, folder: Path, *, version: str) -> Path:
    """Verify the packages (name -> sha256) and unpack them into `folder`, which is returned."""
    if given is None:
        given = folder
        wanted = [f"{name}={version}" for name in packages]
        subprocess.run(["apt-get", "download", *wanted], cwd=folder, check=True, capture_output=True)
    for name, expected in packages.items():
        matching = sorted(given.glob(f"{name}_*.deb"))
        if len(matching) != 1 or sha256(matching[0]) != expected:
            raise UserError(f"{given} needs exactly one {name}_*.deb, version {version}, with sha256 {expected}")
        subprocess.run(["dpkg", "-x", str(matching[0]), str(folder)], check=True)
    return folder


def write_lines(path: Path, records: Iterable[Record]) -> None:
    """Records as JSON, one a line."""
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")


def write_dropped(path: Path, dropped: Counter[tuple[str, str]]) -> None:
    """What was left out, counted by (path, reason)."""
    write_lines(
        path, ({"path": place, "reason": why, "files": count} for (place, why), count in sorted(dropped.items()))
    )


def read_item(text: str, where: str, form: TypeAdapter[Item]) -> Item:
    """An item from its line of JSON; `where` goes into the UserError for what is none."""
    try:
        return form.validate_python(parse_json(text, where))
    except ValidationError as error:
        raise UserError(f"{where}: not an item with {', '.join(form.json_schema()['required'])}") from error


def add_dropped(source: Path, findings: Findings) -> None:
    """What the subset left out of its packages: one finding for a file, or for those of a folder."""
    for line, text in read_lines(source):
        with decoding(f"{source}, line {line}: not a path with a reason and a number of files"):
            loss = parse_json(text, f"{source}, line {line}")
            path, reason, files = str(loss["path"]), str(loss["reason"]), int(loss["files"])
        findings.add(path, f"dropped.jsonl:{line}", action="dropped", reason=reason, files=files)
