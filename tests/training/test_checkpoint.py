"""A training that is killed goes on, and ends with the bits of one that was not."""

import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_study import new_engine, new_model, new_setting

from msd.config.contracts.training import Schedule
from msd.distill.method import Method
from msd.job import Job
from msd.training import checkpoint
from msd.training.checkpoint import Checkpoint, TrainState
from msd.training.descent import train
from msd.training.history import History
from msd.training.student import train_students

STEPS = 12
WITH_STATE = ["crd", "msd-learned", "tinybert", "fitnet"]
OUTPUTS = ("predictions", "models", "metrics_table", "history")


@pytest.fixture
def resumed(job_of: Callable[[str], Job], tmp_path: Path) -> Callable[[str], Job]:
    """A function: name of a method -> its job, with a folder for checkpoints."""
    return lambda name: replace(job_of(name), scratch=str(tmp_path / "scratch"))


@pytest.mark.parametrize("name", WITH_STATE)
def test_a_student_killed_at_ten_random_steps_ends_as_if_it_had_not_been(
    job_of, resumed, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    expected, job = job_of(name), resumed(name)
    train_students(expected)
    monkeypatch.setattr(checkpoint, "SECONDS", 0)
    places = [(seed, step) for seed in (0, 1) for step in range(1, STEPS + 1)]
    for number, place in enumerate(sorted(random.Random(name).sample(places, 10))):
        moment = ("after", "while writing", "asked to stop")[number % 3]
        ended = in_child(job, place, moment)
        assert os.WTERMSIG(ended) == signal.SIGKILL if moment != "asked to stop" else os.WEXITSTATUS(ended) == 143
    train_students(job)
    for output in OUTPUTS:
        assert Path(job.outputs[output]).read_bytes() == Path(expected.outputs[output]).read_bytes(), output


def in_child(job: Job, place: tuple[int, int], moment: str) -> int:
    """How a process ended that was killed, or asked to stop, around the checkpoint after a step of a seed."""
    child = os.fork()
    if child == 0:
        save, write = Checkpoint.save, torch.save

        def is_here(checkpoint: Checkpoint, state: TrainState) -> bool:
            return (checkpoint.name, state.step) == (f"seed-{place[0]}", place[1])

        def saved(self: Checkpoint, state: TrainState) -> None:
            if is_here(self, state) and moment == "while writing":
                torch.save = half_written
            save(self, state)
            if is_here(self, state) and moment == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            if is_here(self, state) and moment == "asked to stop":
                os.kill(os.getpid(), signal.SIGTERM)

        def half_written(content, file) -> None:
            write(content, file)
            file.truncate(file.tell() // 2)
            os.kill(os.getpid(), signal.SIGKILL)

        Checkpoint.save = saved
        try:
            train_students(job)
        except SystemExit as stopped:
            os._exit(int(str(stopped)))
        os._exit(1)
    return os.waitpid(child, 0)[1]


@pytest.mark.parametrize("damage", ["cut", "one bit", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(
    resumed, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    job = resumed("crd")
    monkeypatch.setattr(checkpoint, "SECONDS", 0)
    in_child(job, (0, 7), "after")
    path = Path(job.scratch) / "seed-0.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[: len(content) // 3], "one bit": content, "empty": b""}[damage])
    train_students(job)
    messages = capfd.readouterr().err
    assert f"the checkpoint {path} is damaged and left out" in messages
    assert f"goes on after step 6, from {Path(job.scratch) / 'seed-0.previous.pt'}" in messages


def test_a_teacher_whose_parameters_have_rates_of_their_own_goes_on_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the stage `teacher` trains: no method, some parameters with another learning rate."""
    monkeypatch.setattr(checkpoint, "SECONDS", 0)
    schedule = Schedule(epochs=3, batch_size=4, learning_rate=1e-3, weight_decay=0.01, warmup=0.1, clip=1.0)

    def trained(folder: str | None, *, ends_at: int = 99) -> tuple[dict[str, torch.Tensor], list]:
        setting, history, epochs = replace(new_setting(), student=new_model(1, dropout=0.3)), History(), iter(range(99))

        def validate() -> dict[str, float]:
            if next(epochs) == ends_at:
                raise KeyboardInterrupt
            return {}

        rates = {"encoder.embeddings.word_embeddings.weight": 1e-4}
        options = {
            "schedule": schedule,
            "history": history,
            "validate": validate,
            "rates": rates,
            "engine": new_engine(),
        }
        train(Method({}, setting), name="teacher", **options, checkpoint=Checkpoint(folder, "teacher"))
        return setting.student.state_dict(), history.rows

    expected, rows = trained(None)
    with pytest.raises(KeyboardInterrupt):
        trained(str(tmp_path), ends_at=1)
    state, again = trained(str(tmp_path))
    assert again == rows
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def test_without_a_folder_nothing_is_kept(job_of, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SECONDS", 0)
    train_students(job_of("kd"))
    assert not list(tmp_path.rglob("*.pt"))
