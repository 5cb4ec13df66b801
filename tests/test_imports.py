"""Imports point one way: a room knows those to the left of it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from msd.lineage.digest import PACKAGE

ROOMS = (
    *("errors", "seeds", "system", "measure", "lineage", "tracking", "config", "data", "features", "models", "distill"),
    *("training", "deploy", "tables", "report", "mfh", "studies", "planning", "doctor", "init", "job", "running"),
    *("completion", "commands", "cli", "reference", "__main__"),
)
"""Left to right; lineage and tracking know files, and those after mfh run what stands before them."""
ALLOWED = {("msd/config/reference.py", "mfh")}
"""The reference of all configuration describes both kinds of study."""
SOURCES = sorted(path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.parts[1].removesuffix(".py")


def imported_rooms(node: ast.AST) -> Iterator[str]:
    """Rooms that a file imports when it runs, inside functions too, but not for type checkers."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom):
        names = [f"msd.{alias.name}" for alias in node.names] if node.module == "msd" else [node.module or ""]
    yield from (name.split(".")[1] for name in names if name.startswith("msd."))
    for child in ast.iter_child_nodes(node):
        yield from imported_rooms(child)


@pytest.mark.parametrize("path", [path for path in SOURCES if path != Path("msd/__init__.py")], ids=str)
def test_a_room_imports_nothing_to_its_right(path: Path) -> None:
    tree = ast.parse((PACKAGE.parent / path).read_text(encoding="utf-8"))
    right = {room for room in imported_rooms(tree) if ROOMS.index(room) > ROOMS.index(room_of(path))}
    assert {room for room in right if (str(path), room) not in ALLOWED} == set()


@pytest.mark.parametrize("path", [path for path in SOURCES if path.match("msd/?*/__init__.py")], ids=str)
def test_a_room_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse((PACKAGE.parent / path).read_text(encoding="utf-8")))


def test_a_job_that_only_moves_numbers_does_without_pytorch_and_pandas() -> None:
    """Their import is four fifths of its time, and a study has a job like that for every cell."""
    code = "import sys, msd.tables.collect; sys.exit(any(name in sys.modules for name in ('torch', 'pandas')))"
    subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, check=True)
