"""What a finished job's files hold for MLflow: its cost, its metrics, and its curves, thinned."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msd.lineage.record import leaves
from msd.tracking.chart import score_name

if TYPE_CHECKING:
    from mlflow.entities import Metric

MAX_POINTS = 500
# of all curves of a run together: MLflow takes 0.1 ms a point, and history.parquet keeps them all
RUN_POINTS = 1000


def safe_name(name: str) -> str:
    """A name that MLflow accepts: other characters become underscores."""
    return re.sub(r"[^\w\-./: ]", "_", name)[:250]


def _outputs(content: dict[str, Any], file: str, project: Path) -> Iterator[Path]:
    for output in content["outputs"]:
        if Path(output["path"]).name == file:
            yield project / output["path"]


def scalars(content: dict[str, Any], project: Path, time: int) -> Iterator[Metric]:
    """The record's cost and the values of metrics.json; undefined ones (null) are left out."""
    from mlflow.entities import Metric

    yield Metric("job/wall_seconds", content["wall_seconds"], time, 0)
    yield Metric("job/peak_memory_bytes", content["peak_memory_bytes"], time, 0)
    for path in _outputs(content, "metrics.json", project):
        for name, value in leaves(json.loads(path.read_text(encoding="utf-8")), "/"):
            if value not in (None, {}):
                yield Metric(safe_name(name), float(value), time, 0)


def scores(content: dict[str, Any], project: Path, time: int) -> Iterator[Metric]:
    """The test score of a cell: the mean over the seeds of the variant that it chose."""
    from mlflow.entities import Metric

    for path in _outputs(content, "cell.json", project):
        cell = json.loads(path.read_text(encoding="utf-8"))
        for variant in cell["variants"]:
            if variant["variant"] == cell["selected"] and variant["test"]["mean"] is not None:
                yield Metric(safe_name(score_name(cell["dataset"])), float(variant["test"]["mean"]), time, 0)


def curves(content: dict[str, Any], project: Path, time: int) -> Iterator[Metric]:
    """Each term of history.parquet as one curve a seed; short curves keep all points, long ones are thinned."""
    from mlflow.entities import Metric

    for path in _outputs(content, "history.parquet", project):
        ordered = sorted(_read_curves(path).items(), key=lambda curve: len(curve[1]))
        left = RUN_POINTS
        for index, (key, points) in enumerate(ordered):
            thinned = _thin(points, min(MAX_POINTS, max(2, left // (len(ordered) - index))))
            left -= len(thinned)
            yield from (Metric(key, value, time, step) for step, value in thinned)


def _read_curves(path: Path) -> dict[str, list[tuple[int, float]]]:
    """(step, value) points of each curve, of a term kept by sample the mean; what is not finite is left out."""
    import numpy
    import pandas

    table = pandas.read_parquet(path, columns=["seed", "step", "term", "value"])
    table = table[numpy.isfinite(table["value"])].groupby(["seed", "term", "step"], as_index=False)["value"].mean()
    curves: dict[str, list[tuple[int, float]]] = {}
    for (seed, term), rows in table.groupby(["seed", "term"], sort=False):
        curves[safe_name(f"seed-{seed}/{term}")] = list(zip(rows["step"].tolist(), rows["value"].tolist(), strict=True))
    return curves


def _thin(points: list[tuple[int, float]], limit: int) -> list[tuple[int, float]]:
    """At most `limit` points (two or more), evenly taken, with the first and the last."""
    if len(points) <= limit:
        return points
    share = (len(points) - 1) / (limit - 1)
    return [points[round(index * share)] for index in range(limit)]
