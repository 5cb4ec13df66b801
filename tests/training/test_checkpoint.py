"""A training that is killed goes on, and ends with the bits of one that was not."""

import os
import random
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from msd.job import Job
from msd.training import checkpoint, loop
from msd.training.checkpoint import Checkpoint, TrainState
from msd.training.student import train_students
from msd.training.teacher import train_teacher

STEPS = 12
WITH_STATE = ["crd", "msd-learned", "tinybert", "fitnet"]


@pytest.fixture
def stage_of(job_of: Callable[[str], Job], teacher_job: Callable[[], Job], tmp_path: Path):
    """A function: `teacher`, or the name of a method -> the stage, its job, and another with a folder for checkpoints."""

    def make(name: str) -> tuple[Callable[[Job], object], Job, Job]:
        stage = train_teacher if name == "teacher" else train_students
        one, other = (teacher_job() if name == "teacher" else job_of(name) for _ in range(2))
        return stage, one, replace(other, scratch=str(tmp_path / "scratch"))

    return make


def assert_equal_outputs(job: Job, expected: Job) -> None:
    for output in job.outputs:
        assert Path(job.outputs[output]).read_bytes() == Path(expected.outputs[output]).read_bytes(), output


@pytest.mark.parametrize("name", [*WITH_STATE, "teacher"])
def test_a_training_killed_at_ten_random_steps_ends_as_if_it_had_not_been(
    stage_of, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stage, expected, job = stage_of(name)
    stage(expected)
    monkeypatch.setattr(checkpoint, "SECONDS", 0)
    seeds = (0,) if name == "teacher" else (0, 1)
    places = [(seed, step) for seed in seeds for step in range(1, STEPS + 1)]
    for number, place in enumerate(sorted(random.Random(name).sample(places, 10))):
        moment = ("after", "while writing", "asked to stop")[number % 3]
        ended = in_child(stage, job, place, moment)
        assert os.WTERMSIG(ended) == signal.SIGKILL if moment != "asked to stop" else os.WEXITSTATUS(ended) == 143
    stage(job)
    assert_equal_outputs(job, expected)


@pytest.mark.parametrize("name", ["msd-learned", "teacher"])
def test_several_steps_that_were_lost_are_made_again(stage_of, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Of a checkpoint every five steps the one after ten is cut: the training goes on after the fifth."""
    stage, expected, job = stage_of(name)
    stage(expected)
    monkeypatch.setattr(checkpoint, "SECONDS", 0)
    for place, moment, kept in (((0, 9), "after", 5), ((0, 10), "while writing", 5), ((0, 12), "after", 10)):
        assert os.WTERMSIG(in_child(stage, job, place, moment, every=5)) == signal.SIGKILL
        [path] = Path(job.scratch).glob("*[0r].pt")
        assert torch.load(path)["step"] == kept
    stage(job)
    assert_equal_outputs(job, expected)


def in_child(stage, job: Job, place: tuple[int, int], moment: str, *, every: int = 1) -> int:
    """How a process ended that was killed, or asked to stop, around the checkpoint after a step of a seed.

    Of the checkpoints that are due, only those after a multiple of `every` steps are written.
    """
    child = os.fork()
    if child == 0:
        save, write, make = Checkpoint.save, torch.save, loop._step

        def is_here(checkpoint: Checkpoint, state: TrainState) -> bool:
            return checkpoint.name in (f"seed-{place[0]}", "teacher") and state.step == place[1]

        def saved(self: Checkpoint, state: TrainState) -> None:
            if is_here(self, state) and moment == "while writing":
                torch.save = half_written
            if state.step % every == 0:
                save(self, state)
            if is_here(self, state) and moment == "after":
                os.kill(os.getpid(), signal.SIGKILL)

        def half_written(content, file) -> None:
            write(content, file)
            file.truncate(file.tell() // 2)
            os.kill(os.getpid(), signal.SIGKILL)

        def made(training: loop.Training, step: int, *arguments, **options) -> None:
            if moment == "asked to stop" and (training.seed, step + 1) == place:
                os.kill(os.getpid(), signal.SIGTERM)
            make(training, step, *arguments, **options)

        Checkpoint.save, loop._step = saved, made
        try:
            stage(job)
        except SystemExit as stopped:
            os._exit(int(str(stopped)))
        os._exit(1)
    return os.waitpid(child, 0)[1]


def test_a_signal_after_the_last_look_is_obeyed_when_the_training_is_done(tmp_path: Path) -> None:
    kept = Checkpoint(str(tmp_path), "teacher")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with pytest.raises(SystemExit, match="143"), kept.listening():
        os.kill(os.getpid(), signal.SIGTERM)
    assert kept.stop_signal == signal.SIGTERM


@pytest.mark.parametrize("name", ["crd", "teacher"])
@pytest.mark.parametrize("damage", ["cut", "one bit", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(
    stage_of, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, damage: str
) -> None:
    stage, _, job = stage_of(name)
    monkeypatch.setattr(checkpoint, "SECONDS", 0)
    in_child(stage, job, (0, 7), "after")
    path = Path(job.scratch) / ("teacher.pt" if name == "teacher" else "seed-0.pt")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:  # whose members have paddings between them
        largest = max((archive.read(name) for name in archive.namelist()), key=len)
    content[content.index(largest) + len(largest) // 2] ^= 1
    path.write_bytes({"cut": content[: len(content) // 3], "one bit": content, "empty": b""}[damage])
    stage(job)
    messages = capfd.readouterr().err
    assert f"the checkpoint {path} is damaged and left out" in messages
    assert f"goes on after step 6, from {path.with_suffix('.previous.pt')}" in messages


def test_processes_that_are_asked_to_stop_end_after_the_same_step_and_go_on_together(student_job, written) -> None:
    """One is asked before the look at the end of the first epoch, and the other, which decides, after it."""
    script = Path(__file__).with_name("signalled_processes.py")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    options = {"lambda": 0.7, "temperature": 2}
    schedule = student_job("kd", options).params.schedule.model_dump() | {"epochs": 4}
    expected, job = (
        student_job("kd", options, seeds=[0], schedule=schedule, engine={"processes": 2}) for _ in range(2)
    )
    ends = []
    for each, steps in ((expected, []), (job, ["7", "4"]), (job, [])):
        file = written(each)
        ends.append(subprocess.run([*launcher, str(file), *steps], timeout=240).returncode)
        if steps:
            assert "stopped after step 12" in file.with_name("log.txt").read_text()
    assert ends == [0, 1, 0]
    assert "goes on after step 12" in file.with_name("log.txt").read_text()
    assert_equal_outputs(job, expected)


def test_a_checkpoint_that_the_disk_has_no_room_for_leaves_no_half_and_says_so(tmp_path: Path) -> None:
    kept, soft_hard = Checkpoint(str(tmp_path), "teacher"), resource.getrlimit(resource.RLIMIT_FSIZE)
    model = nn.Linear(1000, 1000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, soft_hard[1]))  # of the 4 MB that the model has
    try:
        with pytest.raises(OSError, match="File too large"):
            kept.save(TrainState({"model": model}, torch.optim.SGD(model.parameters())))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, soft_hard)
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_kept(job_of, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SECONDS", 0)
    train_students(job_of("kd"))
    assert not list(tmp_path.rglob("*.pt"))
