"""Digests of all predictions of a study: published, so that who runs it elsewhere can tell."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from msd.tables.names import VIEWS
from msd.tables.results import Array, DatasetResults

ABOUT = (
    "sha256 of a model's logits on the test split, float32, all views, and their mean and standard deviation by view"
)


def prediction_digests(datasets: Mapping[str, DatasetResults]) -> dict[str, Any]:
    """The content of predictions.json: model, as <dataset>/<method>/<seed>, -> digest."""
    models: dict[str, Any] = {}
    for name, results in datasets.items():
        models |= {f"{name}/{model}": digest for model, digest in _of(results)}
    return {"about": ABOUT, "models": models}


def _of(results: DatasetResults) -> Iterator[tuple[str, dict[str, Any]]]:
    for seed in results.teachers["both"]:
        yield f"teacher/{seed}", digest({view: results.teachers[view][seed] for view in VIEWS})
    for method, own in results.methods.items():
        logits = {view: own.logits("test", view) for view in VIEWS}
        for seed in own.seeds:
            yield f"{method}/{seed}", digest({view: logits[view][seed] for view in VIEWS})


def digest(logits: Mapping[str, Array]) -> dict[str, Any]:
    """sha256 of a model's logits, view -> (N, C), and mean and standard deviation of each view."""
    whole = hashlib.sha256()
    for view in VIEWS:
        whole.update(np.ascontiguousarray(logits[view], dtype="<f4").tobytes())
    wide = {view: logits[view].astype(np.float64) for view in VIEWS}
    return {
        "sha256": whole.hexdigest(),
        "logits": {view: [float(f"{one.mean():.7g}"), float(f"{one.std():.7g}")] for view, one in wide.items()},
    }
