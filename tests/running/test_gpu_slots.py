"""Each GPU of a machine is one job's while its process lives, and free when it was killed."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from msd.errors import UserError
from msd.job import STAGES, imported
from msd.running import gpu_slots

TAKE = """
import os, sys
from msd.running.gpu_slots import take

take(int(sys.argv[1]), sys.argv[2])
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Starts a process that takes a number of GPUs of this machine's two, says which, and keeps them."""
    monkeypatch.setenv("MSD_GPUS", "3,GPU-7")
    started = []

    def job(count: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", TAKE, str(count), str(tmp_path)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield job
    for process in started:
        process.kill()
        process.communicate()


def test_jobs_get_gpus_of_their_own_and_one_waits_for_a_killed_one(start) -> None:
    first, second = start(1), start(1)
    taken = {first.stdout.readline().strip(), second.stdout.readline().strip()}
    assert taken == {"3", "GPU-7"}
    both = start(2)
    first.kill()
    third = start(1)
    freed = third.stdout.readline().strip()
    assert freed in taken
    second.kill()
    third.kill()
    assert both.stdout.readline().strip() == "3,GPU-7"
    assert start(0).stdout.readline().strip() == "None"


def test_more_than_the_call_has_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MSD_GPUS", gpu_slots.offered(1))
    with pytest.raises(UserError, match=r"2 GPUs are wanted, the call has 1 \(`--resources gpu=…`\)"):
        gpu_slots.take(2, tmp_path)


@pytest.mark.parametrize(("seen", "offered"), [(None, "0,1"), ("3,5,7", "3,5"), ("", "")])
def test_a_call_offers_the_gpus_that_it_sees(seen: str | None, offered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if seen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    assert gpu_slots.offered(2) == offered


@pytest.mark.parametrize(
    ("rule", "params", "counts"),
    [
        ("teacher", {"engine": {"device": "cuda", "processes": 3}}, (3, 3)),
        ("student", {"engine": {"device": "cpu", "processes": 3}}, (0, 0)),
        ("student", {"engine": {"device": "auto"}}, (1, 0)),
        ("teacher_outputs", {"device": "auto"}, (1, 0)),
        ("crossmodal", {"training": {"engine": {"device": "cuda"}}}, (1, 1)),
        ("av_mnist", {"training": {"engine": {"device": "auto"}}}, (1, 0)),
        ("features", {"device": "cuda", "processes": 4, "boxes": None}, (1, 1)),
        ("features", {"device": "auto", "processes": 4, "boxes": 100}, (0, 0)),
        ("cost", {"engine": {"device": "cuda"}}, (0, 0)),
        ("prepare", {"name": "prepare"}, (0, 0)),
    ],
)
def test_a_job_takes_one_for_each_process(rule: str, params: dict, counts: tuple[int, int]) -> None:
    assert tuple(gpu_slots.wanted(rule, params, any_there=there) for there in (True, False)) == counts


@pytest.mark.parametrize("rule", STAGES)
def test_every_stage_that_is_given_a_device_takes_its_gpus(rule: str) -> None:
    contract = STAGES[rule][1]
    given = devices_in(imported(contract)) if contract else []
    assert bool(given) == (rule in gpu_slots.RULES) or rule == "cost", "which measures on the processor"


def devices_in(model: type[BaseModel]) -> list[str]:
    """The names of a stage's own fields, and of those of its sections, that choose a device."""
    inner = [field.annotation for field in model.model_fields.values() if isinstance(field.annotation, type)]
    deeper = [name for one in inner if issubclass(one, BaseModel) for name in devices_in(one)]
    return [name for name in model.model_fields if name == "device"] + deeper
