"""Stage `teacher_outputs`: the teacher's predictions and features in the three views, computed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from msd.data.transfer import TRANSFER, splits_of
from msd.distill.lesson import lesson
from msd.models.files import load_model
from msd.system.processor import chosen_device
from msd.training.cached_outputs import stored_views, write_outputs
from msd.training.dataset import Dataset
from msd.training.determinism import single_thread

if TYPE_CHECKING:
    from msd.config.contracts.training import OutputsParams
    from msd.job import Job

JUDGED = 2**25
"""Logits that are judged at most: of a larger split those of samples that are evenly spread over it."""


def teacher_outputs(job: Job[OutputsParams]) -> dict[str, float]:
    """Write {split}.safetensors of the splits that it has as outputs, see `write_outputs`.

    Its metrics are the teacher's scores, and say what is lost where the outputs are not whole.
    """
    single_thread()
    params = job.params
    dataset = Dataset.load(params, job.inputs, splits=splits_of(job))
    teacher = load_model(config=job.inputs["config"], weights=job.inputs["model"]).to(chosen_device(params.device))
    metrics, answers = {}, {}
    for split in dataset.splits:
        path, prepared, samples = job.outputs[split], job.inputs[split], dataset.splits[split]
        lost = write_outputs(
            teacher,
            samples,
            path,
            prepared=prepared,
            removal=params.removal,
            task=dataset.task,
            form=params.outputs,
        )
        taken = min(len(samples), max(1, JUDGED // dataset.labels))
        rows = torch.arange(taken) * len(samples) // taken
        if split == TRANSFER:
            continue  # without labels there is nothing to judge
        for view, logits in stored_views(path, prepared=prepared).items():
            scores = dataset.evaluate(logits[rows], split, rows)
            if params.outputs.dtype != "float32" or params.outputs.top is not None:
                scores["lost_kl"] = lost[view]
            if view == "both":
                answers[split] = logits[rows]
                if split == "train":
                    scores |= lesson(answers[split], samples.targets[rows], task=dataset.task)
            metrics.update({f"{split}/{view}/{name}": value for name, value in scores.items()})
    are_whole = all(len(answers.get(split, ())) == len(dataset.splits[split]) for split in ("val", "test"))
    tuned = dataset.tuned(answers) if are_whole else []
    return metrics | {f"{split}/both/{name}": value for split, name, value in tuned}
