"""Stage `cost`: size, bytes, arithmetic and time of a teacher and of a student, one sample at a time.

The student as ONNX too, in float32 and with weights in 8 bits, and the test score of each of its forms. All answer to
image and text alone. Times differ from run to run: they are measured here once, and tables are made from what is
written.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor

from msd.models.classifier import Classifier
from msd.models.files import load_model, load_student
from msd.models.onnx_model import export_student, onnx_student, quantise
from msd.models.sizes import byte_count, flops, parameter_count
from msd.models.split import Split
from msd.models.views import Inputs, Removal
from msd.models.visualbert import VisualBertClassifier
from msd.training.dataset import Dataset
from msd.training.determinism import single_thread

if TYPE_CHECKING:
    from msd.config.contracts.training import StudentParams
    from msd.job import Job

ROUNDS, PER_ROUND, BATCH = 7, 30, 256
FORMS = ("student", "student-onnx", "student-int8")
TEACHER_READS = ("teacher_tokenizer", "teacher_pictures")
Ask = Callable[[Inputs], Tensor]
"""Inputs -> logits (B, C) of image and text."""


def cost(job: Job[StudentParams]) -> dict[str, float]:
    """Write cost.json: of each model those of parameters, bytes, FLOPs and score that it has, and latency_ms by round.

    Bytes are those of the model's file. The students' file gives the student of the run's first seed.
    """
    single_thread()
    params, files = job.params, {"teacher": job.inputs["teacher"], "student": job.inputs["students"]}
    dataset = Dataset.load(params, job.inputs, splits=("test",))
    split, config = dataset.splits["test"], dataset.config(params.architecture.model_dump())
    student = load_student(files["student"], seed=params.seeds[0], config=config)
    teacher = load_model(config=job.inputs["teacher_config"], weights=files["teacher"])
    models: dict[str, Classifier] = {"teacher": teacher, "student": student}
    seen = {"teacher": _as_the_teacher_reads(job, split), "student": split}
    measured: dict[str, dict[str, Any]] = {
        name: {"parameters": parameter_count(model), "bytes": byte_count(model), "flops": flops(model, seen[name])}
        for name, model in models.items()
    }
    forms: dict[str, Ask] = {name: _of_torch(model, params.removal) for name, model in models.items()}
    with tempfile.TemporaryDirectory() as folder:
        for form, path in _exported(student, Path(folder), params, masked=split.boxes is not None).items():
            forms[form], measured[form] = _of_onnx(path), {"bytes": path.stat().st_size}
    for form in FORMS:
        measured[form]["score"] = _score(forms[form], dataset, params.metric)
    seen |= dict.fromkeys(FORMS, split)
    for name, times in latencies(forms, seen).items():
        measured[name] |= {"latency_ms": times, "run": str(Path(files[name.partition("-")[0]]).parent)}
    uids = pd.read_parquet(job.inputs["test"], columns=["uid"])["uid"]
    sample = uids[int(split.rows_by_length(1))]
    content = {"dataset": dataset.name, "sample": sample, "models": measured}
    Path(job.outputs["cost"]).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    counted = ("parameters", "bytes", "flops", "score")
    return {f"{name}/{key}": float(entry[key]) for name, entry in measured.items() for key in counted if key in entry}


def _exported(student: VisualBertClassifier, folder: Path, params: StudentParams, *, masked: bool) -> dict[str, Path]:
    """A student as ONNX, and with weights in 8 bits: name of the form -> its file in `folder`."""
    whole, small = (folder / f"{form}.onnx" for form in FORMS[1:])
    regions = params.data.regions**2
    export_student(student, whole, regions=regions, removal=params.removal, views=("both",), masked=masked)
    quantise(whole, small)
    return dict(zip(FORMS[1:], (whole, small), strict=True))


def _as_the_teacher_reads(job: Job[StudentParams], split: Split) -> Split:
    """The test split as the teacher reads it: with word pieces of its own, or pixels, where that is not `split`."""
    own = {name.removeprefix("teacher_"): files for name, files in job.inputs.items() if name in TEACHER_READS}
    if not own and job.params.teacher_data is None:
        return split
    params = job.params.model_copy(update={"data": job.params.teacher_data or job.params.data})
    return Dataset.load(params, {**job.inputs, **own}, splits=("test",)).splits["test"]


def _of_torch(model: Classifier, removal: Removal) -> Ask:
    return lambda inputs: model(inputs, removal=removal)["both"].logits


def _of_onnx(path: Path) -> Ask:
    run = onnx_student(path)
    return lambda inputs: run(inputs)["both"]


@torch.inference_mode()
def _score(ask: Ask, dataset: Dataset, metric: str) -> float:
    """The score on the test split; accuracy in place of a metric of several people's answers."""
    split = dataset.splits["test"]
    logits = torch.cat([ask(split.inputs(rows)) for rows in torch.arange(len(split)).split(BATCH)])
    scores = dataset.evaluate(logits, "test")
    return scores[metric] if metric in scores else scores["accuracy"]


@torch.inference_mode()
def latencies(forms: dict[str, Ask], splits: Mapping[str, Split]) -> dict[str, list[float]]:
    """Median milliseconds a sample in each round; the models take turns, so that a busy machine slows all of them.

    splits: by model what it reads, the same samples.
    """
    rows = next(iter(splits.values())).rows_by_length(PER_ROUND)
    medians: dict[str, list[float]] = {name: [] for name in forms}
    for turn in range(ROUNDS + 1):
        for name, ask in forms.items():
            times = []
            for row in rows:
                start = time.perf_counter()
                ask(splits[name].inputs(row[None]))
                times.append((time.perf_counter() - start) * 1e3)
            if turn:  # the first one warms up
                medians[name].append(statistics.median(times))
    return medians
