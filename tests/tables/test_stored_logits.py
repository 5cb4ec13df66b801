"""Tables read a teacher's outputs in every form in which they are stored."""

from pathlib import Path

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch

from msd.distill.top_logits import all_logits, top_logits
from msd.measure.metric import F1_THRESHOLD, TUNED_F1, tuned_f1
from msd.tables.names import VIEWS
from msd.tables.results import DatasetResults, MethodResults, read_logits
from msd.tables.study_results import seed_scorers


def test_outputs_are_read_whole_in_half_precision_and_where_the_largest_alone_were_kept(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = {view: torch.randn(6, 5, generator=generator) for view in VIEWS}
    half = {f"{view}/logits": values.half() for view, values in logits.items()}
    safetensors.torch.save_file(half, tmp_path / "half")
    kept = {view: top_logits(values, count=2, task="multilabel") for view, values in logits.items()}
    stored = {f"{view}/top/{name}": part for view, top in kept.items() for name, part in top._asdict().items()}
    stored = {name: part.int() if name.endswith("labels") else part for name, part in stored.items()}
    safetensors.torch.save_file(stored | {"head/bias": torch.zeros(5)}, tmp_path / "top")
    for view in VIEWS:
        np.testing.assert_array_equal(
            read_logits(str(tmp_path / "half"), f"{view}/logits"), logits[view].half().float()
        )
        np.testing.assert_array_equal(read_logits(str(tmp_path / "top"), f"{view}/logits"), all_logits(kept[view], 5))


def test_a_logit_just_above_the_threshold_counts_in_tables_as_it_did_in_the_run(tmp_path: Path) -> None:
    low = np.nextafter(np.float32(1), np.float32(2))
    high = np.nextafter(low, np.float32(2))
    logits = np.array([[low, high], [high, low]])
    gold = (logits == high).astype(np.float32)
    threshold, values = tuned_f1(*[(logits.astype(np.float64), gold)] * 2)
    assert np.float32(threshold) == high  # single precision has nothing between the two
    safetensors.numpy.save_file({"seed-0/test/both": logits}, tmp_path / "predictions")
    stated = {"val": {F1_THRESHOLD: {"0": threshold}}, "test": {TUNED_F1: {"0": values["test"]}}}
    own = MethodResults({"teachers": {"0": "0"}, "metrics": stated}, str(tmp_path / "predictions"))
    about = {"name": "tags", "title": "Tags", "task": "multilabel", "metric": "micro_f1", "labels": "ab"}
    rows = {"groups": np.arange(2), "near_copies": np.zeros(2, bool), "answers": {}}
    results = DatasetResults(**about, **rows, targets=gold, teachers={"both": {"0": logits}}, methods={"kd": own})
    assert seed_scorers(results, own, kind=TUNED_F1, seeds=["0"]).keys() == {"0"}
