"""Trace: from one cell, figure or claim back to runs, teacher, data and code, by the records that jobs left."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msd.errors import UserError, decoding, made_anew, nearest
from msd.lineage.identity import cell_name, other_side
from msd.lineage.record import producing_record, read_record, relative
from msd.lineage.studies import check_results
from msd.system.text_file import read_json

# Jobs that make a model: one of them belongs to a cell only where it is the cell's own run or what that came from.
TRAININGS = ("teacher", "student", "probe")
ENVIRONMENT = ("git", "lock_sha256", "versions", "cpu", "gpu")


class Archive:
    """The records of a project, each read once; paths are relative to the project's folder, the working folder."""

    def __init__(self) -> None:
        self._made: dict[str, dict[str, str]] = {}
        self._records: dict[str, dict[str, Any]] = {}
        self._tables: dict[str, dict[str, Any] | None] = {}

    def maker(self, path: str) -> str:
        """The record that lists `path` as an output; raises UserError for a file that no job made."""
        if not Path(path).is_file():
            names = [relative(file) for file in Path(path).parent.glob("*") if file.is_file()]
            raise UserError(f"there is no file {path}{nearest(path, names)}")
        name = producing_record(path, self._made)
        if name is None:
            raise UserError(f"no record lists {path}, so nothing says what it was made from; `msd audit` says more")
        return name

    def record(self, name: str) -> dict[str, Any]:
        """A record's content."""
        if name not in self._records:
            if not Path(name).is_file():
                raise UserError(f"the record {name} is missing; run the workflow again, it makes what is not recorded")
            self._records[name] = read_record(name)
        return self._records[name]

    def find_table(self, path: str) -> dict[str, Any] | None:
        """A table's JSON; None for another file and for one that is not there."""
        if path not in self._tables:
            is_json = path.endswith(".json") and Path(path).is_file()
            content = read_json(path) if is_json else None
            is_table = isinstance(content, dict) and {"cells", "layout"} <= content.keys()
            self._tables[path] = content if is_table else None
        return self._tables[path]

    def parents(self, name: str) -> list[str]:
        """The records of what a job read, in the order of their names."""
        return sorted({source["record"] for source in self.record(name)["inputs"] if source["record"]})

    def ancestors(self, names: Iterable[str]) -> list[str]:
        """`names` and all that they were made from, nearest first."""
        records = list(dict.fromkeys(names))
        for name in records:  # grows while it is read
            records += [parent for parent in self.parents(name) if parent not in records]
        return records


def trace(place: str, *, archive: Archive | None = None) -> dict[str, Any]:
    """Where a result comes from: `place` is a file, or `<table>.json#<cell>` as `cell_name` names its cells.

    `<table>.json#<claim>` means all cells of one claim, where the table judges claims.

    Returns {"place", "kind": "cell" or "file", "file", "record", "cell", "runs", "against", "via", "records", "files",
    "sources", "code", "environments", "problems"}: `record` made the file; `runs` and `against` are the records of
    the cell's runs and of those it is compared with, `via` of the jobs between them and the table. `records` holds
    these and all that they were made from; a record's code and environment are keys of `code` and `environments`.

    Raises UserError for a file or cell that is not there and for a file without a record.
    """
    archive = archive or Archive()
    path, is_cell, name = place.partition("#")
    path = relative(path)
    maker = archive.maker(path)
    result: dict[str, Any] = {"place": f"{path}{is_cell}{name}", "kind": "cell" if is_cell else "file", "file": path}
    result |= {"record": maker, "cell": None, "runs": [], "against": [], "via": []}
    if is_cell:
        table = archive.find_table(path)
        if table is None:
            raise UserError(f"{path} is no table with cells; give one's JSON, e.g. results/demo/tables/main.json#…")
        cells = _cells(table, name, where=path)
        runs = list(dict.fromkeys(f"{run}/record.json" for cell in cells for run in cell["runs"]))
        against = [run for cell in cells for run in _compared(cell, path, archive)]
        against = [run for run in dict.fromkeys(against) if run not in runs]
        result |= {"cell": cells[0] if len(cells) == 1 else table["claims"][name], "runs": runs, "against": against}
        result["via"] = list(dict.fromkeys(_between(maker, runs, archive) + _between(maker, against, archive)))
        names = [maker, *result["via"], *archive.ancestors([*runs, *against])]
    else:
        names = archive.ancestors([maker])
    return result | _describe(list(dict.fromkeys(names)), archive)


def place_of(study: str, place: str) -> str:
    """A place by its short name, as `main#clipart-tags/kd` or the name of a table or figure; another one as it is."""
    name, is_cell, cell = place.partition("#")
    if Path(name).suffix or Path(name).parent.name:
        return place
    check_results(study, Path("results"))
    folder = f"results/{study}"
    figure = Path(f"{folder}/figures/{name}.svg")
    return str(figure) if figure.is_file() and not is_cell else f"{folder}/tables/{name}.json{is_cell}{cell}"


def _cells(table: Mapping[str, Any], name: str, *, where: str) -> list[dict[str, Any]]:
    """The cell of that name, or all cells of the claim of that name; raises UserError with the nearest name."""
    if name in table.get("claims", {}):
        return [cell for cell in table["cells"] if cell["claim"] == name]
    layout = [*table["layout"]["rows"], *table["layout"]["columns"]]
    cells = {cell_name(cell, layout): cell for cell in table["cells"]}
    if name not in cells:
        longer = [other for other in cells if other.startswith(f"{name}/")]
        hint = f"; it could be {', '.join(longer[:6])}" if longer else nearest(name, list(cells))
        raise UserError(f"{where} has no cell {name!r}{hint}")
    return [cells[name]]


def _compared(cell: Mapping[str, Any], path: str, archive: Archive) -> list[str]:
    """Records of the runs of the cell that this one is against, which it names itself or are sought in the tables."""
    if not cell.get("against"):
        return []
    if "runs" in cell["against"]:
        return [f"{run}/record.json" for run in cell["against"]["runs"]]
    folder = Path(path).parent
    paths = dict.fromkeys([path, (folder / "main.json").as_posix(), *sorted(map(relative, folder.glob("*.json")))])
    tables = (table for name in paths if (table := archive.find_table(name)) is not None)
    other = other_side(cell, tables)
    return [] if other is None else [f"{run}/record.json" for run in other["runs"]]


def _between(maker: str, runs: Sequence[str], archive: Archive) -> list[str]:
    """Records of the jobs that read a run's files and whose own the table read: those that gathered or evaluated it."""
    return [
        name
        for name in archive.parents(maker)
        if name not in runs and archive.record(name)["rule"] not in TRAININGS and set(archive.parents(name)) & set(runs)
    ]


def _describe(names: Sequence[str], archive: Archive) -> dict[str, Any]:
    """The tables of a trace: records with what they read and wrote, and what several of them share."""
    records: dict[str, Any] = {}
    files: dict[str, Any] = {}
    sources: dict[str, Any] = {}
    code: dict[str, Any] = {}
    environments: dict[str, Any] = {}
    for name in names:
        content = archive.record(name)
        with decoding(f"{name} is the record of another version of msd", made_anew(name)):
            environment = {key: content[key] for key in ENVIRONMENT}
            mark = hashlib.sha256(json.dumps(environment, sort_keys=True).encode()).hexdigest()[:12]
            environments[mark], code[content["code"]["digest"]] = environment, content["code"]["modules"]
            records[name] = {key: content[key] for key in ("rule", "params", "seeds", "started", "ended")}
            records[name] |= {"code": content["code"]["digest"], "environment": mark}
        for kind in ("inputs", "outputs"):
            records[name][kind] = {item["path"]: item["sha256"] for item in content[kind]}
        for item in content["outputs"]:
            files[item["path"]] = {"sha256": item["sha256"], "bytes": item["bytes"], "record": name}
            if item["path"].endswith("/source.json"):
                sources[name] = read_json(item["path"])
        for item in content["inputs"]:
            files.setdefault(item["path"], {key: item[key] for key in ("sha256", "bytes", "record")})
    tables = {"records": records, "files": files, "sources": sources, "code": code, "environments": environments}
    return tables | {"problems": _problems(records, files)}


def _problems(records: Mapping[str, Any], files: Mapping[str, Any]) -> list[str]:
    """Sentences on inputs that are not what their producers recorded; that files are as recorded `msd audit` checks."""
    return [
        f"{name} was made from another {path} than {files[path]['record']} recorded"
        for name, content in records.items()
        for path, sha256 in content["inputs"].items()
        if files[path]["record"] in records and files[path]["sha256"] != sha256
    ]
