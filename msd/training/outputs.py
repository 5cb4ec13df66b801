"""Stage `teacher_outputs`: the teacher's answers to the three views, computed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import safetensors.torch

from msd.models.views import VIEWS
from msd.training.cached_outputs import SPLITS, prepared_sha256
from msd.training.dataset import Dataset
from msd.training.loop import predict, single_thread
from msd.training.teacher import load_teacher

if TYPE_CHECKING:
    from msd.job import Job


def teacher_outputs(job: Job) -> dict[str, float]:
    """Write {split}.safetensors: <view>/logits (N, C), <view>/features (N, H), head/weight (C, H), head/bias (C,)."""
    single_thread()
    dataset = Dataset.load(job.params, job.inputs, splits=SPLITS)
    teacher = load_teacher(job.inputs["config"], job.inputs["model"])
    metrics = {}
    for split in SPLITS:
        tensors = {"head/weight": teacher.head.weight, "head/bias": teacher.head.bias}
        for view in VIEWS:
            logits, features = predict(teacher, dataset.splits[split], view, removal=job.params["removal"])
            tensors |= {f"{view}/logits": logits, f"{view}/features": features}
            scores = dataset.evaluate(logits, split)
            metrics.update({f"{split}/{view}/{name}": value for name, value in scores.items()})
        belongs = {"prepared_sha256": prepared_sha256(job.inputs[split])}
        safetensors.torch.save_file(tensors, job.outputs[split], metadata=belongs)
    return metrics
