"""What planning costs: `snakemake -n` of a new study of many runs, and the call that finds nothing to do.

    python bench/plan.py [number of jobs …] [--page]

The study is config/demo.yaml on all its tasks, with as many seeds as it takes, each of them a job of its own (the
studies of this project train five in a job, so that as many jobs are five times as many trainings). The files
of the second call are empty ones that Snakemake has noted as made. `bare` is a workflow of one rule with as many jobs,
inputs, outputs and settings, and none of this project's code: Snakemake's own cost.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from page import exponent, show

from msd.config.study import load_study
from msd.lineage.environment import describe_environment

PROJECT = Path(__file__).resolve().parents[1]
SIZES = (500, 2000, 10_000)
READ, WRITTEN = 12, 7
"""Files that a student's job reads and writes."""
BARE = """
RUNS = range({runs})
SOURCES = [f"in/{{number}}" for number in range({inputs})]

rule all:
    input: expand("out/{{run}}/{{name}}", run=RUNS, name=range({outputs}))

rule student:
    input: SOURCES
    output: expand("out/{{{{run}}}}/{{name}}", name=range({outputs}))
    log: "logs/{{run}}.log"
    params: code=lambda wildcards: "0" * 64, settings=lambda wildcards: wildcards.run * 200
    shell: "touch {{output}}"

rule source:
    output: SOURCES
    shell: "touch {{output}}"
"""


def call(folder: Path, *arguments: str) -> tuple[str, list[float]]:
    """What a call of Snakemake prints, and its seconds, seconds of processor time and GiB of memory."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    with tempfile.TemporaryFile("w+") as printed:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=printed, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        printed.seek(0)
        text = printed.read()
    if status:
        raise RuntimeError(f"{' '.join(command)} failed: {text[-2000:]}")
    return text, [seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20]


def measured(folder: Path, *arguments: str) -> list[list[float]]:
    """Costs of the plan and of the call that finds nothing to do."""
    _, plan = call(folder, *arguments, "--dry-run", "--quiet", "all")
    text, _ = call(folder, *arguments, "--summary")
    for line in text.splitlines():
        name, *columns = line.split("\t")
        if columns and name != "output_file":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
    call(folder, *arguments, "--touch", "--quiet", "all")
    text, nothing = call(folder, *arguments)
    if "Nothing to be done" not in text:
        raise RuntimeError(f"something was left to do: {text[-2000:]}")
    return [plan, nothing]


def write_study(folder: Path, runs: int) -> int:
    """Write a study of at least that many runs; how many it has."""
    content: dict[str, Any] = yaml.safe_load((PROJECT / "config/demo.yaml").read_text())
    content |= {"study": "plan", "seeds_per_job": 1}
    for own in content["datasets"].values():
        own.pop("methods", None)
        own.pop("seeds", None)
    path = folder / "plan.yaml"
    content["seeds"] = 2
    path.write_text(yaml.safe_dump(content))
    content["seeds"] = max(2, math.ceil(2 * runs / len(load_study(path).runs)))
    path.write_text(yaml.safe_dump(content))
    return len(load_study(path).runs)


def table(sizes: list[int]) -> str:
    """A row for each call of each size."""
    lines = [
        "| jobs | call | s | s of processor time | of them Snakemake's own | GiB |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    costs: dict[str, list[tuple[int, float, float]]] = {"plan": [], "nothing to do": []}
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder, bare = Path(name, "project"), Path(name, "bare")
            folder.mkdir()
            bare.mkdir()
            for each in ("msd", "config", "workflow", "profiles", "Snakefile", "CITATION.cff"):
                (folder / each).symlink_to(PROJECT / each)
            runs = write_study(folder, size)
            (bare / "Snakefile").write_text(BARE.format(runs=runs, inputs=READ, outputs=WRITTEN))
            own = measured(folder, "--configfile", "plan.yaml")
            for label, ours, its in zip(costs, own, measured(bare), strict=True):
                seconds, processor, memory = ours
                costs[label].append((runs, processor, memory))
                cells = (f"{seconds:.0f}", f"{processor:.0f}", f"{its[1]:.0f}", f"{memory:.2f}")
                lines.append(f"| {runs:,} | {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + (growth(costs) if len(sizes) > 1 else "")


def growth(costs: Mapping[str, Sequence[tuple[int, float, float]]]) -> str:
    """A sentence with the exponents of each call; costs: jobs, seconds and GiB of each size."""
    words = []
    for label, rows in costs.items():
        jobs, seconds, memory = zip(*rows, strict=True)
        words.append(f"{label} {exponent(jobs, seconds):.2f} and {exponent(jobs, memory):.2f}")
    return f"\n\nExponents of processor time and of memory against the number of jobs: {'; '.join(words)}."


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=int, default=list(SIZES), help="sizes of studies")
    parser.add_argument("--page", action="store_true", help="write docs/scale.md too")
    options = parser.parse_args()
    machine = f"On {describe_environment()['cpu']['model']}, snakemake {version('snakemake')}."
    show("planning", f"{machine}\n\n{table(options.runs)}", write=options.page)


if __name__ == "__main__":
    main()
