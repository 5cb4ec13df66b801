"""A data set whose pictures have boxes, not all of them as many: from its files to a student, and to ONNX."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from msd.config.contracts.training import ModelParams, Reading
from msd.models.onnx_model import export_student, onnx_student
from msd.models.visualbert import masked_mean
from msd.training.dataset import Dataset


def test_the_mean_of_no_box_is_zero() -> None:
    mask = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert masked_mean(torch.full((2, 3, 4), 5.0), mask).tolist() == [[5.0] * 4, [0.0] * 4]


def test_onnx_is_told_of_the_boxes_as_pytorch_is(tmp_path: Path, write_tokenizer: Callable[[Path], None]) -> None:
    boxes, names = [4, 1, 2], ["a.png", "b.png", "c.png"]
    rng = np.random.default_rng(0)
    regions = (rng.random((3, 5, 7)) * (np.arange(5)[None] < np.array(boxes)[:, None])[..., None]).astype(np.float16)
    np.save(tmp_path / "regions.npy", regions)
    (tmp_path / "spec.json").write_text(json.dumps({"pictures": names, "boxes": boxes}))
    (tmp_path / "labels.json").write_text('["no", "yes"]')
    write_tokenizer(tmp_path / "tokenizer.json")
    table = {"uid": list("xyz"), "image": names, "text": ["the cat", "the", "cat"], "target": [[0], [1], [0]]}
    pd.DataFrame(table | {"score": [[1.0]] * 3}).to_parquet(tmp_path / "train.parquet")
    data = Reading(regions=2, max_tokens=8)
    params = ModelParams(dataset="d", dataset_task="binary", metric="auroc", removal="mask", data=data)
    files = {name: f"{name}.json" for name in ("labels", "tokenizer", "spec")}
    files |= {"regions": "regions.npy", "train": "train.parquet"}
    dataset = Dataset.load(params, {name: str(tmp_path / file) for name, file in files.items()}, splits=["train"])
    inputs = dataset.splits["train"].inputs(torch.arange(3))
    assert inputs.region_mask is not None
    assert inputs.region_mask.sum(1).tolist() == boxes
    shape = {"layers": 1, "width": 8, "heads": 2, "feed_forward": 8, "dropout": 0.0, "pool": "modality-means"}
    model = dataset.new_model(shape | {"positions": 8}, seed=0).eval()
    with torch.inference_mode():
        expected = model(inputs)["both"].logits
    export_student(model, tmp_path / "s.onnx", regions=4, removal="mask", views=("both",), masked=True)
    torch.testing.assert_close(onnx_student(tmp_path / "s.onnx")(inputs)["both"], expected, rtol=0, atol=1e-5)
