"""Trainings that SLURM ends, that are killed with their Snakemake or whose disk is full end with the same weights.

In this copy of the project a training keeps a checkpoint after each step, so that it always goes on from one.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from conftest import SMOKE
from slurm_here import Slurm, wait_for

pytestmark = pytest.mark.cluster

FOLDER = "teachers/clipart-tags/seed-{}"
WENT_ON = "goes on after step"
Call = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module", autouse=True)
def _frequent_checkpoints(project: Path) -> None:
    module = project / "msd/training/checkpoint.py"
    text = module.read_text()
    assert text.count("SECONDS = 120.0") == 1
    module.write_text(text.replace("SECONDS = 120.0", "SECONDS = 0.0"))


@pytest.fixture
def said(project: Path) -> Callable[[], str]:
    """What Snakemake says in this test."""
    (project / "said").write_text("")
    return (project / "said").read_text


class Training:
    """The training of a teacher in the project: what of it can be seen from outside."""

    def __init__(self, project: Path, slurm: Slurm, seed: int) -> None:
        self.project, self.slurm, self.seed = project, slurm, seed
        self.folder = FOLDER.format(seed)
        self.target = f"results/smoke/{self.folder}/model.safetensors"
        self.log = project / f"results/smoke/logs/teacher/clipart-tags-seed-{seed}.log"

    def jobs(self) -> list[dict[str, str]]:
        """SLURM's jobs for it, the newest last."""
        comment = f"rule_teacher_wildcards_clipart-tags_seed-{self.seed}"
        jobs = [job for job in self.slurm.jobs() if job["WorkDir"] == str(self.project)]
        return [job for job in jobs if job["Comment"].strip() == comment]

    def attempt(self, number: int) -> dict[str, str]:
        """The job of an attempt, once it has kept its first checkpoint: its log is that attempt's alone."""
        wait_for(lambda: len(self.jobs()) >= number, f"attempt {number} does not come")
        wait_for(lambda: self.jobs()[number - 1]["JobState"] == "RUNNING", f"attempt {number} does not run")
        pattern = f"results/smoke/scratch/teacher/*seed-{self.seed}/*/*.pt"
        before = {path: path.stat().st_mtime_ns for path in self.project.glob(pattern)}
        wait_for(
            lambda: any(before.get(path) != path.stat().st_mtime_ns for path in self.project.glob(pattern)),
            "there is no checkpoint",
        )
        return self.jobs()[number - 1]

    def process(self) -> psutil.Process:
        """The process that trains."""
        words = f"teacher/clipart-tags-seed-{self.seed}.json"

        def found() -> psutil.Process | None:
            for process in psutil.process_iter(["cmdline", "cwd"]):
                command = process.info["cmdline"] or [""]
                is_stage = command[1:4] == ["-m", "msd", "stage"] and command[-1].endswith(words)
                if is_stage and process.info["cwd"] == str(self.project):
                    return process
            return None

        return wait_for(found, "no process trains")

    def assert_is_that_of_one_machine(self) -> None:
        for name in ("model.safetensors", "metrics.json", "history.parquet", "config.json"):
            made, expected = self.project / "results/smoke" / self.folder / name, SMOKE / self.folder / name
            assert made.read_bytes() == expected.read_bytes(), name
        assert WENT_ON in self.log.read_text()


def test_cancelled_out_of_time_and_without_a_controller(project: Path, slurm: Slurm, call: Call, said) -> None:
    """Each time SLURM ends its job it is tried again with twice the time, and goes on from its checkpoint."""
    training = Training(project, slurm, 0)
    caller = call(training.target)
    slurm.ask("scancel", training.attempt(1)["JobId"])
    second = training.attempt(2)["JobId"]
    training.process().suspend()  # it would be done before SLURM looks at its clock, which it does twice a minute
    slurm.ask("scontrol", "update", f"jobid={second}", "EndTime=now")
    training.attempt(3)
    slurm.kill_controller()
    slurm.start_controller()
    assert caller.wait() == 0, said()
    training.assert_is_that_of_one_machine()
    states, limits = zip(*((job["JobState"], job["TimeLimit"]) for job in training.jobs()), strict=True)
    assert states == ("CANCELLED", "TIMEOUT", "COMPLETED")
    assert (limits[0], limits[2]) == ("00:10:00", "00:40:00"), "that of the second was changed here"
    text = said()
    assert text.count("Error in rule teacher:") >= 2
    assert "log: results/smoke/logs/teacher/clipart-tags-seed-0.log" in text


def test_snakemake_and_the_training_are_killed_and_the_node_drained(
    project: Path, slurm: Slurm, call: Call, said
) -> None:
    """The same command cancels the jobs of the dead call and goes on where they were; it waits for the node."""
    training = Training(project, slurm, 1)
    caller = call(training.target)
    training.attempt(1)
    caller.kill()
    caller.wait()
    slurm.ask("scontrol", "update", f"nodename={slurm.host}", "state=drain", "reason=test")
    again = call(training.target)
    waiting = wait_for(lambda: training.jobs()[1:], "it is not submitted again")
    assert waiting[0]["JobState"] == "PENDING"
    assert training.jobs()[0]["JobState"] == "CANCELLED"
    slurm.ask("scontrol", "update", f"nodename={slurm.host}", "state=resume")
    training.attempt(2)
    training.process().kill()
    assert again.wait() == 0, said()
    training.assert_is_that_of_one_machine()
    assert [job["JobState"] for job in training.jobs()] == ["CANCELLED", "FAILED", "COMPLETED"]
    text = said()
    assert f"process {caller.pid} on" in text
    assert "was killed and left the folder locked; the lock is released" in text
    assert f"jobs in SLURM's queue, now cancelled: {training.jobs()[0]['JobId']}\n" in text
    assert not list((project / ".snakemake/running").iterdir())


def test_a_full_disk_and_too_little_memory(project: Path, slurm: Slurm, call: Call, said) -> None:
    training = Training(project, slurm, 0)
    before = len(training.jobs())
    shutil.rmtree(project / "results/smoke" / training.folder)
    scratch = project / "results/smoke/scratch"
    scratch.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(scratch)]
    subprocess.run(mount, check=True)
    try:
        assert call(training.target, "--retries", "0").wait() == 1
        assert "No space left on device" in said()
        assert "MB are free); make room there" in said()
        subprocess.run([*mount[:4], "remount,size=1g", str(scratch)], check=True)
        # a job that took so little would be killed for memory, and is until it has asked for enough
        for file in (project / "results/smoke/benchmarks/teacher").glob("*.tsv"):
            file.write_text("s\tmax_rss\n1\t200\n")
        assert call(training.target).wait() == 0, said()
    finally:
        subprocess.run(["umount", str(scratch)], check=True)
    jobs = training.jobs()[before + 1 :]
    assert [job["MinMemoryNode"] for job in jobs] == ["600M", "1200M"]
    assert [job["JobState"] for job in jobs] == ["FAILED", "COMPLETED"]
    for name in ("model.safetensors", "metrics.json"):
        made, expected = project / "results/smoke" / training.folder / name, SMOKE / training.folder / name
        assert made.read_bytes() == expected.read_bytes(), name
