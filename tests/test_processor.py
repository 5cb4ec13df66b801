"""One instruction set is asked for, and a user's own choice stays."""

import os
import platform
from pathlib import Path

import pytest

from msd.processor import AVX2, THREADS, settle_arithmetic

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
