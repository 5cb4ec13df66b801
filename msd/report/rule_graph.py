"""The rule graph, drawn from the records of the jobs that ran: which rule read what which other rule made."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from msd.config.contracts.tables import CHOSEN
from msd.report.style import FAINT, INK, PALETTE, WIDTH
from msd.system.text_file import read_json

Node = str | tuple[str, str]
Graph = dict[str, set[str]]
"""Rule -> the rules whose files it read."""
LAYER = 0.72  # inches between two layers
BOX = 1.15, 0.38  # inches


def rule_graph(records: Iterable[str], *, last: str, read: Iterable[str]) -> tuple[Graph, Counter[str]]:
    """The rules of `records` with their numbers of jobs, and `last`, which runs now, has no record and reads `read`."""
    graph: Graph = {}
    jobs: Counter[str] = Counter({last: 1})
    rule_of: dict[str, str] = {}
    makers: dict[str, str] = {}
    contents = {name: read_json(name) for name in records}
    for name, content in contents.items():
        rule_of[name] = _node(content)
        jobs[rule_of[name]] += 1
        makers |= {output["path"]: rule_of[name] for output in content["outputs"]}
    for name, content in contents.items():
        parents = {rule_of[item["record"]] for item in content["inputs"] if item["record"] in rule_of}
        graph.setdefault(rule_of[name], set()).update(parents - {rule_of[name]})
    graph[last] = {makers[path] for path in read if path in makers}
    return graph, jobs


def _node(content: Mapping[str, Any]) -> str:
    """A record's rule; students of a chosen point stand apart from those that chose it, or the graph had a circle."""
    rule: str = content["rule"]
    return f"{CHOSEN} {rule}" if content["params"].get("variant") == CHOSEN else rule


def reduced(graph: Mapping[str, set[str]]) -> Graph:
    """The graph without the arrows that follow from others."""

    def above(rule: str) -> set[str]:
        return set(graph[rule]).union(*(above(parent) for parent in graph[rule]))

    return {
        rule: {parent for parent in parents if not any(parent in above(other) for other in parents)}
        for rule, parents in graph.items()
    }


def layers(graph: Mapping[str, set[str]]) -> list[list[Node]]:
    """Rules by the longest way from a source, a source itself just above its first reader.

    An arrow over several layers passes a node of its own, (from, to), in each of them. A layer is ordered by where its
    nodes come from.
    """

    @cache
    def below(rule: str) -> int:
        return 1 + max(map(below, graph[rule]), default=-1)

    def depth(rule: str) -> int:
        readers = [below(other) for other, parents in graph.items() if rule in parents]
        return below(rule) if graph[rule] or not readers else min(readers) - 1

    rows: list[list[Node]] = [[] for _ in range(1 + max(map(depth, graph)))]
    above: dict[tuple[int, Node], list[Node]] = {}
    for rule in sorted(graph):
        rows[depth(rule)].append(rule)
        for parent in sorted(graph[rule]):
            way: list[Node] = [parent, *[(parent, rule)] * (depth(rule) - depth(parent) - 1), rule]
            for number, (start, end) in enumerate(pairwise(way), start=depth(parent) + 1):
                above.setdefault((number, end), []).append(start)
                if end != rule:
                    rows[number].append(end)
    place: dict[Node, float] = {}
    for number, row in enumerate(rows):
        from_above = {node: [place[one] for one in above.get((number, node), [])] for node in row}
        row.sort(key=lambda node: (sum(from_above[node]) / max(1, len(from_above[node])), str(node)))
        place |= {node: (position + 0.5) / len(row) for position, node in enumerate(row)}
    return rows


def rule_graph_figure(graph: Mapping[str, set[str]], jobs: Mapping[str, int]) -> Figure:
    """Boxes from top to bottom, one a rule with its number of jobs, arrows along the files."""
    drawn = reduced(graph)
    rows = layers(drawn)
    height = LAYER * len(rows)
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, height))
    axes.set_axis_off()
    ways: dict[Node, list[tuple[float, float]]] = {}
    for depth, row in enumerate(rows):
        for number, node in enumerate(row):
            ways.setdefault(node, []).append((WIDTH * (number + 0.5) / len(row), height - LAYER * (depth + 0.5)))
    for rule, parents in drawn.items():
        for parent in sorted(parents):
            _arrow(axes, [ways[parent][0], *ways.get((parent, rule), []), ways[rule][0]])
    for row in rows:
        for node in row:
            if isinstance(node, str):
                _box(axes, node, ways[node][0], count=jobs[node])
    parts = [f"{rule} reads from {', '.join(sorted(drawn[rule]))}" for rule in sorted(drawn) if drawn[rule]]
    figure.set_label(f"The rule graph: {'; '.join(parts)}.")
    return figure


def _box(axes: Any, rule: str, at: tuple[float, float], *, count: int) -> None:
    (x, y), corner = at, "round,pad=0,rounding_size=0.08"
    look: dict[str, Any] = {"facecolor": "white", "edgecolor": PALETTE[0], "linewidth": 1.4, "zorder": 3}
    axes.add_patch(FancyBboxPatch((x - BOX[0] / 2, y - BOX[1] / 2), *BOX, boxstyle=corner, **look))
    middle: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 4}
    axes.text(x, y + 0.07, rule.replace("_", " "), fontsize=9, color=INK, **middle)
    axes.text(x, y - 0.1, f"{count} job{'s' if count > 1 else ''}", fontsize=7.5, color="#555555", **middle)


def _arrow(axes: Any, way: list[tuple[float, float]]) -> None:
    """An arrow from the lower edge of the first box by the points between to the upper edge of the last one."""
    (x0, y0), *between, (x1, y1) = way
    points = [(x0, y0 - BOX[1] / 2), *between, (x1, y1 + BOX[1] / 2)]
    look: dict[str, Any] = {"color": FAINT, "linewidth": 1.2, "zorder": 2}
    axes.plot(*zip(*points[:-1], strict=True), solid_joinstyle="round", **look)
    axes.add_patch(FancyArrowPatch(*points[-2:], arrowstyle="-|>", mutation_scale=10, shrinkA=0, shrinkB=0, **look))
