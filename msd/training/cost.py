"""Stage `cost`: size, bytes, arithmetic and time of a teacher and of a student, one sample at a time.

Times differ from run to run: they are measured here once, and tables are made from what is written.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from msd.models.files import load_model, load_student
from msd.models.sizes import byte_count, flops, parameter_count
from msd.models.split import Split
from msd.models.visualbert import VisualBertClassifier
from msd.training.dataset import Dataset
from msd.training.determinism import single_thread

if TYPE_CHECKING:
    from msd.config.contracts.training import StudentParams
    from msd.job import Job

ROUNDS, PER_ROUND = 7, 30


def cost(job: Job[StudentParams]) -> dict[str, float]:
    """Write cost.json: of each model its parameters, bytes as safetensors, FLOPs, and latency_ms of every round.

    The students' file gives the one of the run's first seed.
    """
    single_thread()
    params, files = job.params, {"teacher": job.inputs["teacher"], "student": job.inputs["students"]}
    dataset = Dataset.load(params, job.inputs, splits=("test",))
    split, config = dataset.splits["test"], dataset.config(params.architecture.model_dump())
    models = {
        "teacher": load_model(config=job.inputs["teacher_config"], weights=files["teacher"]),
        "student": load_student(files["student"], seed=params.seeds[0], config=config),
    }
    times = latencies(models, split)
    measured: dict[str, dict[str, Any]] = {
        name: {
            "parameters": parameter_count(model),
            "bytes": byte_count(model),
            "flops": flops(model, split),
            "latency_ms": times[name],
            "run": str(Path(files[name]).parent),
        }
        for name, model in models.items()
    }
    uids = pd.read_parquet(job.inputs["test"], columns=["uid"])["uid"]
    sample = uids[int(split.rows_by_length(1))]
    content = {"dataset": dataset.name, "sample": sample, "models": measured}
    Path(job.outputs["cost"]).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return {f"{name}/{key}": float(measured[name][key]) for name in models for key in ("parameters", "bytes", "flops")}


@torch.inference_mode()
def latencies(models: dict[str, VisualBertClassifier], split: Split) -> dict[str, list[float]]:
    """Median milliseconds a sample in each round; the models take turns, so that a busy machine slows both."""
    rows = split.rows_by_length(PER_ROUND)
    medians: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(ROUNDS + 1):
        for name, model in models.items():
            times = []
            for row in rows:
                start = time.perf_counter()
                model(split.inputs(row[None]))
                times.append((time.perf_counter() - start) * 1e3)
            if turn:  # the first one warms up
                medians[name].append(statistics.median(times))
    return medians
