"""How fast `msd audit` reads: 10,000 generated artefacts of 5 GB, against a bare read of the same files.

    make bench

Files are written by the job runner as any job's, on the disk that holds results/. Before each first reading the system
has to forget their pages, so that both come from the disk; rounds alternate, and the median counts.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from msd.job import STAGES, Job
from msd.lineage.audit import audit
from msd.running.run_job import run

JOBS, ROUNDS = 100, 3
BUFFER = 1 << 20


def fill(job: Job) -> dict[str, float]:
    """Stage: random bytes."""
    for path in job.outputs["files"]:
        Path(path).write_bytes(os.urandom(job.params["bytes"]))
    return {}


def generate(files: int, size: int) -> list[Path]:
    """A study of jobs with `files` artefacts of `size` bytes together, in the working folder."""
    STAGES["fill"] = (f"{__name__}:fill", None)
    paths = []
    for number in range(JOBS):
        folder = f"results/bench/students/{number}"
        names = [f"{folder}/{index}.bin" for index in range(files // JOBS)]
        outputs = {"files": names, "record": f"{folder}/record.json"}
        run(Job("fill", {"bytes": size // files}, {}, outputs, ["msd.errors"]))
        paths += [Path(name) for name in names]
    return paths


def forget(paths: Iterable[Path]) -> None:
    """Drop the pages of files from the system's cache."""
    for path in paths:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(paths: Iterable[Path]) -> float:
    """Seconds of a plain reading of all files, one after the other."""
    start, buffer = time.perf_counter(), bytearray(BUFFER)
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return time.perf_counter() - start


def audited(*, full: bool) -> float:
    """Seconds of an audit, which must find nothing; a full one reads every file."""
    start = time.perf_counter()
    result = audit(Path("results"), "bench", full=full)
    assert result.status == 0, result
    return time.perf_counter() - start


def main() -> None:
    """Print a Markdown table of seconds and rates."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--megabytes", type=int, default=5_000)
    options = parser.parse_args()
    size = options.megabytes * 10**6
    folder = Path(tempfile.mkdtemp(prefix=".bench-audit-", dir="results"))
    try:
        with contextlib.chdir(folder):
            paths = generate(options.files, size)
            bare, first = [], []
            for _ in range(ROUNDS):
                forget(paths)
                bare.append(read(paths))
                forget(paths)
                first.append(audited(full=True))
            again = audited(full=False)
    finally:
        shutil.rmtree(folder)
    share = statistics.median(one / other for one, other in zip(bare, first, strict=True))
    print(f"| {options.files} files, {options.megabytes} MB | s | MB/s | of the bare rate |\n|---|---:|---:|---:|")
    for name, seconds, ratio in (
        ("bare read", statistics.median(bare), "100 %"),
        ("first audit, which reads all", statistics.median(first), f"{share:.0%}"),
        ("audit when nothing changed", again, ""),
    ):
        print(f"| {name} | {seconds:.2f} | {options.megabytes / seconds:.0f} | {ratio} |")


if __name__ == "__main__":
    main()
