"""Stage `crossmodal`: a data set that a user has, its teachers of Algorithm 1 and their students, for several seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from msd.errors import UserError
from msd.mfh.crossmodal.networks import build
from msd.mfh.crossmodal.reader import DataReader, reader_class
from msd.mfh.crossmodal.samples import Samples, check_splits
from msd.mfh.crossmodal.scores import score
from msd.mfh.crossmodal.training import Side, transfer
from msd.training.checkpoint import Checkpoint
from msd.training.determinism import single_thread
from msd.training.engine import Engine

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.crossmodal.config import CrossmodalParams


def crossmodal(job: Job[CrossmodalParams]) -> dict[str, float]:
    """Write outputs["runs"]: teacher, method, seed, score in percent; what was read, "data", and dropped, "findings".

    Returns the mean score of each teacher's methods. The data lie in a folder outside the project: data.json has the
    number of samples, the shape and the sha256 of every modality and label in their place.
    """
    single_thread()
    params = job.params
    Engine(params.training.engine)  # before the data are read
    reader = reader_class(params.data["reader"])(**params.data)
    splits, classes = read(reader, Path(params.folder))
    reader.findings.write(job.outputs["findings"])
    text = json.dumps(described(splits, classes), indent=1, ensure_ascii=False) + "\n"
    Path(job.outputs["data"]).write_text(text, encoding="utf-8")
    frame = run(splits, classes, params, scratch=job.scratch)
    frame.to_parquet(job.outputs["runs"], index=False)
    means = frame.groupby(frame["teacher"] + "/" + frame["method"], sort=False)["score"].mean()
    return {str(name): float(mean) for name, mean in means.items()}


def read(reader: DataReader, folder: Path) -> tuple[dict[str, Samples], int]:
    """The splits of a data set and its number of classes."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; the study names it for the data of {reader.reader}")
    splits = reader.read(folder)
    check_splits(splits, str(folder))
    return splits, reader.classes(folder)


def run(
    splits: Mapping[str, Samples], classes: int, params: CrossmodalParams, *, scratch: str | None = None
) -> pd.DataFrame:
    """Every net of every seed; one row a net with its test score in percent; scratch: where checkpoints are."""
    shapes = {name: values.shape[1:] for name, values in splits["train"].inputs.items()}

    def side(networks: Mapping[str, str]) -> Side:
        return Side(tuple(networks), lambda: build(networks, shapes, classes))

    shared: dict[str, Any] = {name: getattr(params, name) for name in ("share", "training", "distillation")}
    rows = []
    for seed in params.seeds:
        for teacher, networks in params.teachers.items():
            named = f"{params.data['reader']}, {teacher}, seed {seed}, "
            checkpoints = partial(Checkpoint, scratch, prefix=named)
            sides = side(networks), side(params.student)
            predictions = transfer(splits, *sides, **shared, seed=seed, checkpoints=checkpoints)
            for method, logits in predictions.items():
                value = 100 * score(logits, splits["test"].label, metric=params.metric)
                rows.append({"teacher": teacher, "method": method, "seed": seed, "score": value})
    return pd.DataFrame(rows)


def described(splits: Mapping[str, Samples], classes: int) -> dict[str, Any]:
    """Number of classes; and of each split the samples, and the shape, type and sha256 of every modality and label."""
    content: dict[str, Any] = {"classes": classes}
    for split, samples in splits.items():
        content[split] = {"samples": len(samples.label)} | {
            name: {
                "shape": list(values.shape[1:]),
                "type": str(values.dtype).removeprefix("torch."),
                "sha256": hashlib.sha256(values.contiguous().numpy().data).hexdigest(),
            }
            for name, values in {**samples.inputs, "label": samples.label}.items()
        }
    return content
