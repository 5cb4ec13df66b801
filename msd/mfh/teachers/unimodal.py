"""Stage `unimodal_students`: students that read one modality, each with another variant of the teacher.

They are small nets on frozen features, so that all variants of a seed are trained side by side as one tensor program:
the same initial weights, the same batches, other teachers. A transformer student a variant would cost many times the
whole study, and the gains are small beside the spread of a few seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import safetensors.torch
import torch
from torch import Tensor

from msd.data.prepared_table import picture_groups
from msd.data.rows import all_of
from msd.distill.losses import Task, kd_divergence, task_loss
from msd.measure.constant import best_constant
from msd.measure.metric import METRICS
from msd.measure.scorers import score
from msd.measure.stats import Resampling
from msd.measure.values import best_threshold
from msd.mfh.generality import linear_start
from msd.mfh.teachers.variants import DIRECTIONS, TeacherOutputs, variants_of
from msd.seeds import derive_seed
from msd.training.dataset import Dataset
from msd.training.determinism import single_thread
from msd.training.frozen_features import frozen_features

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.teachers.config import StudentsParams, StudentTraining

NO_KD, CONSTANT = "no-kd", "constant"


class Students(NamedTuple):
    """K nets D → hidden → C side by side: first (D, K·hidden), (K·hidden,), second (K, hidden, C), (K, 1, C)."""

    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """Logits (K, N, C) of features (N, D)."""
        hidden = torch.relu(features @ self.first + self.first_bias)
        of_each = hidden.view(len(features), len(self.second), -1).transpose(0, 1)
        return torch.baddbmm(self.second_bias, of_each, self.second)


def train_students_together(
    features: Tensor, targets: Tensor, teachers: Tensor, *, task: Task, training: StudentTraining, seed: int
) -> Students:
    """K + 1 students from one start on the same batches: the first has no teacher, the others one each.

    features: (N, D). targets: (N,) or (N, C). teachers: (K, N, C) their logits. Each student's loss is the mean over
    its batch of task, or of (1 − λ)·task + λ·T²KL, λ = kd_weight; the sum of them is minimised by AdamW with linear
    decay, so that none feels another.
    """
    count, samples, labels = teachers.shape[0] + 1, *teachers.shape[1:]
    students = _start(count, features.shape[1], training.hidden, labels, seed=derive_seed(seed, "student"))
    optimiser = torch.optim.AdamW(students, lr=training.learning_rate, weight_decay=training.weight_decay, fused=True)
    decay = torch.optim.lr_scheduler.LinearLR(optimiser, 1, 0, total_iters=training.steps)
    order = torch.Generator().manual_seed(derive_seed(seed, "order"))
    batches: list[Tensor] = []
    share = torch.full((count, 1), training.kd_weight)
    share[0] = 0
    for _ in range(training.steps):
        if not batches:
            batches = list(torch.randperm(samples, generator=order).split(training.batch_size))
        rows = batches.pop()
        logits = students.logits(features[rows])
        gold = targets[rows].repeat(count, *[1] * (targets.ndim - 1))
        of_task = task_loss(logits.flatten(0, 1), gold, task=task).view(count, -1)
        divergence = kd_divergence(
            logits[1:].flatten(0, 1), teachers[:, rows].flatten(0, 1), temperature=training.temperature, task=task
        ).view(count - 1, -1)
        loss = ((1 - share) * of_task).mean(1).sum() + (share[1:] * divergence).mean(1).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        decay.step()
    return Students(*(part.detach() for part in students))


def unimodal_students(job: Job[StudentsParams]) -> dict[str, float]:
    """Write scores.safetensors and metrics.parquet of the students of one dataset that read one modality.

    scores: <variant>/<seed>, and no-kd/<seed> of the student without a teacher -> the metric on the test split and on
    each resampled one; constant -> the same of the best constant prediction. metrics: student, seed, split (val, test)
    and the metric. A multi-label net says "yes" from the threshold that is best on validation.
    """
    single_thread()
    params, modality, metric = job.params, job.params.modality, job.params.metric
    dataset = Dataset.load(params, job.inputs, splits=("train", "val", "test"))
    gold = {split: all_of(data.targets) for split, data in dataset.splits.items()}
    frozen = frozen_features(dataset, modality, encoder=job.inputs["encoder"], tokenizer=job.inputs["tokenizer"])
    features = {split: torch.from_numpy(values).float() for split, values in frozen.items()}
    asked = _teachers(job)
    variants = [one for way in DIRECTIONS if way.student == modality for one in variants_of(way, params.shares)]
    names = [NO_KD, *(variant.name for variant in variants)]
    resampling = Resampling(picture_groups(job.inputs["test"]), draws=params.draws, rng_name=dataset.name)
    scores, rows = {}, []
    for seed, teacher in zip(params.seeds, params.teachers, strict=True):
        teachers = torch.stack([asked[teacher].logits(variant, "train", seed=seed) for variant in variants])
        how: dict[str, Any] = {"task": dataset.task, "training": params.student}
        how["seed"] = derive_seed(dataset.name, modality, seed)
        students = train_students_together(features["train"], gold["train"], teachers, **how)
        logits = {split: students.logits(features[split]) for split in ("val", "test")}
        shifts = [best_threshold(one.numpy(), gold["val"].numpy(), dataset.dataset_task) for one in logits["val"]]
        for split in ("val", "test"):
            for name, one in zip(names, logits[split] - torch.tensor(shifts)[:, None, None], strict=True):
                of_metric = METRICS[metric].scorer(one.numpy(), gold[split].numpy(), dataset.dataset_task)
                rows.append((name, seed, split, score(of_metric, len(one))))
                if split == "test":
                    scores[f"{name}/{seed}"] = torch.from_numpy(resampling.scores(of_metric))
    task = dataset.dataset_task
    constant = best_constant(metric, gold["test"].numpy(), labels=dataset.labels, dataset_task=task)
    scores[CONSTANT] = torch.from_numpy(resampling.scores(constant))
    safetensors.torch.save_file(scores, job.outputs["scores"])
    metrics = pd.DataFrame(rows, columns=["student", "seed", "split", metric])
    metrics.to_parquet(job.outputs["metrics_table"], index=False)
    chosen = metrics[metrics["student"].str.contains("no-kd|regular")]
    means: Any = chosen.groupby(["split", "student"])[metric].mean()
    return {f"{split}/{student}": float(value) for (split, student), value in means.items()}


def _teachers(job: Job[StudentsParams]) -> Mapping[int, TeacherOutputs]:
    """Seed of a teacher -> its outputs, with its ranked channels; the inputs that differ are lists, of a file each."""
    outputs = {}
    for place, seed in enumerate(dict.fromkeys(job.params.teachers)):
        own = {name: files[place] if isinstance(files, list) else files for name, files in job.inputs.items()}
        outputs[seed] = TeacherOutputs(job.params.dataset, own, ranks=pd.read_parquet(own["channels"]))
    return outputs


def _start(count: int, width: int, hidden: int, labels: int, *, seed: int) -> Students:
    """`count` copies of one start."""
    random = torch.Generator().manual_seed(seed)
    shapes = [(width, hidden), (hidden,), (hidden, labels), (1, labels)]
    first, first_bias, second, second_bias = (
        linear_start(shape, fan, generator=random)
        for shape, fan in zip(shapes, (width, width, hidden, hidden), strict=True)
    )
    copies = [first.repeat(1, count), first_bias.repeat(count), *(p.repeat(count, 1, 1) for p in (second, second_bias))]
    return Students(*(part.requires_grad_() for part in copies))
