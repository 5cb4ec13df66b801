"""A method without its own term is the plain one, bit for bit, and with it another."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from msd.config.files import MethodConfig
from msd.config.yaml_file import read_model
from msd.training.student import train_students

KD = {"lambda": 0.7, "temperature": 2}
SEVERAL_LABELS = {"dataset_task": "multilabel", "metric": "micro_f1"}
FEATURES = ("fitnet", "rkd", "sp", "crd")


def options_of(name: str) -> dict[str, Any]:
    """Those of the first grid point in the file of a method."""
    return read_model(MethodConfig, Path(f"config/methods/{name}.yaml")).points[0][1]


IDENTITIES = [
    *((name, {**KD, "lambda": 0}, "finetune", {}) for name in ("kd", "kd_shuffled", "kd_uniform")),
    *((name, {**options_of(name), "lambda": 0}, "finetune", {}) for name in ("dkd", "dist")),
    ("msd", {"lambda": 0, "temperature": 2, "weighting": "instance", "strength": 1}, "finetune", {}),
    *(("msd", {**KD, "weighting": one, "strength": 0}, "kd", KD) for one in ("uniform", "population", "instance")),
    *(
        (name, {**KD, "weighting": "uniform", "strength": 0}, "kd", KD)
        for name in ("msd_swapped", "views_both", "views_task")
    ),
    *((name, {**options_of(name), "beta": 0}, "finetune", {}) for name in FEATURES),
    *((name, {**options_of(f"{name}+msd"), "strength": 0}, name, options_of(name)) for name in FEATURES),
]
ON = {"lambda": 0.5, "strength": 1, "beta": 10}


@pytest.mark.parametrize(("name", "options", "plain", "plain_options"), IDENTITIES)
def test_a_method_without_its_term_is_the_plain_one(
    student_job, name: str, options: dict[str, Any], plain: str, plain_options: dict[str, Any]
) -> None:
    with_term = {key: ON[key] if value == 0 and key in ON else value for key, value in options.items()}
    trained = []
    for implementation, given in ((plain, plain_options), (name, options), (name, with_term)):
        job = student_job(implementation, given, seeds=[0])
        train_students(job)
        files = (job.outputs["models"], job.outputs["predictions"])
        trained.append({key: value for file in files for key, value in safetensors.torch.load_file(file).items()})
    expected, without, other = trained
    assert expected.keys() == without.keys() == other.keys()
    for key, tensor in expected.items():
        assert torch.equal(tensor, without[key]), key
    assert not torch.equal(expected["seed-0/head.weight"], other["seed-0/head.weight"])


def test_dkd_of_several_labels_is_kd(student_job) -> None:
    jobs = student_job("kd", KD, **SEVERAL_LABELS), student_job("dkd", {**KD, "alpha": 1, "beta": 5}, **SEVERAL_LABELS)
    for job in jobs:
        train_students(job)
    kd, dkd = (safetensors.torch.load_file(job.outputs["models"]) for job in jobs)
    assert all(torch.equal(tensor, dkd[key]) for key, tensor in kd.items())
