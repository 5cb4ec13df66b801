"""Every method of config/methods, whoever added it: trains, repeats itself bit for bit, and leaves its teacher alone."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch
import torch
from teacher_files import write_outputs

from msd.config.files import MethodConfig
from msd.config.yaml_file import read_model
from msd.models.files import load_student
from msd.models.predict import predict
from msd.training.dataset import Dataset
from msd.training.student import train_students

METHODS = {path.stem: read_model(MethodConfig, path) for path in sorted(Path("config/methods").glob("*.yaml"))}


@pytest.mark.parametrize("name", METHODS)
def test_it_trains_and_the_same_seed_gives_the_same_files(job_of, live: dict[str, str], name: str) -> None:
    digests = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in live.values()]
    first, second = job_of(name), job_of(name)
    metrics = train_students(first)
    assert metrics == train_students(second)
    for output in ("predictions", "models", "metrics_table", "history"):
        assert Path(first.outputs[output]).read_bytes() == Path(second.outputs[output]).read_bytes(), output
    tensors = safetensors.torch.load_file(first.outputs["predictions"])
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    history = pd.read_parquet(first.outputs["history"])
    assert history["value"].notna().all()
    assert {"loss", "task"} <= set(history["term"])
    assert digests == [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in live.values()]


def test_a_born_again_student_has_the_student_of_its_own_seed_as_its_teacher(job_of, student_job, toy) -> None:
    """The same as KD from a teacher whose cached answers are that student's."""
    job = job_of("self")
    train_students(job)
    born = safetensors.torch.load_file(job.outputs["predictions"])
    with_teacher = student_job("kd", job.params.parameters)
    train_students(with_teacher)
    dataset = Dataset.load(job.params, toy, splits=("train",))
    for seed in (0, 1):
        model = load_student(
            job.inputs["teacher_students"], seed=seed, config=dataset.config(job.params.architecture.model_dump())
        )
        answers = safetensors.torch.load_file(toy["train_outputs"])
        answers["both/logits"] = predict(model, dataset.splits["train"], "both")[0].clone()
        write_outputs(answers, toy["train_outputs"], prepared=toy["train"])
        expected = student_job("kd", job.params.parameters, seeds=[seed])
        train_students(expected)
        for name, tensor in safetensors.torch.load_file(expected.outputs["predictions"]).items():
            assert torch.equal(tensor, born[name]), name
    other = safetensors.torch.load_file(with_teacher.outputs["predictions"])
    assert not torch.equal(born["seed-0/test/both"], other["seed-0/test/both"])


@pytest.mark.parametrize("name", [name for name in METHODS if name != "finetune"])
def test_it_trains_another_student_than_finetune_on_several_labels(job_of, name: str) -> None:
    jobs = [job_of(one, dataset_task="multilabel", metric="micro_f1", seeds=[0]) for one in ("finetune", name)]
    for job in jobs:
        train_students(job)
    finetune, model = (safetensors.torch.load_file(job.outputs["models"]) for job in jobs)
    assert all(torch.isfinite(tensor).all() for tensor in model.values())
    assert pd.read_parquet(jobs[1].outputs["history"])["value"].notna().all()
    assert finetune.keys() == model.keys()
    assert not torch.equal(finetune["seed-0/head.weight"], model["seed-0/head.weight"])
