"""The smoke study through SLURM: the same bits as on one machine, and every job asks for what its rule says."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SMOKE
from slurm_here import Slurm

pytestmark = pytest.mark.cluster

MEASURED = re.compile(r"^(costs|logs|benchmarks|jobs|scratch)/|record\.json$|report\.html$|(^|/)(cost|latency)\.")
"""Files with times of their making, which no two runs share."""


@pytest.fixture(scope="module")
def finished(project: Path, slurm: Slurm, call: Callable[..., subprocess.Popen[str]]) -> Path:
    assert call().wait() == 0, (project / "said").read_text()[-5000:]
    return project


@pytest.fixture(scope="module")
def jobs(finished: Path, slurm: Slurm) -> dict[str, list[dict[str, str]]]:
    """rule or group -> what `scontrol show job` says of its jobs in this project; a group's name goes on with its rules."""
    found: dict[str, list[dict[str, str]]] = {}
    for job in [job for job in slurm.jobs() if job["WorkDir"] == str(finished)]:
        name = job["Comment"].removeprefix("rule_").partition("_")[0]
        found.setdefault(name, []).append(job)
    return found


def test_every_result_has_the_bytes_of_one_machine(finished: Path) -> None:
    made = finished / "results/smoke"
    names = {path.relative_to(SMOKE).as_posix() for path in SMOKE.rglob("*") if path.is_file()}
    compared = sorted(name for name in names if not MEASURED.search(name))
    assert {Path(name).name for name in compared} >= {"main.json", "models.safetensors", "predictions.safetensors"}
    other = [name for name in compared if (made / name).read_bytes() != (SMOKE / name).read_bytes()]
    assert not other


def test_jobs_ask_for_what_their_rules_say(jobs: dict[str, list[dict[str, str]]]) -> None:
    assert {name: len(of_rule) for name, of_rule in jobs.items() if name in ("teacher", "student")} == {
        "teacher": 2,
        "student": 7,
    }
    for name, of_rule in jobs.items():
        for job in of_rule:
            assert job["JobState"] == "COMPLETED"
            assert job["Partition"] == "main"
            assert job["JobName"].startswith("msd-smoke-"), name
            assert job["TRES"].split(",")[1].startswith("mem=")
            is_model = name in ("teacher", "student", "answers")
            assert job.get("TresPerJob") == ("gres:gpu:1" if is_model else None), name
    teacher = jobs["teacher"][0]
    assert teacher["NumCPUs"] == "1"
    assert teacher["TimeLimit"] == "00:10:00"
    assert "mem=1700M" in teacher["TRES"], "the price of a small model"


def test_short_jobs_share_one(jobs: dict[str, list[dict[str, str]]]) -> None:
    assert len(jobs["end"]) == 1
    assert len(jobs["answers"]) == 2
    assert jobs.keys() == {"prepare", "probe", "teacher", "answers", "student", "choose", "cost", "end"}


def test_records_name_the_code_that_ran_and_no_path_of_the_user(finished: Path) -> None:
    kept = [path for path in (finished / "results/smoke").rglob("*") if path.suffix in (".json", ".yaml")]
    assert not [path for path in kept if str(finished.parent) in path.read_text() or "/root" in path.read_text()]
    codes = [json.loads(path.read_text())["code"]["digest"] for path in finished.rglob("student*/**/record.json")]
    reference = [json.loads(path.read_text())["code"]["digest"] for path in SMOKE.rglob("student*/**/record.json")]
    assert sorted(codes) == sorted(reference)
