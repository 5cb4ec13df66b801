"""Stage `teacher_variants`: what the variants of one teacher share with the student's modality, and score."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor
from torch.nn import functional as F

from msd.data import SPLITS
from msd.data.prepared_table import picture_groups, read_targets
from msd.distill.losses import DATASET_TASKS, Task
from msd.measure.metric import METRICS
from msd.measure.stats import Resampling
from msd.measure.values import best_threshold
from msd.mfh.teachers.gamma import Scorer, calibrated, counts_scorer, information_scorer, mean_scorer_of
from msd.mfh.teachers.variants import DIRECTIONS, TeacherOutputs, Variant, rank_channels, variants_of
from msd.seeds import derive_seed
from msd.training.determinism import single_thread

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.teachers.config import VariantsParams


def teacher_variants(job: Job[VariantsParams]) -> dict[str, float]:
    """Write channels.parquet, gamma.safetensors and scores.safetensors of one teacher.

    channels: see `rank_channels`. The others are of the test split and of each resampled one, as
    `msd.measure.stats.Resampling.scores` gives them. gamma: <variant>/counts, <variant>/information -> γ and its parts,
    (1 + draws, M) in single precision. scores: <variant>, or <variant>/<seed> of a random one -> metric (1 + draws,).
    """
    single_thread()
    params, name = job.params, job.params.dataset
    task = DATASET_TASKS[params.dataset_task]
    outputs, targets = TeacherOutputs(name, job.inputs), load_targets(job.inputs, task=task)
    seed = derive_seed(name, "joint nets")
    outputs.ranks = rank_channels(
        outputs.features["train"], targets["train"], task=task, training=params.generality, seed=seed
    )
    outputs.ranks.to_parquet(job.outputs["channels"], index=False)
    resampling = Resampling(picture_groups(job.inputs["test"]), draws=params.draws, rng_name=name)
    gammas, scores = {}, {}
    for variant in [variant for direction in DIRECTIONS for variant in variants_of(direction, params.shares)]:
        seeds = params.seeds if variant.kind == "random" else params.seeds[:1]
        runs = [{split: outputs.logits(variant, split, seed=seed) for split in ("val", "test")} for seed in seeds]
        for seed, logits in zip(seeds, runs, strict=True):
            predicted = _shifted(logits, targets, params).numpy()
            of_metric = METRICS[params.metric].scorer(predicted, targets["test"].numpy(), params.dataset_task)
            key = f"{variant.name}/{seed}" if variant.kind == "random" else variant.name
            scores[key] = torch.from_numpy(resampling.scores(of_metric))
        for measure, scorer in _gamma_scorers(outputs, variant, runs, targets, params).items():
            gammas[f"{variant.name}/{measure}"] = torch.from_numpy(resampling.scores(scorer).astype(np.float32))
    safetensors.torch.save_file(gammas, job.outputs["gamma"])
    safetensors.torch.save_file(scores, job.outputs["scores"])
    regular = {
        f"{way.teacher}-{way.student}/{measure}": float(gammas[f"{variants_of(way, [])[0].name}/{measure}"][0, 0])
        for way in DIRECTIONS
        for measure in ("counts", "information")
    }
    return {name: value for name, value in regular.items() if np.isfinite(value)}


def load_targets(inputs: Mapping[str, Any], *, task: Task) -> dict[str, Tensor]:
    """split -> (N,) classes or (N, C) scores of the prepared tables."""
    labels = len(json.loads(Path(inputs["labels"]).read_text(encoding="utf-8")))
    return {split: torch.from_numpy(read_targets(inputs[split], labels=labels, task=task)) for split in SPLITS}


def _shifted(logits: Mapping[str, Tensor], targets: Mapping[str, Tensor], params: VariantsParams) -> Tensor:
    """Logits (N, C) of the test split, shifted so that "yes" begins where it does best on validation.

    A teacher whose channels are silenced falls back to the labels' frequency and says "yes" to next to nothing above
    one half, and so do its students. What they still know of the order of samples would not be seen.
    """
    return logits["test"] - best_threshold(logits["val"].numpy(), targets["val"].numpy(), params.dataset_task)


def _gamma_scorers(
    outputs: TeacherOutputs,
    variant: Variant,
    runs: Sequence[Mapping[str, Tensor]],
    targets: Mapping[str, Tensor],
    params: VariantsParams,
) -> dict[str, Scorer]:
    """The scorers of both γ of a variant and of what the regular teacher knows from the student's modality alone.

    runs: split -> logits of a variant, or of several random ones, whose mean is taken. For γ by information logits are
    first calibrated on validation: a teacher that was trained on image and text together is over-sure of one of them.
    """
    task, dataset_task = DATASET_TASKS[params.dataset_task], params.dataset_task
    gold, train = targets["test"], targets["train"]
    prior = (F.one_hot(train, runs[0]["test"].shape[1]) if task == "multiclass" else train).double().mean(dim=0)
    views = {
        view: {split: outputs.view(view, split) for split in ("val", "test")} for view in ("both", variant.student)
    }
    shifted = {view: _shifted(logits, targets, params) for view, logits in views.items()}
    joint = shifted["both"] if {variant.teacher, variant.student} == {"image", "text"} else None

    def calm(logits: Mapping[str, Tensor]) -> Tensor:
        return calibrated(logits["val"], targets["val"], task=task).apply(logits["test"])

    own, own_calm = shifted[variant.student], calm(views[variant.student])
    counts = [
        counts_scorer(_shifted(run, targets, params), own, gold, joint=joint, dataset_task=dataset_task) for run in runs
    ]
    information = [information_scorer(calm(run), own_calm, gold, task=task, prior=prior) for run in runs]
    return {"counts": mean_scorer_of(counts), "information": mean_scorer_of(information)}
