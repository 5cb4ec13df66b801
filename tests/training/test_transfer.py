"""Training texts and pictures paired anew: no label acts on them, all that the teacher says of them does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from small_study import SIZE, new_setting

from msd.config.contracts.data import TransferParams
from msd.config.contracts.training import OutputsParams, SaliencyParams
from msd.config.files import MethodConfig
from msd.config.yaml_file import read_model
from msd.data import SPLITS
from msd.data.transfer import transfer
from msd.distill.method import Method, method_class
from msd.errors import UserError
from msd.job import Job
from msd.training.saliency import saliency
from msd.training.student import train_students
from msd.training.teacher_outputs import teacher_outputs

SHARED = {
    **{"dataset": "toy", "dataset_task": "multiclass", "metric": "accuracy", "removal": "mask"},
    "data": {"regions": 2, "max_tokens": 8},
}


@pytest.fixture
def pairs(toy: dict[str, str], live: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Inputs of a student's job that has two pairs for each sample, as the three stages in front of it make them."""
    files = {name: str(tmp_path / name) for name in ("transfer", "transfer_outputs", "transfer_saliency")}
    params = TransferParams(dataset="toy", pairs=2)
    transfer(Job("transfer", params, {"train": toy["train"]}, {"transfer": files["transfer"]}))
    inputs = {**toy, "transfer": files["transfer"], "model": live["teacher_model"], "config": live["teacher_config"]}
    outputs = OutputsParams.model_validate(SHARED)
    answers = {split: toy[f"{split}_outputs"] for split in SPLITS} | {"transfer": files["transfer_outputs"]}
    teacher_outputs(Job("teacher_outputs", outputs, inputs, answers))
    kinds = SaliencyParams.model_validate({**SHARED, "measure": "kl"})
    scored = {"transfer": files["transfer_saliency"], "summary": str(tmp_path / "summary.json")}
    saliency(Job("saliency", kinds, {**inputs, "transfer_outputs": files["transfer_outputs"]}, scored))
    return files


def test_pairs_are_new_ones_of_training_texts_and_pictures(toy: dict[str, str], pairs: dict[str, str]) -> None:
    train, made = (pd.read_parquet(path) for path in (toy["train"], pairs["transfer"]))
    assert 1.5 * len(train) < len(made) <= 2 * len(train)
    of_train, new = ([*zip(table["image"], table["text"], strict=True)] for table in (train, made))
    assert len({*new}) == len(new)
    assert not {*new} & {*of_train}
    assert {*made["text"]} <= {*train["text"]}
    assert {*made["image"]} <= {*train["image"]}
    assert made["uid"].is_unique
    assert not made["target"].map(len).any()


def test_where_every_pair_is_known_already_there_is_none(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"uid": ["a", "b"], "image": ["1", "2"], "text": "x", "target": [[0], [1]], "score": [[1.0]] * 2}
    )
    table.to_parquet(tmp_path / "train")
    job = Job(
        "transfer", TransferParams(dataset="one", pairs=3), {"train": str(tmp_path / "train")}, {"transfer": "no"}
    )
    with pytest.raises(
        UserError, match=r"^transfer: one has every pair of its texts and pictures in training already$"
    ):
        transfer(job)


@pytest.mark.parametrize("name", ["kd", "msd-instance", "msd-learned", "rkd", "crd", "dkd", "kd-shuffled", "tinybert"])
def test_a_student_learns_from_pairs_too(name: str, job_of: Callable[..., Job], pairs: dict[str, str]) -> None:
    job, alone = job_of(name, seeds=[0]), job_of(name, seeds=[0])
    job = replace(job, inputs={**job.inputs, **pairs})
    for one in (job, alone):
        train_students(one)
    steps = [pd.read_parquet(one.outputs["history"])["step"].max() + 1 for one in (job, alone)]
    labelled, new = (len(pd.read_parquet(path)) for path in (job.inputs["train"], pairs["transfer"]))
    held_out = round(labelled * job.params.parameters.get("meta_share", 0))
    assert steps == [2 * -(-(count - held_out) // 8) for count in (labelled + new, labelled)]


def test_a_student_without_a_teacher_has_no_use_for_pairs(job_of: Callable[..., Job], pairs: dict[str, str]) -> None:
    job, alone = job_of("finetune", seeds=[0]), job_of("finetune", seeds=[0])
    for one in (replace(job, inputs={**job.inputs, **pairs}), alone):
        train_students(one)
    first, second = (load_file(one.outputs["predictions"]) for one in (job, alone))
    assert all(torch.equal(first[key], second[key]) for key in second)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("name", ["kd", "msd-instance", "dkd", "views-task", "fitnet"])
def test_labels_in_the_place_of_missing_ones_change_nothing(name: str, task: str) -> None:
    config = read_model(MethodConfig, Path(f"config/methods/{name}.yaml"))

    def losses(placeholder: int, unlabelled: int) -> torch.Tensor:
        setting = new_setting(task=task)
        targets = setting.samples.targets.clone()
        targets[SIZE - 4 :] = placeholder
        setting = replace(setting, samples=replace(setting.samples, targets=targets, unlabelled=unlabelled))
        torch.manual_seed(0)
        method: Method = method_class(config.implementation)(config.points[0][1], setting)
        loss, terms = method.loss(method.step(method.batch(torch.arange(SIZE))))
        assert unlabelled == 0 or not terms["task"][SIZE - 4 :].any()
        return loss.detach()

    assert torch.equal(losses(0, 4), losses(1, 4))
    assert not torch.equal(losses(0, 0), losses(1, 0))
    assert (losses(0, 4)[SIZE - 4 :] > 0).all()
