"""SHA-256 digests of files, remembered between jobs, and of the parsed source of `msd` modules.

A file's digest is remembered in `results/.hashes.sqlite` by path, size, inode and the times of its last change of
content and of status (which no program sets, but the system's clock does), so that a large file is read once and not
once for each job that uses it. The database is a cache: deleting it costs time only.
"""

import ast
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from pathlib import Path

from msd.errors import UserError, nearest

DATABASE = Path("results/.hashes.sqlite")
PACKAGE = Path(__file__).resolve().parent.parent
# They run, record and track jobs but decide no result: a new rule in STAGES must not re-run every other rule.
MACHINERY = (
    "msd.job",
    "msd.running.run_job",
    "msd.system.temporary",
    "msd.cli",
    "msd.commands",
    "msd.__main__",
    "msd.tracking",
    "msd.lineage",
)
# The kernel's clock for mtimes ticks every 1 to 10 ms: a file this young can still change unseen.
SETTLED_SECONDS = 0.05
READERS = min(8, 2 * (os.cpu_count() or 1))  # some wait for the disk while others hash
REMEMBERED = "SELECT sha256 FROM hashes WHERE path = ? AND size = ? AND mtime = ? AND ctime = ? AND inode = ?"
BROKEN = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
          sqlite3.SQLITE_IOERR, sqlite3.SQLITE_ERROR}  # fmt: skip


def file_sha256(path: str | Path, *, trust: bool = True, database: Path = DATABASE) -> str:
    """SHA-256 of one file, as `file_digests`."""
    return file_digests([path], trust=trust, database=database)[str(path)]


def file_digests(paths: Iterable[str | Path], *, trust: bool = True, database: Path = DATABASE) -> dict[str, str]:
    """SHA-256 of files in hexadecimal, by the names given; several threads read those that are not remembered.

    With `trust`, a remembered digest of an unchanged file will do. Raises OSError for a file that cannot be read.
    """
    digests: dict[str, str] = {}
    unknown: dict[str, os.stat_result] = {}
    for path in map(str, paths):
        status = os.stat(path)
        known = _query(database, REMEMBERED, (os.path.abspath(path), *_key(status))) if trust else []
        if known:
            digests[path] = str(known[0][0])
        else:
            unknown[path] = status
    started = time.time()
    with ThreadPoolExecutor(READERS) as pool:  # hashing releases the interpreter's lock
        for (path, before), digest in zip(unknown.items(), pool.map(_sha256, unknown), strict=True):
            digests[path] = digest
            if _key(os.stat(path)) == _key(before):
                _remember(database, path, before, digest, now=started)
    return digests


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def remember(digests: Mapping[str, str], *, database: Path = DATABASE) -> None:
    """Note the digests, by path, of files that were hashed before they were moved or their times were set."""
    time.sleep(SETTLED_SECONDS)  # a status this young could change unseen
    for path, sha256 in digests.items():
        _remember(database, path, os.stat(path), sha256, now=time.time())


def _remember(database: Path, path: str, status: os.stat_result, sha256: str, *, now: float) -> None:
    if now - max(status.st_mtime, status.st_ctime) >= SETTLED_SECONDS:
        values = (os.path.abspath(path), *_key(status), sha256)
        _query(database, "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?, ?)", values)


def _query(database: Path, statement: str, values: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    """Rows of a statement; none when the database is busy or cannot be made, for it only saves time."""
    place = (str(database.absolute()), os.getpid(), threading.get_ident())
    for attempt in range(2):
        try:
            if attempt:
                _discard(place[0])
            return _connection(*place).execute(statement, values).fetchall()
        except OSError:  # a folder we may not write to
            return []
        except sqlite3.Error as error:
            # extended codes carry the primary code in the low byte
            if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in BROKEN:
                return []
    return []


def _discard(database: str) -> None:
    _connection.cache_clear()
    for suffix in ("", "-journal", "-wal", "-shm"):
        Path(database + suffix).unlink(missing_ok=True)


@lru_cache(maxsize=8)
def _connection(database: str, process: int, thread: int) -> sqlite3.Connection:
    """An open connection, one for each process and thread, since sqlite's may not cross either."""
    Path(database).parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(database, timeout=30, isolation_level=None)
    connection.execute("PRAGMA busy_timeout = 30000")
    # not WAL, whose index is memory that processes share, and those of two machines on one disk do not
    connection.execute("PRAGMA journal_mode = TRUNCATE")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS hashes"
        " (path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, ctime INTEGER, inode INTEGER, sha256 TEXT)"
    )
    return connection


def code_digest(modules: Sequence[str], *, package: Path = PACKAGE) -> str:
    """One digest of the parsed source of `modules` and of all they import: the `code` parameter of a rule."""
    parts = sorted(module_digests(modules, package=package).items())
    return hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in parts).encode()).hexdigest()


def module_digests(modules: Sequence[str], *, package: Path = PACKAGE) -> dict[str, str]:
    """Digest of the parsed source of each of `modules` and of every `msd` module they import, sorted by name.

    Imports are found without running anything, inside functions too. Comments, layout, docstrings (of values too) and
    what stands under `if TYPE_CHECKING:` do not count. Modules that only run and record jobs (`MACHINERY`) count where
    they are named, not where imported.
    """
    digests: dict[str, str] = {}
    waiting, seen = list(modules), set[str]()
    for name in waiting:
        if _source(name, package) is None:
            raise UserError(_unknown_module(name, package))
    while waiting:
        name = waiting.pop()
        path = None if name in seen else _source(name, package)
        seen.add(name)
        if path is None:
            continue
        status = path.stat()
        digest, imported = _parsed(path, name, status.st_mtime_ns, status.st_size)
        digests[name] = digest
        parents = [name.rsplit(".", depth)[0] for depth in range(1, name.count(".") + 1)]
        waiting += parents + [other for other in imported if not _is_machinery(other)]
    return dict(sorted(digests.items()))


def _is_machinery(name: str) -> bool:
    return any(name == other or name.startswith(other + ".") for other in MACHINERY)


def _source(module: str, package: Path) -> Path | None:
    """The file of a module of the package, or None for a name that is no module of it."""
    top, *rest = module.split(".")
    if top != package.name:
        return None
    base = package.joinpath(*rest)
    for path in (base / "__init__.py", base.parent / f"{base.name}.py"):
        if path.is_file():
            return path
    return None


def _unknown_module(name: str, package: Path) -> str:
    paths = (path.relative_to(package.parent).with_suffix("") for path in package.rglob("*.py"))
    known = [".".join(path.parts).removesuffix(".__init__") for path in paths]
    return f"there is no module {name!r} in the package {package.name!r}{nearest(name, known)}"


@cache
def _parsed(path: Path, module: str, mtime_ns: int, size: int) -> tuple[str, tuple[str, ...]]:
    """Digest of a module's syntax tree, and the names it may import (a name may turn out to be no module)."""
    tree = _WhatRuns().visit(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))
    home = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    imported = tuple(sorted({name for node in ast.walk(tree) for name in _imports(node, home)}))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imported


class _WhatRuns(ast.NodeTransformer):
    """Leaves out what readers or type checkers alone read: strings that stand by themselves, and their imports."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        names = {ast.unparse(node.test), ast.unparse(node.test).rpartition(".")[2]}
        return node.orelse if "TYPE_CHECKING" in names else node


def _imports(node: ast.AST, home: list[str]) -> Iterator[str]:
    """Dotted names that an import statement may load; `from a import b` may mean the module a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        start = home[: len(home) - node.level + 1] if node.level else []
        base = ".".join([*start, *([node.module] if node.module else [])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)
