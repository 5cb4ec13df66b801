"""A job's outputs appear whole or not at all, and what a user did wrong comes back as one sentence."""

import errno
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from msd.errors import UserError
from msd.job import STAGES, Job, read_job, write_job
from msd.lineage.digest import file_sha256
from msd.running.run_job import STOPS, main, run
from msd.system.refusals import ADVICE

LOG = "results/toy/logs/double.log"
FILE = "results/toy/jobs/für uns.json"
PROJECT = Path(__file__).resolve().parents[1]


def double(job: Job) -> dict[str, float]:
    """Stage: every number of the inputs, doubled, and their sum."""
    numbers = [int(Path(path).read_text()) for path in job.inputs["numbers"]]
    for path, number in zip(job.outputs["doubled"], numbers, strict=True):
        Path(path).write_text(str(2 * number).rjust(job.params.get("width", 0)))
    if "fault" in job.params:
        raise RuntimeError("in the middle")
    return {"total": 2.0 * sum(numbers), "absent": float("nan")}


def forgetful(job: Job) -> dict[str, float]:
    """Stage that writes nothing."""
    return {}


def keeping(job: Job) -> dict[str, float]:
    """Stage that keeps something for the case that it is killed, which it is, unless its params say otherwise."""
    Path(str(job.scratch)).mkdir(parents=True, exist_ok=True)
    with open(f"{job.scratch}/state", "a") as state:
        state.write("once more ")
    if not job.params.get("ends"):
        raise RuntimeError("killed")
    return double(job)


@pytest.fixture
def doubling(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    for rule in ("double", "keeping", "forgetful"):
        monkeypatch.setitem(STAGES, rule, (f"{__name__}:{rule}", None))
    Path("results/data/numbers").mkdir(parents=True)
    for name, number in (("a", 3), ("b", 4)):
        Path(f"results/data/numbers/{name}").write_text(str(number))
    return Job(
        rule="double",
        params={"seeds": [0, 1]},
        inputs={"numbers": ["results/data/numbers/a", "results/data/numbers/b"]},
        outputs={
            "doubled": ["results/toy/double/a", "results/toy/other/b"],
            "metrics": "results/toy/double/metrics.json",
            "record": "results/toy/double/record.json",
        },
        modules=["msd.errors"],
        log=LOG,
    )


def files(folder: str = "results/toy") -> set[str]:
    return {str(path) for path in Path(folder).rglob("*") if path.is_file() and "logs" not in path.parts}


def test_run_writes_outputs_metrics_and_a_record_which_a_later_job_names(doubling: Job) -> None:
    run(doubling)
    assert Path("results/toy/double/a").read_text() == "6"
    assert Path("results/toy/other/b").read_text() == "8"
    assert json.loads(Path("results/toy/double/metrics.json").read_text()) == {"absent": None, "total": 14.0}
    record = json.loads(Path("results/toy/double/record.json").read_text())
    assert record["rule"] == "double"
    assert record["params"] == doubling.params
    assert record["seeds"] == [0, 1]
    assert [item["path"] for item in record["outputs"]] == sorted(files() - {"results/toy/double/record.json"})
    for item in record["outputs"] + record["inputs"]:
        assert item["sha256"] == file_sha256(item["path"], trust=False)
        assert item["bytes"] == Path(item["path"]).stat().st_size
    assert [item["record"] for item in record["inputs"]] == [None, None]
    assert set(record["code"]["modules"]) == {"msd", "msd.errors"}
    assert record["started"] <= record["ended"]
    assert record["peak_memory_bytes"] > 1e6
    assert not list(Path("results").rglob(".tmp-*"))
    assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    outputs = {"doubled": ["results/toy/twice/a"], "record": "results/toy/twice/record.json"}
    run(replace(doubling, inputs={"numbers": ["results/toy/double/a"]}, outputs=outputs))
    later = json.loads(Path("results/toy/twice/record.json").read_text())
    assert later["inputs"][0]["record"] == "results/toy/double/record.json"


def test_a_record_says_which_tests_of_claims_were_named_when_its_job_began(doubling: Job) -> None:
    Path("config").mkdir()
    named = Path("config/claims.yaml")
    for text in (None, "claims: {}\n"):
        if text is not None:
            named.write_text(text)
        run(doubling)
        record = json.loads(Path("results/toy/double/record.json").read_text())
        assert record["claims_sha256"] == (file_sha256(str(named), trust=False) if text else None)
        assert str(named) not in [item["path"] for item in record["inputs"]], "recorded, not depended on"


def test_a_killed_job_finds_what_it_kept_unless_parameters_inputs_or_code_changed(doubling: Job) -> None:
    job = replace(doubling, rule="keeping", log=None)

    def kept(job: Job) -> list[str]:
        with pytest.raises(RuntimeError, match="killed"):
            run(job)
        return sorted(path.read_text() for path in Path("results/toy/scratch/keeping/double").glob("*/state"))

    assert kept(job) == ["once more "]
    assert kept(job) == ["once more once more "]
    assert len(kept(replace(job, params={"seeds": [0, 2]}))) == 2
    assert len(kept(replace(job, modules=["msd.errors", "msd.seeds"]))) == 3
    Path("results/data/numbers/a").write_text("5")
    assert len(kept(job)) == 4
    run(replace(job, params={"ends": True}))
    assert not Path("results/toy/scratch/keeping/double").exists()


def test_the_recorded_command_runs_the_same_job_again(doubling: Job) -> None:
    run(doubling)
    record = json.loads(Path("results/toy/double/record.json").read_text())
    write_job(FILE, {"params": record["params"], **record["description"]})
    job = read_job("double", FILE)
    assert job == replace(doubling, file=FILE)
    words = shlex.split(job.command)
    assert words[:4] == ["python", "-m", "msd", "stage"]
    before = {path: Path(path).read_bytes() for path in files() if not path.endswith("record.json")}
    assert main(*words[4:]) == 0
    assert before == {path: Path(path).read_bytes() for path in before}
    assert json.loads(Path("results/toy/double/record.json").read_text())["job"] == job.command


def test_a_job_computes_nothing_from_a_file_that_is_not_what_its_record_says(doubling: Job) -> None:
    run(doubling)
    changed = "results/toy/double/a"
    twice = replace(
        doubling,
        inputs={"numbers": [changed, "results/toy/other/b"]},
        outputs={
            "doubled": ["results/toy/twice/a", "results/toy/twice/b"],
            "metrics": "results/toy/twice/metrics.json",
            "record": "results/toy/twice/record.json",
        },
    )
    before = Path(changed).read_text()
    Path(changed).write_text("1")
    with pytest.raises(
        UserError, match=f"^{changed} is damaged or was changed by hand: .*`snakemake --force {changed}`"
    ):
        run(twice)
    assert not files("results/toy/twice")
    Path(changed).write_text(before)
    run(twice)
    assert Path("results/toy/twice/a").is_file()


def test_a_fault_in_the_middle_leaves_nothing_but_the_log(doubling: Job) -> None:
    with pytest.raises(RuntimeError):
        run(replace(doubling, params={"fault": True}))
    assert files() == set()
    assert not list(Path("results").rglob(".tmp-*"))
    lines = Path(doubling.log or "").read_text().splitlines()
    assert lines[0].startswith("# by hand: python -m msd stage double")
    assert lines[1] == "# failed: RuntimeError: in the middle"
    assert lines[2].startswith("Traceback")


def test_a_full_disk_is_one_sentence_and_the_next_run_goes_on(
    doubling: Job, small_files: Callable[[], AbstractContextManager[None]], capsys: pytest.CaptureFixture[str]
) -> None:
    outputs, params = {"doubled": ["results/toy/a"], "record": "results/toy/record.json"}, {"width": 20_000}
    body = {"params": params, "inputs": {"numbers": ["results/data/numbers/a"]}, "outputs": outputs, "log": LOG}
    write_job(FILE, body | {"modules": ["msd.errors"]})
    with small_files():
        assert main("double", FILE) == 1
    sentence = f"results/toy/a: File too large; {ADVICE[errno.EFBIG]}, and run it again: what is finished stays"
    assert capsys.readouterr().err == f"msd stage double: {sentence}\n"
    assert files() == {FILE}
    assert not list(Path("results").rglob(".tmp-*"))
    assert Path(LOG).read_text().splitlines()[1:] == [f"# failed: {sentence}"]
    assert main("double", FILE) == 0


def test_a_fault_leaves_earlier_outputs_and_their_record_untouched(doubling: Job) -> None:
    run(doubling)
    before = {path: Path(path).read_bytes() for path in files()}
    with pytest.raises(RuntimeError):
        run(replace(doubling, params={"fault": True}))
    assert {path: Path(path).read_bytes() for path in files()} == before


def test_a_fault_while_moving_takes_back_what_was_moved(doubling: Job) -> None:
    Path("results/toy/other/b").mkdir(parents=True)  # a folder where a file should go
    with pytest.raises(IsADirectoryError):
        run(doubling)
    assert files() == set()


def test_stale_folders_of_dead_processes_are_removed_and_living_ones_stay(doubling: Job) -> None:
    """On a disk that machines share, a number says nothing about the process of another machine."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here, old = platform.node(), f"other-node-{os.getppid()}"
    stale = [Path(f"results/toy/double/.tmp-{name}") for name in (f"{here}-{dead.pid}", f"{here}-{os.getpid()}", old)]
    alive = [Path(f"results/toy/double/.tmp-{name}") for name in (f"{here}-{os.getppid()}", f"far-off-{dead.pid}")]
    for folder in (*stale, *alive):
        folder.mkdir(parents=True)
        (folder / "half").write_text("written")
    os.utime(stale[-1], (0, 0))
    run(doubling)
    assert all((folder / "half").exists() for folder in alive)
    assert not any(folder.exists() for folder in stale)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rule": "forgetful"}, ["did not write", "results/toy/double/a"]),
        ({"outputs": {"doubled": ["results/toy/a"]}}, ["no output 'record'"]),
        ({"outputs": {"x": "results/t/r", "record": "results/t/r"}}, ["'results/t/r'", "twice"]),
        ({"outputs": {"record": "../record.json"}}, ["../record.json", "inside the project"]),
        ({"inputs": {"numbers": ["results/data/numbers/c"]}}, ["results/data/numbers/c", "missing", "snakemake"]),
        ({"modules": ["msd.erors"]}, ["msd.erors", "did you mean 'msd.errors'?"]),
    ],
)
def test_an_impossible_job_is_refused_in_one_sentence(doubling: Job, change: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        run(replace(doubling, **change))
    assert all(word in str(error.value) for word in words)
    assert "\n" not in str(error.value)
    assert files() == set()
    assert not list(Path("results").rglob(".tmp-*"))


SLEEPER = """
import sys, time
from pathlib import Path
from msd import job
from msd.running import run_job
def sleep(job):
    print('in the log', file=sys.stderr)
    print('torch' in sys.modules, flush=True)
    Path(job.outputs['half']).write_text('half')
    time.sleep(60)
sys.modules['sleeper'] = sys.modules['__main__']
job.STAGES['sleep'] = ('sleeper:sleep', None)
sys.exit(run_job.main('sleep', sys.argv[1]))
"""


@pytest.mark.parametrize("number", STOPS)
def test_a_stopped_job_cleans_up_and_loads_no_torch_by_itself(number: signal.Signals, tmp_path: Path) -> None:
    body = {"outputs": {"half": "r/half", "record": "r/record.json"}, "modules": ["msd.errors"], "log": "r/logs/x.log"}
    write_job(str(tmp_path / "job.json"), body)
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, "job.json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "False\n"
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("r/.tmp-*/half")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    process.stdout.close()
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["logs"]
    log = (tmp_path / "r/logs/x.log").read_text().splitlines()
    assert log[1:] == ["in the log", f"stopped by {number.name}; run it again to go on", "# failed: it was stopped"]
