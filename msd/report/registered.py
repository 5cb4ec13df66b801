"""Whether the tests of a study were named before its students were trained: a registered study, by its records."""

from collections.abc import Iterable
from pathlib import Path

from msd.lineage.record import CLAIMS
from msd.system.text_file import read_json


def registration(records: Iterable[str], tables: str) -> str:
    """A sentence; `tables` is the record of the tables, which read the file of claims that judges."""
    judged = [item["sha256"] for item in read_json(tables)["inputs"] if Path(item["path"]).name == Path(CLAIMS).name]
    students = [content for content in map(read_json, records) if content["rule"] == "student"]
    others = [content for content in students if content.get("claims_sha256") not in judged]
    count = f"{len(students)} training job{'' if len(students) == 1 else 's'}"
    if not others:
        return f"Registered: all {count} of students began with these tests named in {CLAIMS}, by their records."
    return (
        f"Not registered: of {count} of students, {len(others)} began before these tests stood in {CLAIMS} as they do "
        "now, by their records. Read their p as exploratory."
    )
