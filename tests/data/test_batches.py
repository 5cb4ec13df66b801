"""Batches by length, region windows, and faults in prepared tables."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from msd.data.batches import length_batches, load_regions, load_samples, read_targets
from msd.data.tokenizer import read_tokenizer
from msd.errors import UserError


def test_an_epoch_holds_every_row_once_with_like_lengths_together() -> None:
    lengths = torch.randint(3, 20, (1000,), generator=torch.Generator().manual_seed(0))
    batches = list(length_batches(lengths, batch_size=32, generator=torch.Generator().manual_seed(1)))
    assert torch.cat(batches).sort().values.tolist() == list(range(1000))
    assert len(batches) == 32
    spread = [int(lengths[batch].max() - lengths[batch].min()) for batch in batches]
    assert np.mean(spread) < 4
    again = list(length_batches(lengths, batch_size=32, generator=torch.Generator().manual_seed(1)))
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))


def test_windows_average_neighbouring_regions(tmp_path: Path) -> None:
    grid = np.arange(9, dtype=np.float16).reshape(1, 9, 1)
    np.save(tmp_path / "regions.npy", grid)
    assert load_regions(tmp_path / "regions.npy", window=2)[0, :, 0].tolist() == [2, 3, 5, 6]
    assert load_regions(tmp_path / "regions.npy", window=1)[0, :, 0].tolist() == list(range(9))
    with pytest.raises(UserError, match="window of 4"):
        load_regions(tmp_path / "regions.npy", window=4)


def test_targets_of_both_kinds() -> None:
    table = pd.DataFrame({"uid": ["a", "b"], "target": [[1], [0]], "score": [[1.0], [1.0]]})
    assert read_targets(table, labels=3, task="multiclass", path="x").tolist() == [1, 0]
    table = pd.DataFrame({"uid": ["a", "b"], "target": [[0, 2], []], "score": [[1.0, 0.5], []]})
    assert read_targets(table, labels=3, task="multilabel", path="x").tolist() == [[1, 0, 0.5], [0, 0, 0]]


@pytest.mark.parametrize(
    ("target", "score", "task", "message"),
    [
        ([3], [1.0], "multiclass", "'a' has targets"),
        ([0, 1], [1.0], "multilabel", "'a' has targets"),
        ([], [], "multiclass", "exactly one label"),
    ],
)
def test_faulty_targets_are_named(target, score, task: str, message: str) -> None:
    table = pd.DataFrame({"uid": ["a"], "target": [target], "score": [score]})
    with pytest.raises(UserError, match=message):
        read_targets(table, labels=3, task=task, path="x.parquet")


def test_a_picture_without_features_is_named(tmp_path: Path, write_tokenizer: Callable[[Path], None]) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    table = {"uid": ["a"], "image": ["lost.png"], "text": ["the cat"], "target": [[0]], "score": [[1.0]]}
    pd.DataFrame(table).to_parquet(tmp_path / "train.parquet")
    with pytest.raises(UserError, match=r"picture 'lost.png' has no region features"):
        load_samples(
            tmp_path / "train.parquet",
            tokenizer=read_tokenizer(tmp_path / "tokenizer.json", max_tokens=8),
            regions=torch.zeros(1, 4, 6),
            pictures=["found.png"],
            labels=3,
            task="multiclass",
        )
