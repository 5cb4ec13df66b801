"""Digests of files are remembered but never wrong; digests of code see constants and nothing else."""

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from msd.errors import UserError
from msd.lineage import digest
from msd.lineage.digest import PACKAGE, SETTLED_SECONDS, code_digest, file_digests, file_sha256, module_digests


def write(path: Path, text: str) -> Path:
    """Write a file and wait until its times are old enough to be trusted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    time.sleep(1.1 * SETTLED_SECONDS)
    return path


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def rows(database: Path) -> int:
    with sqlite3.connect(database) as connection:
        return int(connection.execute("SELECT count(*) FROM hashes").fetchone()[0])


def test_an_unchanged_file_is_remembered_and_a_changed_one_is_read_again(tmp_path: Path) -> None:
    database, file = tmp_path / "h.sqlite", write(tmp_path / "file", "one")
    assert file_sha256(file, database=database) == sha256("one")
    assert rows(database) == 1
    write(file, "two")
    assert file_sha256(file, database=database) == sha256("two")
    file.rename(tmp_path / "old")
    times = (tmp_path / "old").stat()
    write(file, "new")
    os.utime(file, ns=(times.st_mtime_ns, times.st_mtime_ns))  # same name, size and mtime, another inode
    assert file_sha256(file, database=database) == sha256("new")


def test_the_memory_has_no_write_ahead_log_which_machines_on_one_disk_cannot_share(tmp_path: Path) -> None:
    database, file = tmp_path / "h.sqlite", write(tmp_path / "file", "one")
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # it stays in the file, for whoever opens it next
    connection.close()
    assert file_sha256(file, database=database) == sha256("one")
    assert rows(database) == 1
    written, read = database.read_bytes()[18:20]  # 2: with such a log
    assert (written, read) == (1, 1)
    assert not list(tmp_path.glob("*-wal"))


def test_a_change_with_the_old_size_mtime_and_inode_is_seen(tmp_path: Path) -> None:
    """No program can set the time of a file's last change of status."""
    database, file = tmp_path / "h.sqlite", write(tmp_path / "file", "one")
    file_sha256(file, database=database)
    times = file.stat()
    with open(file, "r+") as handle:
        handle.write("two")
    os.utime(file, ns=(times.st_mtime_ns, times.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns, file.stat().st_ino) == (3, times.st_mtime_ns, times.st_ino)
    assert file_sha256(file, database=database) == sha256("two")


def test_many_files_at_once_share_the_memory_of_single_ones(tmp_path: Path) -> None:
    database = tmp_path / "h.sqlite"
    files = {write(tmp_path / f"files/{number}", f"number {number}"): f"number {number}" for number in range(20)}
    first = next(iter(files))
    assert file_sha256(first, database=database) == sha256("number 0")
    expected = {str(path): sha256(text) for path, text in files.items()}
    assert file_digests(files, database=database) == expected
    assert rows(database) == 20
    times = first.stat()
    first.write_text("another0")
    os.utime(first, ns=(times.st_mtime_ns, times.st_mtime_ns))
    expected[str(first)] = sha256("another0")
    assert file_digests(files, database=database) == expected
    assert file_sha256(first, database=database) == sha256("another0")


def test_a_file_too_young_to_trust_its_times_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "SETTLED_SECONDS", 600)
    database, file = tmp_path / "h.sqlite", tmp_path / "file"
    file.write_text("one")
    os.utime(file, (0, 0))
    file_sha256(file, database=database)
    assert rows(database) == 0


@pytest.mark.parametrize("content", ["not a database at all" * 99, ""])
def test_a_broken_database_is_made_anew(tmp_path: Path, content: str) -> None:
    database, file = tmp_path / "h.sqlite", write(tmp_path / "file", "one")
    database.write_text(content)
    assert file_sha256(file, database=database) == sha256("one")
    assert rows(database) == 1


def test_a_database_that_cannot_be_made_costs_only_time(tmp_path: Path) -> None:
    file, folder = write(tmp_path / "file", "one"), tmp_path / "h.sqlite"
    folder.mkdir()
    assert file_sha256(file, database=folder) == sha256("one")
    assert file_sha256(file, database=file / "below" / "h.sqlite") == sha256("one")


def test_many_processes_may_share_a_fresh_database(tmp_path: Path) -> None:
    for number in range(20):
        write(tmp_path / f"files/{number}", f"number {number}")
    program = "from pathlib import Path; from msd.lineage.digest import file_sha256\n"
    program += "for n in range(20): print(file_sha256(f'files/{n}', database=Path('h.sqlite')))"
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    running = [
        subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]  # fmt: skip
    expected = [sha256(f"number {number}") for number in range(20)]
    assert [process.communicate()[0].split() for process in running] == [expected] * 8
    assert rows(tmp_path / "h.sqlite") == 20


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package whose module `toy.run` reaches others by every kind of import."""
    for name, text in {
        "__init__": "",
        "run": "import toy.plain\nfrom toy.deep import leaf\ndef f():\n    from . import late\n    return 1\n",
        "plain": '"""Doc."""\nSCALE = 2.0  # why\n\ndef g(x):\n    """Doc."""\n    return x * SCALE\n',
        "deep/__init__": "from .named import CONSTANT\n",
        "deep/named": "CONSTANT = 3\n",
        "deep/leaf": "from ..shared import anything\nimport json\n",
        "late": "LATE = 1\n",
        "shared": "anything = 0\n",
        "unused": "import toy.run\n",
    }.items():
        write(tmp_path / f"toy/{name}.py", text)
    return tmp_path / "toy"


def test_imports_are_followed_inside_functions_and_relative_ones_too(package: Path) -> None:
    expected = {"toy", "toy.run", "toy.plain", "toy.deep", "toy.deep.named", "toy.deep.leaf", "toy.late", "toy.shared"}
    assert set(module_digests(["toy.run"], package=package)) == expected
    assert set(module_digests(["toy.late"], package=package)) == {"toy", "toy.late"}


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("# why", "# because, at greater length", True),
        ('"""Doc."""', '"""Another text."""', True),
        ("# why", '# why\n"""By how much."""', True),
        ("\n\n", "\n\n\n\n", True),
        ("x * SCALE", "(x   *\n            SCALE)", True),
        ("2.0", "2.5", False),
        ("x * SCALE", "SCALE * x", False),
        ("def g(x)", "def g(x, y=1)", False),
    ],
)
def test_a_digest_sees_meaning_and_not_layout(package: Path, old: str, new: str, same: bool) -> None:
    before = code_digest(["toy.run"], package=package)
    elsewhere = code_digest(["toy.late"], package=package)
    text = (package / "plain.py").read_text()
    write(package / "plain.py", text.replace(old, new))
    assert (code_digest(["toy.run"], package=package) == before) is same
    assert code_digest(["toy.late"], package=package) == elsewhere


def test_the_order_of_modules_does_not_count_and_an_unknown_one_is_named(package: Path) -> None:
    assert code_digest(["toy.late", "toy.run"], package=package) == code_digest(["toy.run"], package=package)
    with pytest.raises(UserError, match=r"'toy.plan'.*did you mean 'toy.plain'"):
        code_digest(["toy.plan"], package=package)


def test_the_machinery_that_runs_jobs_is_no_part_of_a_stage(tmp_path: Path) -> None:
    root = tmp_path / "msd"
    write(root / "__init__.py", "")
    write(root / "job.py", "STAGES = {}\n")
    write(root / "lineage/record.py", "A = 1\n")
    write(root / "stage.py", "from msd.job import Job\nfrom msd.lineage import record\n")
    assert set(module_digests(["msd.stage"], package=root)) == {"msd", "msd.stage"}
    assert "msd.job" in module_digests(["msd.job"], package=root)
