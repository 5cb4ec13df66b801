"""A split, opened: region windows, texts, targets, and a picture without features."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from msd.data.rows import all_of
from msd.data.tokenizer import read_tokenizer
from msd.errors import UserError
from msd.models.build import _region_moments
from msd.models.split import Split, load_regions, load_split

TWO = torch.arange(2.0)[:, None, None]


def test_windows_average_neighbouring_regions(tmp_path: Path) -> None:
    grid = np.arange(9, dtype=np.float16).reshape(1, 9, 1)
    np.save(tmp_path / "regions.npy", grid)
    assert all_of(load_regions(tmp_path / "regions.npy", side=2)).flatten().tolist() == [2, 3, 5, 6]
    assert all_of(load_regions(tmp_path / "regions.npy", side=3)).flatten().tolist() == list(range(9))
    with pytest.raises(UserError, match="no square of 4 regions a side or more"):
        load_regions(tmp_path / "regions.npy", side=4)


@pytest.mark.parametrize("window", [1, 2, 3])
def test_the_windows_of_a_batch_are_those_of_all_pictures_at_once(tmp_path: Path, window: int) -> None:
    grid = np.random.default_rng(0).normal(size=(7, 9, 33)).astype(np.float16)
    np.save(tmp_path / "regions.npy", grid)
    whole = torch.from_numpy(grid).float().transpose(1, 2).reshape(7, 33, 3, 3)
    expected = F.avg_pool2d(whole, window, stride=1).flatten(2).transpose(1, 2)
    regions = load_regions(tmp_path / "regions.npy", side=4 - window)
    rows = torch.tensor([6, 0, 0, 3])
    assert regions.shape == expected.shape
    assert torch.equal(regions[rows], expected[rows])


@pytest.fixture
def load(tmp_path: Path, write_tokenizer: Callable[[Path], None]) -> Callable[..., Split]:
    """A function (**columns of the table) -> the split of two samples with three labels."""
    write_tokenizer(tmp_path / "tokenizer.json")
    table = {"uid": ["a", "b"], "image": ["2.png", "1.png"], "text": ["the cat", "the"], "target": [[0, 2], []]}
    table["score"] = [[1.0, 0.5], []]

    def make(
        task: str = "multilabel", regions: torch.Tensor = TWO, boxes: torch.Tensor | None = None, **columns: list
    ) -> Split:
        pd.DataFrame(table | columns).to_parquet(tmp_path / "train.parquet")
        return load_split(
            tmp_path / "train.parquet",
            tokenizer=read_tokenizer(tmp_path / "tokenizer.json", max_tokens=8),
            regions=regions,
            boxes=boxes,
            pictures=["1.png", "2.png"],
            labels=3,
            task=task,
        )

    return make


def test_a_batch_has_the_texts_pictures_and_targets_of_its_samples(load: Callable[..., Split]) -> None:
    split = pickle.loads(pickle.dumps(load()))
    both, second = split.inputs(torch.tensor([1, 0])), split.inputs(torch.tensor([1]))
    assert both.token_mask.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert torch.equal(both.tokens[0, :3], second.tokens[0])
    assert both.tokens[0, 3] == 0
    assert both.tokens.dtype == torch.long
    assert both.regions is not None
    assert both.regions.flatten().tolist() == [0, 1]
    assert split.targets[torch.tensor([1, 0, 0])].tolist() == [[0, 0, 0], [1, 0, 0.5], [1, 0, 0.5]]
    assert load("multiclass", target=[[2], [1]], score=[[1.0], [1.0]]).targets[torch.tensor([1, 0])].tolist() == [1, 2]


def test_the_boxes_of_a_picture_are_told_from_what_stands_behind_them(load: Callable[..., Split]) -> None:
    regions, boxes = torch.tensor([[[1.0], [3.0], [0.0]], [[8.0], [0.0], [0.0]]]), torch.tensor([2, 1])
    split = load(regions=regions, boxes=boxes)
    batch = split.inputs(torch.tensor([0, 1]))
    assert batch.region_mask is not None
    assert batch.region_mask.tolist() == [[1, 0, 0], [1, 1, 0]]
    assert batch.mask[:, -3:].tolist() == batch.region_mask.tolist()
    mean, deviation = _region_moments(split)
    assert mean.tolist() == [4.0]
    assert deviation.item() == pytest.approx(13**0.5)
    assert load().inputs(torch.tensor([0])).region_mask is None


@pytest.mark.parametrize("boxes", [[2, 1], [1, 1], [2, 0]])
def test_blocks_of_one_region_or_none_are_standardised_over(
    load: Callable[..., Split], monkeypatch: pytest.MonkeyPatch, boxes: list[int]
) -> None:
    """Each picture is a block of its own."""
    regions = torch.tensor([[[1.0], [3.0], [0.0]], [[8.0], [0.0], [0.0]]])
    monkeypatch.setattr("msd.data.rows.BLOCK", 1)
    seen = torch.cat([own[:count, 0] for own, count in zip(regions, boxes, strict=True)])
    mean, deviation = _region_moments(load(regions=regions, boxes=torch.tensor(boxes)))
    assert mean.item() == pytest.approx(seen.mean().item())
    assert deviation.item() == pytest.approx(seen.std().item())


def test_moments_of_several_blocks_are_to_the_bit_those_of_their_standard_deviations(
    load: Callable[..., Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    regions = 3 * torch.randn(2, 50, 7, generator=torch.Generator().manual_seed(0)) + 5
    monkeypatch.setattr("msd.data.rows.BLOCK", 1)
    means, deviations = (torch.stack(list(each)).double() for each in (regions.mean(1), regions.std(1)))
    within, between = 49 * deviations.square(), 50 * (means - means.mean(0)).square()
    mean, deviation = _region_moments(load(regions=regions))
    assert torch.equal(mean, means.mean(0).float())
    assert torch.equal(deviation, ((within + between).sum(0) / 99).sqrt().float())


def test_a_picture_without_features_is_named(load: Callable[..., Split]) -> None:
    with pytest.raises(UserError, match=r"picture 'lost.png' has no region features \(1 missing"):
        load(image=["2.png", "lost.png"])
