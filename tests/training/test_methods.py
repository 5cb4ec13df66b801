"""Every method trains a student through the stage, on a small generated dataset."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import safetensors.torch
import torch
import yaml

from msd.configs import MethodConfig
from msd.training.student import train_students

FEATURES = ("fitnet", "rkd", "sp", "crd")
NAMES = (*FEATURES, *(f"{name}+msd" for name in FEATURES), "dkd", "dist")
KINDS = {"multiclass": "accuracy", "multilabel": "micro_f1"}


def first_point(name: str) -> tuple[str, dict[str, Any]]:
    config = MethodConfig.model_validate(yaml.safe_load(Path(f"config/methods/{name}.yaml").read_text()))
    return config.implementation, config.points[0][1]


def trained(job) -> dict[str, torch.Tensor]:
    train_students(job)
    return safetensors.torch.load_file(job.outputs["models"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_method_trains_again_to_the_same_bytes_and_to_another_student_than_finetune(student_job, name, kind) -> None:
    changes = {"dataset_task": kind, "metric": KINDS[kind], "seeds": [0]}
    jobs = [student_job(*first_point(name), **changes) for _ in range(2)]
    models = [trained(job) for job in jobs]
    assert all(torch.isfinite(tensor).all() for tensor in models[0].values())
    for output in ("models", "predictions", "metrics_table", "history"):
        assert Path(jobs[0].outputs[output]).read_bytes() == Path(jobs[1].outputs[output]).read_bytes(), output
    history = pd.read_parquet(jobs[0].outputs["history"])
    assert history["value"].notna().all()
    finetune = trained(student_job("finetune", {}, **changes))
    assert finetune.keys() == models[0].keys()
    assert not torch.equal(finetune["seed-0/head.weight"], models[0]["seed-0/head.weight"])


@pytest.mark.parametrize("name", FEATURES)
def test_msd_of_strength_zero_on_top_is_the_plain_method_bit_for_bit(student_job, name: str) -> None:
    plain = trained(student_job(*first_point(name)))
    implementation, options = first_point(f"{name}+msd")
    nothing = trained(student_job(implementation, {**options, "strength": 0}))
    added = trained(student_job(implementation, options))
    assert plain.keys() == nothing.keys()
    assert all(torch.equal(tensor, nothing[key]) for key, tensor in plain.items())
    assert not torch.equal(plain["seed-0/head.weight"], added["seed-0/head.weight"])


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_method_of_weight_zero_is_finetune_bit_for_bit(student_job, name: str) -> None:
    finetune = trained(student_job("finetune", {}))
    implementation, options = first_point(name)
    weightless = trained(student_job(implementation, {**options, "beta": 0}))
    assert all(torch.equal(tensor, weightless[key]) for key, tensor in finetune.items())


@pytest.mark.parametrize("name", ["dkd", "dist"])
def test_lambda_zero_is_finetune_bit_for_bit(student_job, name: str) -> None:
    finetune = trained(student_job("finetune", {}))
    implementation, options = first_point(name)
    weightless = trained(student_job(implementation, {**options, "lambda": 0}))
    assert all(torch.equal(tensor, weightless[key]) for key, tensor in finetune.items())


def test_dkd_of_several_labels_is_kd(student_job) -> None:
    changes = {"dataset_task": "multilabel", "metric": "micro_f1", "seeds": [0]}
    options = {"lambda": 0.5, "temperature": 2}
    kd = trained(student_job("kd", options, **changes))
    dkd = trained(student_job("dkd", {**options, "alpha": 1, "beta": 5}, **changes))
    assert all(torch.equal(tensor, dkd[key]) for key, tensor in kd.items())
