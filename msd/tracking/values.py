"""What a finished job's files hold for MLflow: its cost, its metrics, and its curves, thinned."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msd.errors import decoding
from msd.lineage.record import leaves
from msd.tracking.chart import score_name

if TYPE_CHECKING:
    from mlflow.entities import Metric

Value = tuple[str, float, int]
"""Name, value and step."""
MAX_POINTS = 500
# of all curves of a run together: MLflow takes 0.1 ms a point, and history.parquet keeps them all
RUN_POINTS = 1000


def safe_name(name: str) -> str:
    """A name that MLflow accepts: other characters become underscores."""
    return re.sub(r"[^\w\-./: ]", "_", name)[:250]


def values(content: dict[str, Any], project: Path, time: int) -> Iterator[Metric]:
    """What a record says of its job's cost, and what the files hold that the job wrote.

    Raises UserError for a damaged file.
    """
    from mlflow.entities import Metric

    yield Metric("job/wall_seconds", content["wall_seconds"], time, 0)
    yield Metric("job/peak_memory_bytes", content["peak_memory_bytes"], time, 0)
    for path in (project / output["path"] for output in content["outputs"]):
        if path.name in READERS:
            with decoding(f"{path.relative_to(project)} is damaged", "remove it, and run the study again"):
                stored = list(READERS[path.name](path))
            yield from (Metric(safe_name(name), value, time, step) for name, value, step in stored)


def _metrics(path: Path) -> Iterator[Value]:
    """The values of metrics.json; undefined ones (null) are left out."""
    for name, value in leaves(json.loads(path.read_text(encoding="utf-8")), "/"):
        if value not in (None, {}):
            yield name, float(value), 0


def _score(path: Path) -> Iterator[Value]:
    """The test score of a cell: the mean over the seeds of the variant that it chose."""
    cell = json.loads(path.read_text(encoding="utf-8"))
    for variant in cell["variants"]:
        if variant["variant"] == cell["selected"] and variant["test"]["mean"] is not None:
            yield score_name(cell["dataset"]), float(variant["test"]["mean"]), 0


def _curves(path: Path) -> Iterator[Value]:
    """Each term of history.parquet as one curve a seed; short curves keep all points, long ones are thinned."""
    ordered = sorted(_read_curves(path).items(), key=lambda curve: len(curve[1]))
    left = RUN_POINTS
    for index, (name, points) in enumerate(ordered):
        thinned = _thin(points, min(MAX_POINTS, max(2, left // (len(ordered) - index))))
        left -= len(thinned)
        yield from ((name, value, step) for step, value in thinned)


READERS: dict[str, Callable[[Path], Iterator[Value]]] = {
    "metrics.json": _metrics,
    "cell.json": _score,
    "history.parquet": _curves,
}
"""Name of a file -> what reads it."""


def _read_curves(path: Path) -> dict[str, list[tuple[int, float]]]:
    """(step, value) points of each curve, of a term kept by sample the mean; what is not finite is left out."""
    import numpy
    import pandas

    table = pandas.read_parquet(path, columns=["seed", "step", "term", "value"])
    table = table[numpy.isfinite(table["value"])].groupby(["seed", "term", "step"], as_index=False)["value"].mean()
    curves: dict[str, list[tuple[int, float]]] = {}
    for (seed, term), rows in table.groupby(["seed", "term"], sort=False):
        curves[f"seed-{seed}/{term}"] = list(zip(rows["step"].tolist(), rows["value"].tolist(), strict=True))
    return curves


def _thin(points: list[tuple[int, float]], limit: int) -> list[tuple[int, float]]:
    """At most `limit` points (two or more), evenly taken, with the first and the last."""
    if len(points) <= limit:
        return points
    share = (len(points) - 1) / (limit - 1)
    return [points[round(index * share)] for index in range(limit)]
