"""The readable tree of a trace: `msd trace`."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msd.lineage.identity import NO_RUN

WIDTH = 120


def as_tree(traced: Mapping[str, Any]) -> str:
    """What `msd.lineage.trace.trace` found, as a tree from the result to the raw files; shared parts are shown once."""
    lines = [traced["place"], *(f"  {line}" for line in _cell_lines(traced["cell"] or {}))]
    lines += _Tree(traced).draw([traced["record"]])
    lines += [f"Broken: {problem}" for problem in traced["problems"]]
    lines += [f"git {state}" for state in dict.fromkeys(_git(item) for item in traced["environments"].values())]
    return "\n".join(lines)


class _Tree:
    """Walks the records of a trace; remembers which were shown."""

    def __init__(self, traced: Mapping[str, Any]) -> None:
        self.traced = traced
        self.shown: set[str] = set()

    def draw(self, names: Sequence[str], indent: str = "") -> Iterator[str]:
        for name in names:
            is_last = name == names[-1]
            content = self.traced["records"][name]
            head = f"{content['rule']}  {Path(name).parent.as_posix()}"
            head += "  (compared with)" if name in self.traced["against"] else ""
            if name in self.shown:
                yield f"{indent}{'└─' if is_last else '├─'} {head}  (above)"
                continue
            self.shown.add(name)
            yield f"{indent}{'└─' if is_last else '├─'} {head}  code {content['code'][:12]}"
            below = indent + ("   " if is_last else "│  ")
            parents = self._parents(name)
            margin = f"{below}{'│' if parents else ' '}  "
            for line in self._details(name):
                yield from textwrap.wrap(line, WIDTH, initial_indent=margin, subsequent_indent=f"{margin}  ")
            yield from self.draw(parents, below)

    def _parents(self, name: str) -> list[str]:
        """Of what made a cell's table only the cell's own part."""
        traced = self.traced
        runs = [*traced["runs"], *traced["against"]]
        made_from = self._made_from(name)
        if traced["kind"] == "cell" and name == traced["record"]:
            gathered = {parent for via in traced["via"] for parent in self._made_from(via)}
            return [*traced["via"], *(run for run in runs if run not in gathered)]
        if name in traced["via"]:
            made_from &= set(runs)
        return sorted(made_from & traced["records"].keys())

    def _made_from(self, name: str) -> set[str]:
        files = self.traced["files"]
        return {files[path]["record"] for path in self.traced["records"][name]["inputs"]} - {None}

    def _details(self, name: str) -> Iterator[str]:
        content = self.traced["records"][name]
        if content["seeds"]:
            yield f"seeds {', '.join(map(str, content['seeds']))}"
        parameters = content["params"].get("parameters")
        if parameters:
            yield ", ".join(f"{key} {value}" for key, value in parameters.items())
        source = self.traced["sources"].get(name)
        if source is not None:
            yield f"licence: {source['licence']['name']}; fetched {source['date']}"
            for file in source["files"]:
                version = " ".join(str(file[key]) for key in ("package", "version") if file.get(key))
                yield f"{file['file']}  {version or file['origin']}  {file['bytes']:,} bytes"
                yield f"  sha256 {file['sha256']}"


def _cell_lines(cell: Mapping[str, Any]) -> Iterator[str]:
    """The numbers of a cell, at full precision."""
    if not cell:
        return
    if cell.get("metric"):
        bounds = "" if cell["low"] is None else f" [{cell['low']!r}, {cell['high']!r}]"
        yield f"{cell['metric']}, {cell['split']}: mean {cell['mean']!r}{bounds}, n = {cell['n']}"
    if cell.get("values"):
        yield "by seed: " + ", ".join(f"{seed}: {value!r}" for seed, value in cell["values"].items())
    if cell.get("selected"):
        yield f"selected on validation: {cell['selected']}"
    against = cell.get("against")
    if isinstance(against, Mapping):  # of a claim on several tasks it is a method's name
        bounds = "" if against["low"] is None else f" [{against['low']!r}, {against['high']!r}]"
        p = f"p {against['p']!r}" if against["p_holm"] is None else f"p (Holm) {against['p_holm']!r}"
        yield f"against {against['method']}: {against['difference']!r}{bounds}, {p}"
        if against["method"] in NO_RUN:
            yield f"{against['method']}: {NO_RUN[against['method']]}"
    if cell.get("verdicts"):
        yield f"{cell['statement']}: " + ", ".join(f"{count} {verdict}" for verdict, count in cell["verdicts"].items())
    for key in ("verdict", "evidence", "why"):
        if cell.get(key):
            yield f"{key}: {cell[key]}"


def _git(environment: Mapping[str, Any]) -> str:
    git = environment["git"]
    return f"{git['commit']}{' with uncommitted changes' if git['dirty'] else ''}"
