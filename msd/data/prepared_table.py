"""Reading a prepared table, {train,val,test}.parquet: uid, image, text, target, score, near_copy
and, for open questions, answers.

One reader for training and for tables, so that both see the same targets.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from msd.data.columns import numbers, read_columns
from msd.errors import UserError


class Targets(NamedTuple):
    """The labels of N samples, one after the other, and where those of each sample begin: (N+1,), (S,) and (S,)."""

    starts: NDArray[np.int64]
    labels: NDArray[np.int32]
    scores: NDArray[np.float32]


def read_targets(path: str | Path, *, labels: int, task: str) -> NDArray[Any]:
    """Gold targets of a prepared table with C labels: (N,) int64 classes if multiclass, (N, C) float32 scores if not.

    Raises UserError as `read_labels` and `classes` do.
    """
    stored = read_labels(path, labels=labels)
    if task == "multiclass":
        return classes(stored, path)
    dense = np.zeros((len(stored.starts) - 1, labels), dtype=np.float32)
    dense[_samples(stored), stored.labels] = stored.scores
    return dense


def read_labels(path: str | Path, *, labels: int) -> Targets:
    """The labels of a prepared table's samples, and their scores; UserError where one is none of the C labels."""
    table = read_columns(path, "target", "score")
    (starts, indices), (others, scores) = (_ragged(table[column]) for column in ("target", "score"))
    lacking = np.flatnonzero(np.diff(starts) != np.diff(others))
    outside = np.flatnonzero((indices < 0) | (indices >= labels))
    if len(lacking) or len(outside):
        row = int(lacking[0] if len(lacking) else np.searchsorted(starts, outside[0], side="right") - 1)
        uid, target, score = read_columns(path, "uid", "target", "score").slice(row, 1).to_pydict().values()
        raise UserError(
            f"{path}: sample {uid[0]!r} has targets {target[0]} with scores {score[0]}; the dataset has {labels} labels"
        )
    return Targets(starts, indices.astype(np.int32), scores.astype(np.float32))


def classes(targets: Targets, path: str | Path) -> NDArray[np.int64]:
    """(N,) the class of each sample of the table `path`; UserError unless it has one label, whose score is 1."""
    given = targets.scores != 0
    counts = np.bincount(_samples(targets)[given], minlength=len(targets.starts) - 1)
    if not (counts == 1).all() or not (targets.scores[given] == 1).all():
        raise UserError(f"{path}: a multiclass sample needs exactly one label with score 1")
    return targets.labels[given].astype(np.int64)


def _samples(targets: Targets) -> NDArray[np.int64]:
    """(S,) the sample of each label."""
    return np.repeat(np.arange(len(targets.starts) - 1), np.diff(targets.starts))


def _ragged(column: Any) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Where each list of a column begins, and what all of them hold."""
    lists = column.combine_chunks()
    starts = numbers(lists.offsets).astype(np.int64)
    return starts - starts[0], numbers(lists.flatten())


def picture_groups(path: str | Path) -> NDArray[np.int64]:
    """(N,) the number of the picture of each sample, equal for samples of one picture."""
    images = read_columns(path, "image")["image"].combine_chunks()
    return numbers(images.dictionary_encode().indices).astype(np.int64)


def near_copies(path: str | Path) -> NDArray[np.bool_]:
    """(N,) whether training has nearly seen each sample: the same text or picture, see `msd.data.near_copies`."""
    return np.array(read_columns(path, "near_copy")["near_copy"].to_pylist(), dtype=bool)


def read_answers(path: str | Path) -> Sequence[Sequence[str]] | None:
    """The answers that people gave to each question; None for a table without them."""
    if "answers" not in pq.read_schema(path).names:
        return None
    answers: list[list[str]] = read_columns(path, "answers")["answers"].to_pylist()
    return answers
