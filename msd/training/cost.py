"""Stage `cost`: size, bytes, arithmetic and time of a teacher and of a student, one sample at a time.

Times differ from run to run: they are measured here once, and tables are made from what is written.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from msd.models.visualbert import VisualBertClassifier
from msd.training.dataset import Dataset
from msd.training.loop import single_thread
from msd.training.teacher import load_teacher

if TYPE_CHECKING:
    from msd.data.batches import Samples
    from msd.job import Job

ROUNDS, PER_ROUND = 7, 30


def cost(job: Job) -> dict[str, float]:
    """Write cost.json: of each model its parameters, bytes as safetensors, FLOPs, and latency_ms of every round."""
    single_thread()
    dataset = Dataset.load(job.params, job.inputs, splits=("test",))
    samples = dataset.splits["test"]
    models = {
        "teacher": load_teacher(job.inputs["teacher_config"], job.inputs["teacher"]),
        "student": load_student(job.inputs["students"], job.params, dataset),
    }
    files = {"teacher": job.inputs["teacher"], "student": job.inputs["students"]}
    times = latencies(models, samples)
    found: dict[str, Any] = {
        name: {
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "bytes": len(safetensors.torch.save(model.state_dict())),
            "flops": flops(model, samples),
            "latency_ms": times[name],
            "run": str(Path(files[name]).parent),
        }
        for name, model in models.items()
    }
    content = {"dataset": dataset.name, "sample": samples.uids[int(_by_length(samples, 1))], "models": found}
    Path(job.outputs["cost"]).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return {f"{name}/{key}": float(found[name][key]) for name in models for key in ("parameters", "bytes", "flops")}


def load_student(path: str, params: dict[str, Any], dataset: Dataset) -> VisualBertClassifier:
    """The student of the run's first seed, in eval mode."""
    prefix = f"seed-{params['seeds'][0]}/"
    tensors = safetensors.torch.load_file(path)
    state = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    regions = dataset.splits["test"].regions
    sizes = {"vocabulary": dataset.pieces, "labels": dataset.labels, "region_width": regions.shape[2]}
    model = VisualBertClassifier({**params["architecture"], **sizes})
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)


@torch.no_grad()
def flops(model: VisualBertClassifier, samples: Samples) -> int:
    """Floating-point operations for the sample of median length, by PyTorch's counter."""
    model.encoder.set_attn_implementation("eager")  # its products are counted, fused attention on a CPU is not
    counter = FlopCounterMode(display=False)
    with counter:
        model(samples.inputs(_by_length(samples, 1)))
    return int(counter.get_total_flops())


@torch.inference_mode()
def latencies(models: dict[str, VisualBertClassifier], samples: Samples) -> dict[str, list[float]]:
    """Median milliseconds a sample in each round; the models take turns, so that a busy machine slows both."""
    rows = _by_length(samples, PER_ROUND)
    found: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(ROUNDS + 1):
        for name, model in models.items():
            times = []
            for row in rows:
                start = time.perf_counter()
                model(samples.inputs(row[None]))
                times.append((time.perf_counter() - start) * 1e3)
            if turn:  # the first one warms up
                found[name].append(statistics.median(times))
    return found


def _by_length(samples: Samples, count: int) -> Tensor:
    """`count` rows evenly spread over the samples sorted by length; the median one for 1."""
    order = samples.lengths.argsort(stable=True)
    places = (torch.arange(count) + 0.5) / count * len(order)
    return order[places.long()]
