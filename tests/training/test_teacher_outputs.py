"""A teacher's outputs in a file: whole by the bytes of the library, in half precision, and the largest alone."""

import json
from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch
import torch
from teacher_files import write_outputs

from msd.config.contracts.training import OutputsParams
from msd.data import SPLITS
from msd.data.rows import all_of
from msd.distill.losses import kd_divergence
from msd.distill.top_logits import TopLogits, top_error_bound
from msd.errors import UserError
from msd.job import Job
from msd.measure.metric import TUNED_F1
from msd.models.files import load_model
from msd.models.predict import predict
from msd.models.views import VIEWS
from msd.training import teacher_outputs as stage
from msd.training.cached_outputs import read_views, stored_views
from msd.training.dataset import Dataset
from msd.training.teacher_outputs import teacher_outputs

LABELS = 9


@pytest.fixture
def asked(toy: dict[str, str], live: dict[str, str], tmp_path: Path):
    """A function (**form of the outputs) -> the metrics and files of the stage, and what the teacher says by view."""
    config = json.loads(Path(live["teacher_config"]).read_text()) | {"labels": LABELS}
    Path(live["teacher_config"]).write_text(json.dumps(config))
    Path(toy["labels"]).write_text(json.dumps([str(label) for label in range(LABELS)]))
    weights = safetensors.torch.load_file(live["teacher_model"])
    weights |= {"head.weight": torch.randn(LABELS, 72), "head.bias": 3 * torch.randn(LABELS)}
    safetensors.torch.save_file(weights, live["teacher_model"])
    shared = {"dataset": "toy", "metric": "accuracy", "removal": "mask"}

    def make(
        task: str = "multiclass", **form: object
    ) -> tuple[dict[str, float], dict[str, str], dict[str, tuple[torch.Tensor, torch.Tensor]]]:
        data = {"regions": 2, "max_tokens": 8}
        params = OutputsParams.model_validate({**shared, "dataset_task": task, "data": data, "outputs": form})
        files = {split: str(tmp_path / f"asked-{split}.safetensors") for split in SPLITS}
        inputs = {**toy, "model": live["teacher_model"], "config": live["teacher_config"]}
        metrics = teacher_outputs(Job("teacher_outputs", params, inputs, files))
        teacher = load_model(config=live["teacher_config"], weights=live["teacher_model"])
        train = Dataset.load(params, toy, splits=("train",)).splits["train"]
        return metrics, files, {view: predict(teacher, train, view) for view in VIEWS}

    return make


def test_whole_outputs_are_the_bytes_of_the_library(asked, toy: dict[str, str], live: dict[str, str]) -> None:
    metrics, files, whole = asked()
    tensors = {f"head/{part}": safetensors.torch.load_file(live["teacher_model"])[f"head.{part}"] for part in
               ("weight", "bias")}  # fmt: skip
    for view, (logits, features) in whole.items():
        tensors |= {f"{view}/logits": logits, f"{view}/features": features}
    write_outputs(tensors, toy["train_outputs"], prepared=toy["train"])
    assert Path(files["train"]).read_bytes() == Path(toy["train_outputs"]).read_bytes()
    assert {"train/both/accuracy", "test/text/macro_f1"} <= metrics.keys()
    assert not [name for name in metrics if "lost" in name]


def test_a_threshold_is_chosen_where_both_splits_are_judged_whole(
    asked, toy: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pd.read_parquet(toy["val"]).head(10).to_parquet(toy["val"])
    assert f"test/both/{TUNED_F1}" in asked("multilabel")[0]
    monkeypatch.setattr(stage, "JUDGED", 15 * LABELS)  # all of the 10 of val, 15 of the 24 of test
    metrics = asked("multilabel")[0]
    assert "test/both/micro_f1" in metrics
    assert f"test/both/{TUNED_F1}" not in metrics


def test_half_precision_is_read_as_float32(asked, toy: dict[str, str]) -> None:
    metrics, files, whole = asked(dtype="float16")
    for number, part in enumerate(("logits", "features")):
        for view, values in read_views(files["train"], prepared=toy["train"], part=part).items():
            assert torch.equal(values, whole[view][number].half().float())
    assert 0 <= metrics["train/both/lost_kl"] < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_largest_logits_lose_what_the_metrics_say_and_no_more_than_the_bound(
    asked, toy: dict[str, str], dtype: str
) -> None:
    metrics, files, whole = asked(dtype=dtype, top=3)
    stored = safetensors.torch.load_file(files["train"])
    for view, rows in stored_views(files["train"], prepared=toy["train"]).items():
        assert rows.shape == whole[view][0].shape
        error = kd_divergence(all_of(rows), whole[view][0], temperature=1, task="multiclass")
        assert metrics[f"train/{view}/lost_kl"] == pytest.approx(float(error.mean()), rel=1e-5)
        top = TopLogits(*(stored[f"{view}/top/{name}"] for name in TopLogits._fields))
        bound = top_error_bound(top, LABELS, temperature=1, task="multiclass")
        assert (error <= bound + (1e-6 if dtype == "float32" else 1e-2)).all()
        assert error.mean() > 1e-3
    assert "both/logits" not in stored


def test_the_largest_of_all_labels_are_refused(asked) -> None:
    with pytest.raises(UserError, match=rf"teacher\.outputs\.top: {LABELS} of {LABELS} labels"):
        asked(top=LABELS)
