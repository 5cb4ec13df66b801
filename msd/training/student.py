"""Stage `student`: train one configuration of a method with a block of seeds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import safetensors.torch
import torch
import yaml
from torch import Tensor

from msd.distill.method import Setting, TeacherTargets, method_class
from msd.measure.metric import mean_divergence
from msd.models.views import VIEWS
from msd.seeds import derive_seed
from msd.training.cached_outputs import read_views
from msd.training.dataset import Dataset
from msd.training.loop import History, Schedule, predict, predict_views, single_thread, train
from msd.training.teacher import load_teacher

if TYPE_CHECKING:
    from msd.job import Job
    from msd.models.visualbert import VisualBertClassifier

SCORED = ("val", "test")


def train_students(job: Job) -> dict[str, float]:
    """Write metrics.parquet, predictions, history, models and run.yaml of all seeds of one run.

    The teacher is read from its cached outputs; itself only where the job is given it. finetune, which has no use for
    it, is compared with it too, and so is a method that learns from a student.
    """
    single_thread()
    params = job.params
    dataset = Dataset.load(params, job.inputs, splits=("train", *SCORED))
    teacher = {
        split: read_views(job.inputs[f"{split}_outputs"], prepared=job.inputs[split]) for split in ("train", *SCORED)
    }
    targets = _targets(dataset, teacher["train"], job)
    history, scores = History(), []
    predictions: dict[str, Tensor] = {}
    models: dict[str, Tensor] = {}
    for seed in params["seeds"]:
        student = train_one(
            dataset, _in_its_place(targets, dataset, job, seed=seed), params, seed=seed, history=history
        )
        models |= {f"seed-{seed}/{name}": tensor for name, tensor in student.state_dict().items()}
        for split in SCORED:
            logits = predict_views(student, dataset.splits[split], removal=params["removal"])
            predictions |= {f"seed-{seed}/{split}/{view}": values for view, values in logits.items()}
            scores += [(seed, split, name, value) for name, value in score(dataset, logits, teacher[split], split)]
    metrics = pd.DataFrame(scores, columns=["seed", "split", "metric", "value"])
    metrics.to_parquet(job.outputs["metrics_table"], index=False)
    safetensors.torch.save_file(predictions, job.outputs["predictions"])
    safetensors.torch.save_file(models, job.outputs["models"])
    history.write(job.outputs["history"])
    Path(job.outputs["run"]).write_text(yaml.safe_dump(params, sort_keys=True), encoding="utf-8")
    means = metrics["value"].groupby(metrics["split"] + "/" + metrics["metric"]).mean()
    return {str(name): float(value) for name, value in means.items()}


def _targets(dataset: Dataset, teacher: dict[str, Tensor], job: Job) -> TeacherTargets:
    """What the methods are told of the teacher on the training split."""
    table = pd.read_parquet(job.inputs["saliency"])
    is_live = "teacher_model" in job.inputs
    return TeacherTargets(
        logits=teacher,
        features=read_views(job.inputs["train_outputs"], prepared=job.inputs["train"], part="features"),
        saliency={modality: torch.tensor(table[modality].to_numpy()) for modality in ("image", "text")},
        model=load_teacher(job.inputs["teacher_config"], job.inputs["teacher_model"]) if is_live else None,
    )


def _in_its_place(teacher: TeacherTargets, dataset: Dataset, job: Job, *, seed: int) -> TeacherTargets:
    """The teacher, or where the job is given students, the one of this seed: its answers on image and text."""
    if "teacher_students" not in job.inputs:
        return teacher
    model, prefix = dataset.new_model(job.params["architecture"], seed=seed), f"seed-{seed}/"
    tensors = safetensors.torch.load_file(job.inputs["teacher_students"])
    state = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    model.load_state_dict(state)
    logits, features = predict(model, dataset.splits["train"], "both", removal=job.params["removal"])
    return TeacherTargets({"both": logits.clone()}, {"both": features.clone()})  # outside inference mode


def train_one(
    dataset: Dataset, teacher: TeacherTargets, params: dict[str, Any], *, seed: int, history: History
) -> VisualBertClassifier:
    """A student trained from scratch with one seed."""
    student = dataset.new_model(params["architecture"], seed=derive_seed(dataset.name, seed, "student"))
    samples, removal = dataset.splits["train"], params["removal"]
    setting = Setting(dataset.name, seed, dataset.task, samples, student, teacher, removal)
    torch.manual_seed(setting.stream("method"))  # of what a method adds to the student
    train(
        method_class(params["implementation"])(params["parameters"], setting),
        schedule=Schedule(**params["schedule"]),
        history=history,
        validate=partial(dataset.validate, student),
    )
    return student


def score(
    dataset: Dataset, logits: dict[str, Tensor], teacher: dict[str, Tensor], split: str
) -> list[tuple[str, float]]:
    """(metric, value) of one student on one split: each view's metrics, and its divergence from the teacher."""
    scores = []
    for view in VIEWS:
        prefix = "" if view == "both" else f"{view}/"
        scores += [(f"{prefix}{name}", value) for name, value in dataset.evaluate(logits[view], split).items()]
        divergence = mean_divergence(logits[view], teacher[view], dataset_task=dataset.dataset_task)
        scores.append((f"kl/{view}", divergence))
    return scores
