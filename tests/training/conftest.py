"""A small generated dataset in the real file formats, with signal in both modalities."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from teacher_files import write_encoder, write_outputs

from msd.config.contracts.training import StudentParams, TeacherParams
from msd.config.files import MethodConfig
from msd.config.yaml_file import read_model
from msd.job import Job, plain, write_job
from msd.models.views import VIEWS
from msd.models.visualbert import VisualBertClassifier
from msd.training.student import train_students

WORDS = ["red", "blue", "cat", "dog", "a", "the"]
SIZES = {"train": 48, "val": 24, "test": 24}
SCHEDULE = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "weight_decay": 0.01, "warmup": 0.1, "clip": 1.0}
PARAMS = {
    "dataset": "toy",
    "dataset_task": "multiclass",
    "metric": "accuracy",
    "removal": "mask",
    "data": {"regions": 2, "max_tokens": 8},
    "architecture": {
        **{"layers": 1, "width": 16, "heads": 2, "feed_forward": 32, "dropout": 0.1},
        **{"pool": "modality-means", "positions": 8},
    },
    "schedule": SCHEDULE,
}


@pytest.fixture
def toy(tmp_path: Path, write_tokenizer: Callable[[Path], None]) -> dict[str, str]:
    """Inputs of a student job: prepared tables, tokenizer, regions, teacher outputs and saliency."""
    generator = np.random.default_rng(0)
    inputs = {name: str(tmp_path / name) for name in (*SIZES, "labels", "tokenizer", "regions", "spec", "saliency")}
    pictures = [f"{number}.png" for number in range(sum(SIZES.values()))]
    regions = generator.normal(size=(len(pictures), 9, 6)).astype(np.float16)
    start = 0
    for split, size in SIZES.items():
        labels = generator.integers(0, 3, size)
        regions[start : start + size, :, 0] += 2 * labels[:, None]
        texts = [f"the {WORDS[label]} {generator.choice(WORDS)} a"[: generator.integers(8, 18)] for label in labels]
        table = {
            "uid": [f"{split}-{row}" for row in range(size)],
            "image": pictures[start : start + size],
            "text": texts,
            "target": [[int(label)] for label in labels],
            "score": [[1.0]] * size,
        }
        pd.DataFrame(table).to_parquet(inputs[split])
        outputs = {f"{view}/logits": torch.randn(size, 3) + 2 * torch.eye(3)[labels] for view in VIEWS}
        outputs |= {f"{view}/features": torch.randn(size, 24) for view in VIEWS}
        inputs[f"{split}_outputs"] = str(tmp_path / f"{split}.safetensors")
        write_outputs(outputs, inputs[f"{split}_outputs"], prepared=inputs[split])
        if split == "train":
            saliency = {"uid": table["uid"], **{m: generator.random(size, dtype=np.float32) for m in ("image", "text")}}
            pd.DataFrame(saliency).to_parquet(inputs["saliency"])
        start += size
    np.save(tmp_path / "regions.npy", regions)
    inputs["regions"] = str(tmp_path / "regions.npy")
    Path(inputs["spec"]).write_text(json.dumps({"pictures": pictures}))
    Path(inputs["labels"]).write_text(json.dumps(["a", "b", "c"]))
    write_tokenizer(Path(inputs["tokenizer"]))
    return inputs


@pytest.fixture
def student_job(toy: dict[str, str], tmp_path: Path):
    """A function (implementation, parameters, **changes) -> Job with outputs in a folder of its own."""
    count = iter(range(1000))

    def make(implementation: str, parameters: dict, **changes) -> Job:
        folder = tmp_path / f"run-{next(count)}"
        folder.mkdir()
        names = {"metrics_table": "metrics.parquet", "run": "run.yaml", "history": "history.parquet"}
        names |= {name: f"{name}.safetensors" for name in ("predictions", "models")}
        own = {"method": implementation, "implementation": implementation, "variant": "default"}
        params = {**PARAMS, **own, "parameters": parameters, "seeds": [0, 1], **changes}
        params = {"teachers": [0] * len(params["seeds"]), **params}
        outputs = {name: str(folder / file) for name, file in names.items()}
        return Job("student", params=StudentParams.model_validate(params), inputs=toy, outputs=outputs)

    return make


@pytest.fixture
def teacher_job(toy: dict[str, str], tmp_path: Path) -> Callable[[], Job]:
    """A function: -> the job of a teacher of the toy dataset whose text side starts from a BERT, with outputs of its own."""
    toy["encoder"] = str(tmp_path / "bert.whl")
    write_encoder(toy["encoder"], tokenizer=toy["tokenizer"])
    count = iter(range(1000))

    def make() -> Job:
        folder = tmp_path / f"teacher-{next(count)}"
        folder.mkdir()
        schedule = {**SCHEDULE, "pretrained_learning_rate": 1e-4}
        params = TeacherParams.model_validate({**PARAMS, "seed": 0, "schedule": schedule})
        files = {"model": "model.safetensors", "config": "config.json", "tokenizer": "tokenizer.json"}
        outputs = {name: str(folder / file) for name, file in {**files, "history": "history.parquet"}.items()}
        return Job("teacher", params, toy, outputs)

    return make


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Job], Path]:
    """A function: a student's job -> its file, whose outputs, a record among them, and log.txt are those of the job.

    The working folder is then the one that the files of both lie below, as a job's outputs must.
    """

    def write(job: Job) -> Path:
        monkeypatch.chdir(tmp_path)
        folder = Path(job.outputs["run"]).parent
        outputs = {name: os.path.relpath(path) for name, path in job.outputs.items()}
        outputs["record"], log = (os.path.relpath(folder / name) for name in ("record.json", "log.txt"))
        file = folder / "job.json"
        write_job(str(file), {"params": plain(job.params), "inputs": job.inputs, "outputs": outputs, "log": log})
        return file

    return write


TEACHER = {
    **{"vocabulary": 11, "labels": 3, "region_width": 6, "positions": 8, "pool": "modality-means"},
    **{"layers": 3, "width": 24, "heads": 4, "feed_forward": 32, "dropout": 0.1},
}


@pytest.fixture
def live(tmp_path: Path) -> dict[str, str]:
    """A teacher of the toy dataset as a student's job reads it."""
    torch.manual_seed(5)
    files = {"teacher_model": str(tmp_path / "model.safetensors"), "teacher_config": str(tmp_path / "config.json")}
    safetensors.torch.save_file(VisualBertClassifier(TEACHER).state_dict(), files["teacher_model"])
    Path(files["teacher_config"]).write_text(json.dumps(TEACHER))
    return files


@pytest.fixture
def job_of(student_job, live: dict[str, str]) -> Callable[[str], Job]:
    """A function: name of a method -> a job of its first grid point, with the inputs that its YAML asks for."""

    def make(name: str, **changes: Any) -> Job:
        config = read_model(MethodConfig, Path(f"config/methods/{name}.yaml"))
        job = student_job(config.implementation, config.points[0][1], **changes)
        further: dict[str, str] = {}
        if config.teacher == "model":
            further = live
        elif config.teacher == "student":
            first = student_job("finetune", {}, **changes)
            train_students(first)
            further = {"teacher_students": first.outputs["models"]}
        return replace(job, inputs={**job.inputs, **further})

    return make
