"""On a machine with a GPU: `make test-gpu`. Students are those of a processor, repeat themselves, and wait for nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import safetensors.torch
import torch
from in_processes import trained
from small_study import new_engine, new_model, new_setting, rows_of

from msd.config.contracts.training import Schedule
from msd.config.files import MethodConfig
from msd.config.yaml_file import read_model
from msd.distill.method import Method, method_class
from msd.job import Job
from msd.training import checkpoint, loop
from msd.training.checkpoint import Checkpoint
from msd.training.descent import train
from msd.training.determinism import single_thread
from msd.training.history import History
from msd.training.student import train_students

pytestmark = pytest.mark.gpu

CONFIGS = {path.stem: read_model(MethodConfig, path) for path in sorted(Path("config/methods").glob("*.yaml"))}
APART = [name for name in CONFIGS if method_class(CONFIGS[name].implementation).batch_is == "apart"]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_student_is_the_one_of_a_processor_within_rounding(job_of: Callable[..., Job], name: str, task: str) -> None:
    """Without dropout, whose masks are drawn where the student is."""
    still = {**job_of(name).params.architecture.model_dump(), "dropout": 0.0}
    shared = {"dataset_task": task, "metric": "accuracy" if task == "multiclass" else "micro_f1", "architecture": still}
    here, there = (job_of(name, engine={"device": device}, **shared) for device in ("cpu", "cuda"))
    train_students(here)
    train_students(there)
    curves = [pd.read_parquet(job.outputs["history"]) for job in (here, there)]
    assert curves[0].drop(columns="value").equals(curves[1].drop(columns="value"))
    assert curves[1]["value"].to_numpy() == pytest.approx(curves[0]["value"].to_numpy(), rel=2e-3, abs=2e-3)
    for output in ("models", "predictions"):
        expected, found = (safetensors.torch.load_file(job.outputs[output]) for job in (here, there))
        for key, tensor in expected.items():
            assert torch.allclose(found[key], tensor, rtol=1e-2, atol=2e-3), key


@pytest.mark.parametrize("name", CONFIGS)
def test_a_student_with_dropout_repeats_itself_bit_for_bit(job_of: Callable[..., Job], name: str) -> None:
    jobs = [job_of(name, engine={"device": "cuda"}) for _ in range(2)]
    for job in jobs:
        train_students(job)
    for output in ("predictions", "models", "metrics_table", "history"):
        one, other = (Path(job.outputs[output]).read_bytes() for job in jobs)
        assert one == other, output


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_step_does_not_wait_for_the_gpu(monkeypatch: pytest.MonkeyPatch, name: str, task: str) -> None:
    """PyTorch refuses whatever waits, from the second step on: the first one loads kernels."""
    step = loop._step

    def hurried(training: loop.Training, number: int, *arguments: Any, **options: Any) -> None:
        torch.cuda.set_sync_debug_mode("error" if number else "default")
        try:
            step(training, number, *arguments, **options)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(loop, "_step", hurried)
    trained(name, task, device="cuda")


@pytest.mark.parametrize("name", CONFIGS)
def test_bfloat16_is_near_single_precision(name: str) -> None:
    exact, rounded = (
        [row[4] for row in trained(name, device="cuda", precision=precision)[1] if row[3] == "loss"]
        for precision in ("fp32", "bf16")
    )
    assert exact != rounded
    assert rounded == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("name", APART)
def test_a_batch_in_parts_is_the_whole_batch_within_rounding(name: str) -> None:
    whole, parts = (trained(name, device="cuda", accumulate=number) for number in (1, 2))
    assert [row[4] for row in parts[1]] == pytest.approx([row[4] for row in whole[1]], rel=2e-4, abs=2e-4)


def test_a_compiled_model_is_the_same_within_rounding() -> None:
    eager, compiled = (trained("msd-instance", device="cuda", compile=option)[1] for option in (False, True))
    assert [row[4] for row in compiled] == pytest.approx([row[4] for row in eager], rel=2e-3, abs=2e-3)


def test_a_training_that_was_stopped_goes_on_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SECONDS", 0)
    single_thread()
    sizes = {"epochs": 3, "batch_size": 4, "learning_rate": 1e-3, "weight_decay": 0.01, "warmup": 0.1, "clip": 1.0}

    def curves(folder: str | None, *, ends_at: int = 99) -> tuple[dict[str, torch.Tensor], list[Any]]:
        setting, history, epochs = replace(new_setting(), student=new_model(1, dropout=0.3)), History(), iter(range(99))

        def validate() -> dict[str, float]:
            if next(epochs) == ends_at:
                raise KeyboardInterrupt
            return {}

        engine, kept = new_engine(device="cuda"), Checkpoint(folder, "teacher")
        engine.place(setting.student)
        how: dict[str, Any] = {"schedule": Schedule(**sizes), "history": history, "validate": validate}
        train(Method({}, setting), name="teacher", **how, engine=engine, checkpoint=kept)
        return setting.student.state_dict(), rows_of(history)

    expected, rows = curves(None)
    with pytest.raises(KeyboardInterrupt):
        curves(str(tmp_path), ends_at=1)
    state, again = curves(str(tmp_path))
    assert again == rows
    assert all(torch.equal(state[name], expected[name]) for name in expected)
