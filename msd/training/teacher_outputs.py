"""Stage `teacher_outputs`: the teacher's predictions and features in the three views, computed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msd.data import SPLITS
from msd.models.files import load_model
from msd.models.predict import predict
from msd.models.views import VIEWS
from msd.training.cached_outputs import write_outputs
from msd.training.dataset import Dataset
from msd.training.determinism import single_thread

if TYPE_CHECKING:
    from msd.config.contracts.training import ModelParams
    from msd.job import Job


def teacher_outputs(job: Job[ModelParams]) -> dict[str, float]:
    """Write {split}.safetensors: <view>/logits (N, C), <view>/features (N, H), head/weight (C, H), head/bias (C,)."""
    single_thread()
    dataset = Dataset.load(job.params, job.inputs, splits=SPLITS)
    teacher = load_model(config=job.inputs["config"], weights=job.inputs["model"])
    metrics = {}
    for split in SPLITS:
        tensors = {"head/weight": teacher.head.weight, "head/bias": teacher.head.bias}
        for view in VIEWS:
            logits, features = predict(teacher, dataset.splits[split], view, removal=job.params.removal)
            tensors |= {f"{view}/logits": logits, f"{view}/features": features}
            scores = dataset.evaluate(logits, split)
            metrics.update({f"{split}/{view}/{name}": value for name, value in scores.items()})
        write_outputs(tensors, job.outputs[split], prepared=job.inputs[split])
    return metrics
