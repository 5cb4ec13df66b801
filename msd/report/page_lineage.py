"""The lineage that the report's panels show: the traces of all its cells and figures as one compact JSON block."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msd.errors import UserError
from msd.lineage.trace import Archive, trace
from msd.tables.table import Table


def page_lineage(tables: Mapping[str, Table], figures: Iterable[str], *, declared: Iterable[str]) -> Any:
    """Everything that the panels of cells and figures show; what several of them share is there once.

    tables: path of its JSON -> table. figures: paths. declared: the records among the job's inputs.
    Raises UserError for a record that was needed and is not declared: Snakemake would not know of it.
    """
    archive = Archive()
    block: dict[str, Any] = {"cells": {}, "figures": {}}
    shared: dict[str, dict[str, Any]] = {key: {} for key in ("records", "files", "sources", "code", "environments")}
    problems: dict[str, None] = {}
    for path, table in tables.items():
        for name in map(table.short_name, table.cells):
            traced = _traced(f"{path}#{name}", archive, shared, problems)
            block["cells"][f"{table.name}#{name}"] = {
                key: traced[key] for key in ("place", "record", "cell", "runs", "against", "via")
            }
    for path in figures:
        traced = _traced(path, archive, shared, problems)
        block["figures"][Path(path).stem] = {key: traced[key] for key in ("place", "record")}
    missing = sorted(shared["records"].keys() - set(declared))
    if missing:
        raise UserError(f"the report shows {missing[0]}, which is not among the records that its job declares")
    return block | _compact(shared) | {"problems": list(problems)}


def _traced(
    place: str, archive: Archive, shared: dict[str, dict[str, Any]], problems: dict[str, None]
) -> dict[str, Any]:
    traced = trace(place, archive=archive)
    for key, known in shared.items():
        for name, content in traced[key].items():
            known.setdefault(name, content)
    problems |= dict.fromkeys(traced["problems"])
    return traced


def _compact(shared: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Files as a list of [path, sha256, bytes, record]; records name their files by place in it."""
    places = {path: place for place, path in enumerate(shared["files"])}
    files = [[path, *(about[key] for key in ("sha256", "bytes", "record"))] for path, about in shared["files"].items()]
    records = {
        name: content | {kind: [places[path] for path in content[kind]] for kind in ("inputs", "outputs")}
        for name, content in shared["records"].items()
    }
    return shared | {"files": files, "records": records}


def as_script(block: Any) -> str:
    """JSON that may stand inside a script element: no `<` can end it."""
    text = json.dumps(block, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
