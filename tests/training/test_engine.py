"""The engine: a batch in parts, in processes and in bfloat16 is the same training; a step waits for nothing."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from in_processes import SCHEDULE, trained
from small_study import new_engine, new_setting
from waits import waits_of_steps

from msd.config.contracts.training import EngineParams, Schedule
from msd.config.files import MethodConfig
from msd.config.yaml_file import read_model
from msd.distill.method import method_class
from msd.errors import UserError
from msd.studies import open_study
from msd.training.descent import train
from msd.training.engine import Engine
from msd.training.history import History
from msd.training.student import train_students

CONFIGS = {path.stem: read_model(MethodConfig, path) for path in sorted(Path("config/methods").glob("*.yaml"))}
BATCH_IS = {name: method_class(config.implementation).batch_is for name, config in CONFIGS.items()}
APART = [name for name in CONFIGS if BATCH_IS[name] == "apart"]
PARTS = ("logits", "features")
SPLIT = [name for name in CONFIGS if BATCH_IS[name] != "whole"]


def assert_equal_training(one: tuple[Any, Any], other: tuple[Any, Any], *, within: float) -> None:
    assert [row[:4] for row in one[1]] == [row[:4] for row in other[1]]
    assert [row[4] for row in one[1]] == pytest.approx([row[4] for row in other[1]], rel=within, abs=within)
    for name, tensor in one[0].items():
        assert torch.allclose(tensor, other[0][name], rtol=within, atol=within), name


@pytest.mark.parametrize("name", APART)
def test_a_batch_in_parts_is_the_whole_batch_within_rounding(name: str) -> None:
    whole = trained(name)
    assert_equal_training(whole, trained(name, accumulate=2), within=2e-5)
    assert_equal_training(whole, trained(name, accumulate=4), within=2e-5)  # more parts than the last batch has samples


def test_two_processes_are_one_within_rounding(tmp_path: Path) -> None:
    """Batches of five are split unevenly; gloo; methods that relate the samples of a batch too."""
    script = Path(__file__).with_name("in_processes.py")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    path = os.pathsep.join(["tests", os.environ.get("PYTHONPATH", "")])
    subprocess.run([*launcher, script, tmp_path / "two.pt", *SPLIT], check=True, env={**os.environ, "PYTHONPATH": path})
    for name, result in torch.load(tmp_path / "two.pt", weights_only=False).items():
        assert_equal_training(trained(name), result, within=2e-5)


def test_other_instructions_of_the_processor_change_a_training_by_rounding_alone(tmp_path: Path) -> None:
    """Those that this process does not use: it asks for AVX2, as every job does (`msd.system.processor`)."""
    script, asked = Path(__file__).with_name("in_processes.py"), os.environ.get("ATEN_CPU_CAPABILITY")
    other = {"ATEN_CPU_CAPABILITY": "avx2" if asked == "default" else "default", "RANK": "0", "WORLD_SIZE": "1"}
    path = os.pathsep.join(["tests", os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, script, tmp_path / "other.pt", "kd", "msd-instance"]
    subprocess.run(command, check=True, env={**os.environ, **other, "PYTHONPATH": path})
    for name, result in torch.load(tmp_path / "other.pt", weights_only=False).items():
        assert_equal_training(trained(name), result, within=2e-5)


def test_a_job_starts_the_processes_that_its_engine_names(student_job, written) -> None:
    options = {"lambda": 0.7, "temperature": 2}
    small = {"architecture": {**student_job("kd", options).params.architecture.model_dump(), "dropout": 0.0}}
    one, two = (student_job("kd", options, seeds=[0], **small, engine={"processes": number}) for number in (1, 2))
    train_students(one)
    file = written(two)
    subprocess.run([sys.executable, "-m", "msd", "stage", "student", str(file)], check=True)
    curves = [pd.read_parquet(job.outputs["history"]) for job in (one, two)]
    assert curves[0]["value"].to_numpy() == pytest.approx(curves[1]["value"].to_numpy(), rel=1e-4, abs=1e-5)
    assert json.loads(file.with_name("record.json").read_text())["params"]["engine"]["processes"] == 2
    assert "toy, kd, seed 0: step 12 of 12, loss" in file.with_name("log.txt").read_text()


@pytest.mark.parametrize("name", CONFIGS)
def test_bfloat16_is_near_single_precision(name: str) -> None:
    """Eight bits of a mantissa: losses within five percent over nine steps."""
    exact, rounded = (
        {row[1]: row[4] for row in trained(name, precision=precision)[1] if row[3] == "loss"}
        for precision in ("fp32", "bf16")
    )
    assert exact != rounded
    assert list(exact.values()) == pytest.approx(list(rounded.values()), rel=0.05)


@pytest.mark.slow
def test_a_compiled_model_is_the_same_within_rounding() -> None:
    assert_equal_training(trained("finetune"), trained("finetune", compile=True), within=2e-5)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_step_does_not_wait_for_the_device(name: str, task: str) -> None:
    with waits_of_steps() as waits:
        trained(name, task)
    assert waits == []


class ReadAhead:
    """Rows that may be read until `closed`."""

    def __init__(self, rows: torch.Tensor) -> None:
        self.rows, self.shape, self.closed = rows, rows.shape, False

    def __getitem__(self, rows: torch.Tensor) -> torch.Tensor:
        assert not self.closed
        return self.rows[rows]


@pytest.mark.parametrize("name", [name for name, config in CONFIGS.items() if config.teacher != "model"])
def test_all_that_a_loss_reads_of_the_teachers_files_is_read_with_the_batch(name: str) -> None:
    config, given = CONFIGS[name], new_setting().teacher
    stored = {part: {view: ReadAhead(rows) for view, rows in getattr(given, part).items()} for part in PARTS}
    options = config.points[0][1]
    options |= {"meta_share": 0.5} if "meta_share" in options else {}
    method = method_class(config.implementation)(options, new_setting(**stored))
    batch = method.batch(torch.arange(5))
    for part in PARTS:
        for rows in stored[part].values():
            rows.closed = True
    assert method.loss(method.step(batch))[0].isfinite().all()


def test_the_first_step_that_is_not_finite_is_named_before_anything_is_saved(tmp_path: Path) -> None:
    setting = new_setting()
    teacher = replace(setting.teacher, logits={"both": setting.teacher.logits["both"].clone()})
    teacher.logits["both"][3] = float("nan")
    method = method_class("kd")({"lambda": 0.7, "temperature": 2}, replace(setting, teacher=teacher))
    validated = list[int]()
    with pytest.raises(UserError, match=r"^small, kd, seed 0, step [0-2]: the values of the loss are no longer finite"):
        train(
            method,
            name="kd",
            schedule=Schedule(**SCHEDULE),
            history=History(),
            engine=new_engine(),
            validate=lambda: {"calls": float(validated.append(1) or 0)},
        )
    assert not validated


@pytest.mark.parametrize(
    ("engine", "sentence"),
    [
        ({"accumulate": 2}, r"engine.accumulate: msd-learned needs its batches whole"),
        ({"compile": True}, r"engine.compile: msd-learned needs its batches whole"),
        ({"processes": 2}, r"engine.processes: msd-learned needs its batches whole"),
        ({"device": "gpu"}, r"engine.device"),
        ({"precision": "fp16"}, r"engine.precision"),
        ({"accumulate": 0}, r"engine.accumulate"),
        ({"acumulate": 2}, r"engine.*did you mean 'accumulate'"),
    ],
)
def test_an_engine_that_cannot_be_is_refused_when_the_study_is_read(engine: dict[str, Any], sentence: str) -> None:
    methods = {"finetune": {}, "kd": {}, "msd-instance": {}, "msd-learned": {}, "rkd": {}}
    with pytest.raises(UserError, match=sentence):
        open_study("config/smoke.yaml", {"engine": engine, "methods": methods})


def test_a_role_has_an_engine_of_its_own() -> None:
    content = open_study("config/smoke.yaml").teacher.model_dump()
    study = open_study(
        "config/smoke.yaml", {"engine": {"precision": "bf16"}, "teacher": {**content, "engine": {"accumulate": 4}}}
    )
    assert study.teacher_params("clipart-tags", 0).engine == EngineParams(precision="bf16", accumulate=4)
    assert study.student_params(study.runs[0]).engine == EngineParams(precision="bf16")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"^engine.device: PyTorch sees no GPU on this machine; write auto or cpu$"):
        Engine(EngineParams(device="cuda"))


def test_processes_that_were_not_started_are_one_sentence() -> None:
    with pytest.raises(UserError, match=r"^engine.processes is 3, but 1 were started"):
        Engine(EngineParams(processes=3))
