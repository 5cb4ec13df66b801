"""Reading a prepared table, {train,val,test}.parquet: uid, image, text, target, score and, for open questions, answers.

One reader for training and for tables, so that both see the same targets.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyarrow.parquet import read_schema  # type: ignore[import-untyped]

from msd.errors import UserError


def read_targets(path: str | Path, *, labels: int, task: str) -> NDArray[Any]:
    """Gold targets of a prepared table with C labels: (N,) int64 classes if multiclass, (N, C) float32 scores if not.

    Raises UserError where a target is no label, or a multiclass sample has not exactly one label of score 1.
    """
    table = pd.read_parquet(path, columns=["uid", "target", "score"])
    scores = np.zeros((len(table), labels), dtype=np.float32)
    for row, (indices, values) in enumerate(zip(table["target"], table["score"], strict=True)):
        if len(indices) != len(values) or (len(indices) and not 0 <= min(indices) <= max(indices) < labels):
            raise UserError(
                f"{path}: sample {table['uid'].iloc[row]!r} has targets {list(indices)} with "
                f"scores {list(values)}; the dataset has {labels} labels"
            )
        scores[row, indices.astype(np.int64)] = values
    if task == "multilabel":
        return scores
    if not (scores.sum(axis=1) == 1).all():
        raise UserError(f"{path}: a multiclass sample needs exactly one label with score 1")
    return scores.argmax(axis=1)


def picture_groups(path: str | Path) -> NDArray[np.int64]:
    """(N,) the number of the picture of each sample, equal for samples of one picture."""
    return np.asarray(pd.factorize(pd.read_parquet(path, columns=["image"])["image"])[0])


def read_answers(path: str | Path) -> Sequence[Sequence[str]] | None:
    """The answers that people gave to each question; None for a table without them."""
    if "answers" not in read_schema(path).names:
        return None
    return pd.read_parquet(path, columns=["answers"])["answers"].tolist()
