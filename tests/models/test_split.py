"""A split in memory: region windows, and a picture without features."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from msd.data.tokenizer import read_tokenizer
from msd.errors import UserError
from msd.models.split import load_regions, load_split


def test_windows_average_neighbouring_regions(tmp_path: Path) -> None:
    grid = np.arange(9, dtype=np.float16).reshape(1, 9, 1)
    np.save(tmp_path / "regions.npy", grid)
    assert load_regions(tmp_path / "regions.npy", window=2)[0, :, 0].tolist() == [2, 3, 5, 6]
    assert load_regions(tmp_path / "regions.npy", window=1)[0, :, 0].tolist() == list(range(9))
    with pytest.raises(UserError, match="window of 4"):
        load_regions(tmp_path / "regions.npy", window=4)


def test_a_picture_without_features_is_named(tmp_path: Path, write_tokenizer: Callable[[Path], None]) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    table = {"uid": ["a"], "image": ["lost.png"], "text": ["the cat"], "target": [[0]], "score": [[1.0]]}
    pd.DataFrame(table).to_parquet(tmp_path / "train.parquet")
    with pytest.raises(UserError, match=r"picture 'lost.png' has no region features"):
        load_split(
            tmp_path / "train.parquet",
            tokenizer=read_tokenizer(tmp_path / "tokenizer.json", max_tokens=8),
            regions=torch.zeros(1, 4, 6),
            pictures=["found.png"],
            labels=3,
            task="multiclass",
        )
