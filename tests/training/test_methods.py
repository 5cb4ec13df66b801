"""Feature and logit methods through the stage: tasks of several labels, and the identities between methods."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import safetensors.torch
import torch
import yaml

from msd.config.files import MethodConfig
from msd.training.student import train_students

FEATURES = ("fitnet", "rkd", "sp", "crd")
NAMES = (*FEATURES, *(f"{name}+msd" for name in FEATURES), "dkd", "dist")
SEVERAL_LABELS = {"dataset_task": "multilabel", "metric": "micro_f1", "seeds": [0]}


def first_point(name: str) -> tuple[str, dict[str, Any]]:
    config = MethodConfig.model_validate(yaml.safe_load(Path(f"config/methods/{name}.yaml").read_text()))
    return config.implementation, config.points[0][1]


def trained(job) -> dict[str, torch.Tensor]:
    train_students(job)
    return safetensors.torch.load_file(job.outputs["models"])


@pytest.mark.parametrize("name", NAMES)
def test_a_method_trains_another_student_than_finetune_on_several_labels(student_job, name: str) -> None:
    job = student_job(*first_point(name), **SEVERAL_LABELS)
    model, finetune = trained(job), trained(student_job("finetune", {}, **SEVERAL_LABELS))
    assert all(torch.isfinite(tensor).all() for tensor in model.values())
    assert pd.read_parquet(job.outputs["history"])["value"].notna().all()
    assert finetune.keys() == model.keys()
    assert not torch.equal(finetune["seed-0/head.weight"], model["seed-0/head.weight"])


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
    options = {"lambda": 0.5, "temperature": 2}
    kd = trained(student_job("kd", options, **SEVERAL_LABELS))
    dkd = trained(student_job("dkd", {**options, "alpha": 1, "beta": 5}, **SEVERAL_LABELS))
    assert all(torch.equal(tensor, dkd[key]) for key, tensor in kd.items())
