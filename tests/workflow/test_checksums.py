"""Snakemake reads a file for its checksum once, and again when it has changed."""

import os
from pathlib import Path

import pytest
from calls import PROJECT, success

SNAKEFILE = """
import hashlib
from pathlib import Path

from msd.running.checksums import remember_checksums

remember_checksums()
taken = hashlib.file_digest

def counted(file, algorithm):
    with Path("read").open("a") as names:
        print(file.name, file=names)
    return taken(file, algorithm)

hashlib.file_digest = counted

rule all:
    input: "a", "b", "c", "d"

rule three:
    input: "given"
    output: "a", "b", "c"
    shell: "cp given a; cp given b; cp given c"

rule four:
    input: "given"
    output: "d"
    shell: "cp given d"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "msd").symlink_to(PROJECT / "msd")
    (tmp_path / "given").write_text("one")
    return tmp_path


def read(folder: Path) -> list[str]:
    """The files that were read for their checksums since the last look."""
    names = (folder / "read").read_text().split() if (folder / "read").exists() else []
    (folder / "read").unlink(missing_ok=True)
    return [name for name in names if name == "given"]


def test_an_input_is_read_once_for_all_outputs_of_all_jobs(folder: Path) -> None:
    success("--cores", "1", folder=folder)
    assert read(folder) == ["given"]
    made = [(folder / name).stat().st_mtime_ns for name in "abcd"]
    os.utime(folder / "given")
    success("--cores", "1", folder=folder)
    assert read(folder) == ["given"]
    assert [(folder / name).stat().st_mtime_ns for name in "abcd"] == made, "its content is the same"
    (folder / "given").write_text("two")
    success("--cores", "1", folder=folder)
    assert [(folder / name).read_text() for name in "abcd"] == ["two"] * 4
