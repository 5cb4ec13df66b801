"""Stages `teacher_outputs` and `saliency`: the teacher's answers to the three views, computed once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import safetensors.torch
import torch
from torch import Tensor

from msd.metrics import DATASET_TASKS
from msd.models.views import VIEWS
from msd.saliency import modality_saliency
from msd.stats import mean_interval
from msd.training.dataset import Dataset
from msd.training.loop import predict, single_thread
from msd.training.teacher import load_teacher

if TYPE_CHECKING:
    from msd.job import Job

SPLITS = ("train", "val", "test")


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
        with open(job.inputs[split], "rb") as prepared:
            digest = hashlib.file_digest(prepared, "sha256").hexdigest()
        safetensors.torch.save_file(tensors, job.outputs[split], metadata={"prepared_sha256": digest})
    return metrics


def saliency(job: Job) -> dict[str, float]:
    """Write {split}.parquet (uid, image, text) and summary.json {split: {modality: mean, low, high, n}}."""
    task: Any = DATASET_TASKS[job.params["dataset_task"]]
    summary: dict[str, dict[str, dict[str, float | int | None]]] = {}
    for split in SPLITS:
        scores = modality_saliency(
            read_views(job.inputs[f"{split}_outputs"]), task=task, measure=job.params["measure"]
        )
        table = pd.DataFrame(
            {
                "uid": pd.read_parquet(job.inputs[split])["uid"],
                **{modality: values.numpy() for modality, values in scores.items()},
            }
        )
        table.to_parquet(job.outputs[split], index=False)
        summary[split] = {}
        for modality, values in scores.items():
            mean, low, high = mean_interval(values.double().tolist())
            summary[split][modality] = {"mean": mean, "low": low, "high": high, "n": len(values)}
    Path(job.outputs["summary"]).write_text(
        json.dumps(summary, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    return {
        f"{split}/{modality}": float(entry["mean"] or 0.0)
        for split, entries in summary.items()
        for modality, entry in entries.items()
    }


def read_views(path: str) -> dict[str, Tensor]:
    """view -> logits (N, C) of a teacher's outputs."""
    with safetensors.safe_open(path, framework="pt") as file:
        return {view: file.get_tensor(f"{view}/logits").to(torch.float32) for view in VIEWS}
