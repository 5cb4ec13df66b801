"""Stage `saliency`: how much each of the teacher's predictions depends on image and on text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from msd.data.columns import read_columns, write_columns
from msd.data.prepared_table import picture_groups
from msd.data.rows import blocks
from msd.data.transfer import splits_of
from msd.distill.losses import DATASET_TASKS
from msd.distill.saliency import WITHOUT, modality_saliency
from msd.measure.intervals import clustered_interval
from msd.training.cached_outputs import stored_views

if TYPE_CHECKING:
    from msd.config.contracts.training import SaliencyParams
    from msd.job import Job


def saliency(job: Job[SaliencyParams]) -> dict[str, float]:
    """Write {split}.parquet (uid, image, text) and summary.json {split: {modality: mean, low, high, n, pictures}}.

    Of the splits that the job has outputs for: of the data set, or the pairs for transfer.
    """
    task = DATASET_TASKS[job.params.dataset_task]
    summary: dict[str, dict[str, dict[str, float]]] = {}
    for split in splits_of(job):
        outputs = stored_views(job.inputs[f"{split}_outputs"], prepared=job.inputs[split])
        parts = [
            modality_saliency({view: of[rows] for view, of in outputs.items()}, task=task, measure=job.params.measure)
            for rows in blocks(*outputs["both"].shape)
        ]
        scores = {modality: torch.cat([part[modality] for part in parts]) for modality in WITHOUT}
        uids = read_columns(job.inputs[split], "uid")["uid"].to_pylist()
        columns = {modality: (np.float32, values.tolist()) for modality, values in scores.items()}
        write_columns(job.outputs[split], {"uid": (str, uids), **columns})
        summary[split] = {}
        pictures = picture_groups(job.inputs[split])
        for modality, values in scores.items():
            mean, low, high = clustered_interval(values.double().tolist(), pictures)
            counts = {"n": len(values), "pictures": int(pictures.max()) + 1}
            summary[split][modality] = {"mean": mean, "low": low, "high": high, **counts}
    Path(job.outputs["summary"]).write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return {
        f"{split}/{modality}": entry["mean"]
        for split, entries in summary.items()
        for modality, entry in entries.items()
    }
