"""Students: exact identities between methods, determinism, and what is written."""

from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch
import torch
import yaml

from msd.errors import UserError
from msd.training.student import train_students

KD = {"lambda": 0.7, "temperature": 2}


def predictions(job) -> dict[str, torch.Tensor]:
    train_students(job)
    return safetensors.torch.load_file(job.outputs["predictions"])


def assert_same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


@pytest.mark.parametrize("weighting", ["uniform", "population", "instance"])
def test_msd_without_auxiliary_weight_is_kd_bit_for_bit(student_job, weighting: str) -> None:
    kd = predictions(student_job("kd", KD))
    assert_same(kd, predictions(student_job("msd", {**KD, "weighting": weighting, "strength": 0})))
    other = predictions(student_job("msd", {**KD, "weighting": weighting, "strength": 1}))
    assert not torch.equal(kd["seed-0/test/both"], other["seed-0/test/both"])


def test_lambda_zero_is_finetune_bit_for_bit(student_job) -> None:
    finetune = predictions(student_job("finetune", {}))
    nothing = {"lambda": 0, "temperature": 2}
    assert_same(finetune, predictions(student_job("kd", nothing)))
    assert_same(finetune, predictions(student_job("msd", {**nothing, "weighting": "instance", "strength": 1})))


def test_the_same_seed_gives_the_same_files_and_another_seed_others(student_job) -> None:
    first, second = student_job("kd", KD), student_job("kd", KD)
    assert train_students(first) == train_students(second)
    for name in ("predictions", "models", "metrics_table", "history"):
        assert Path(first.outputs[name]).read_bytes() == Path(second.outputs[name]).read_bytes(), name
    tensors = safetensors.torch.load_file(first.outputs["predictions"])
    assert not torch.equal(tensors["seed-0/test/both"], tensors["seed-1/test/both"])


def test_a_seed_does_not_depend_on_the_block_it_is_trained_in(student_job) -> None:
    block = predictions(student_job("kd", KD))
    alone = predictions(student_job("kd", KD, seeds=[1]))
    assert torch.equal(block["seed-1/test/text"], alone["seed-1/test/text"])


def test_files_have_the_documented_keys_and_columns(student_job) -> None:
    job = student_job("msd", {**KD, "weighting": "instance", "strength": 0.5})
    tensors = predictions(job)
    assert set(tensors) == {
        f"seed-{s}/{p}/{v}" for s in (0, 1) for p in ("val", "test") for v in ("both", "image", "text")
    }
    assert tensors["seed-0/test/both"].shape == (24, 3)
    metrics = pd.read_parquet(job.outputs["metrics_table"])
    assert list(metrics.columns) == ["seed", "split", "metric", "value"]
    assert {"accuracy", "image/accuracy", "kl/text"} <= set(metrics["metric"])
    history = pd.read_parquet(job.outputs["history"])
    assert list(history.columns) == ["seed", "step", "epoch", "term", "value", "sample"]
    assert {
        "loss",
        "task",
        "kd/both",
        "kd/image",
        "kd/text",
        "weight/image",
        "weight/text",
        "learning_rate",
        "val/accuracy",
    } <= set(history["term"])
    assert set(history["step"]) == set(range(12))
    weights = history[history["term"].str.startswith("weight/")].groupby(["seed", "step"])["value"].sum()
    assert weights.to_numpy() == pytest.approx(0.5, rel=1e-5)
    assert yaml.safe_load(Path(job.outputs["run"]).read_text())["parameters"]["weighting"] == "instance"


def test_a_student_learns_what_is_in_the_data(student_job) -> None:
    schedule = {"epochs": 30, "batch_size": 8, "learning_rate": 3e-3, "weight_decay": 0.01, "warmup": 0.1, "clip": 1.0}
    metrics = train_students(student_job("finetune", {}, seeds=[0], schedule=schedule))
    assert metrics["test/accuracy"] > 0.8


def test_a_diverging_run_names_its_step(student_job) -> None:
    job = student_job(
        "finetune",
        {},
        schedule={
            "epochs": 50,
            "batch_size": 8,
            "learning_rate": 1e30,
            "weight_decay": 0.01,
            "warmup": 0.0,
            "clip": 1.0,
        },
    )
    with pytest.raises(UserError, match=r"toy, seed 0, step \d+: .* no longer finite"):
        train_students(job)


def test_an_unknown_method_names_the_nearest(student_job) -> None:
    with pytest.raises(UserError, match="did you mean 'finetune'"):
        train_students(student_job("finetun", {}))


def test_a_teacher_of_another_table_is_refused(student_job, toy) -> None:
    table = pd.read_parquet(toy["train"])
    table.iloc[::-1].to_parquet(toy["train"])
    with pytest.raises(UserError, match="does not belong to"):
        train_students(student_job("kd", KD))
