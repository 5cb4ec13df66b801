"""One instruction set is asked for, and a user's own choice stays."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from msd.job import write_job
from msd.system.processor import AVX2, CUDA, THREADS, settle_arithmetic

HAS_AVX2 = platform.machine() == "x86_64" and " avx2 " in Path("/proc/cpuinfo").read_text()


@pytest.mark.skipif(not HAS_AVX2, reason="asks for AVX2 where it is")
def test_avx2_is_asked_for_and_another_choice_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*AVX2, *THREADS):
        monkeypatch.setenv(name, "any")
        monkeypatch.delenv(name)
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    settle_arithmetic()
    assert {name: os.environ[name] for name in (*THREADS, *AVX2)} == THREADS | AVX2 | {"ATEN_CPU_CAPABILITY": "default"}


@pytest.mark.skipif(not HAS_AVX2, reason="asks for AVX2 where it is")
def test_numpy_and_scipy_compute_as_on_haswell() -> None:
    import scipy.linalg  # noqa: F401  its OpenBLAS is one of its own
    from threadpoolctl import threadpool_info

    found = {entry["architecture"] for entry in threadpool_info() if entry["internal_api"] == "openblas"}
    assert found == {os.environ["OPENBLAS_CORETYPE"]}


STAGE = """
import json, os, sys
from msd import job
from msd.running import run_job

def told(job):
    print(json.dumps(dict(os.environ)))
    return {}

sys.modules["toy"] = sys.modules["__main__"]
job.STAGES["told"] = ("toy:told", None)
sys.exit(run_job.main("told", "job.json"))
"""


@pytest.mark.parametrize("rank", ["0", "1"])
def test_every_process_of_a_training_asks_for_the_same_instructions(working_folder: Path, rank: str) -> None:
    asked = {**THREADS, **CUDA, **(AVX2 if HAS_AVX2 else {})}
    plain = {name: value for name, value in os.environ.items() if name not in asked}
    write_job("job.json", {"outputs": {"record": "out/record.json"}, "modules": ["msd.errors"]})
    command = [sys.executable, "-c", STAGE]
    done = subprocess.run(command, env=plain | {"RANK": rank}, check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert {name: said.get(name) for name in asked} == asked
