"""Targets and pictures of a prepared table, and faults in it."""

from pathlib import Path

import pandas as pd
import pytest

from msd.data.prepared_table import picture_groups, read_targets
from msd.errors import UserError


def written(folder: Path, *rows: tuple[list[int], list[float]]) -> Path:
    """A table with a target and score a row, of samples a, b …; those of c and later share the picture of a."""
    targets, scores = zip(*rows, strict=True)
    uids = list("abcdef"[: len(rows)])
    images = [uid if uid < "c" else "a" for uid in uids]
    path = folder / "x.parquet"
    pd.DataFrame({"uid": uids, "image": images, "target": targets, "score": scores}).to_parquet(path)
    return path


def test_targets_of_both_kinds(tmp_path: Path) -> None:
    hard = written(tmp_path, ([1], [1.0]), ([0], [1.0]), ([2], [1.0]))
    assert read_targets(hard, labels=3, task="multiclass").tolist() == [1, 0, 2]
    assert picture_groups(hard).tolist() == [0, 1, 0]
    soft = written(tmp_path, ([0, 2], [1.0, 0.5]), ([], []))
    assert read_targets(soft, labels=3, task="multilabel").tolist() == [[1, 0, 0.5], [0, 0, 0]]


@pytest.mark.parametrize(
    ("target", "score", "task", "message"),
    [
        ([3], [1.0], "multiclass", "'a' has targets"),
        ([0, 1], [1.0], "multilabel", "'a' has targets"),
        ([], [], "multiclass", "exactly one label"),
    ],
)
def test_faulty_targets_are_named(tmp_path: Path, target, score, task: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_targets(written(tmp_path, (target, score)), labels=3, task=task)
