"""How long a study takes on few and on many GPUs, and what holds it up: a simulation of its real jobs, event by event.

    python bench/simulate.py config/demo-baselines.yaml --times results/demo-baselines [--page]
    python bench/simulate.py config/paper.yaml --times paper-fixtures/results/paper --priced [--page]

The jobs and what each waits for are Snakemake's (`--d3dag`). A job of a rule takes the time of one of that rule's jobs
that ran before, drawn at random with a fixed seed: `--times` is the folder of a study that ran, whose benchmarks say
how long jobs took and whose records how much they read. `--seconds rule=s` gives the time of a rule that never ran.
`--priced`: teachers and students take what `msd plan` says of a GPU, and read their dataset's region features once.
Three things stand between a job that can start and its work: the controller hands over one job at a time, a job that is
handed over needs a while to start, and all that run read from one disk.
"""

import argparse
import csv
import heapq
import json
import random
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from page import show

from msd.config.study import Study
from msd.planning.gpu_hours import gpu_seconds
from msd.planning.plan import feature_bytes
from msd.studies import open_study

ON_GPU = ("features", "teacher", "teacher_outputs", "transfer_outputs", "student")
LAST = ("student", "choose", "collect", "cost", "probe", "tables", "figures", "write_report", "track")
"""Rules whose jobs go after all others that could start, as in workflow/rules."""
STAGES = {"transfer_outputs": "teacher_outputs", "transfer_saliency": "saliency", "write_report": "report",
          "choose": "collect", "model_tokenizer": "tokenizer"}  # fmt: skip
"""Rule -> the stage under which its benchmarks are filed, or that of a rule that does as much."""
NOTHING = ("all", "default")
GPUS = (1, 8, 64, 1000)


@dataclass(frozen=True)
class Machine:
    """A cluster: `gpus`; seconds of the controller a job; seconds until a job starts; bytes a second of the disk.

    6.5 s to start: two nested Snakemake starts a job, as a small study took on SLURM; the others are assumptions.
    """

    gpus: int
    controller: float = 0.1
    start: float = 6.5
    disk: float = 1e9


@dataclass(frozen=True)
class Work:
    """One job: its rule, the numbers of the jobs that it waits for, its seconds and the bytes that it reads."""

    rule: str
    needs: frozenset[int]
    seconds: float
    reads: float


def finished(jobs: Mapping[int, Work], machine: Machine) -> float:
    """Seconds from the start to the end of the last job."""
    waiting, after = _waits(jobs)
    ready: dict[bool, list[tuple[bool, int]]] = {True: [], False: []}  # on a GPU, or not -> jobs that could start
    ends: list[tuple[float, int]] = []
    free, clock, controller, disk = machine.gpus, 0.0, 0.0, 0.0
    new = [number for number, count in waiting.items() if not count]
    while new or ends or any(ready.values()):
        for number in new:
            heapq.heappush(ready[jobs[number].rule in ON_GPU], (jobs[number].rule in LAST, number))
        while ready[False] or (ready[True] and free):
            on_gpu = bool(ready[True] and free)
            number = heapq.heappop(ready[on_gpu])[1]
            free -= on_gpu
            controller = max(clock, controller) + machine.controller
            disk = max(controller + machine.start, disk) + jobs[number].reads / machine.disk
            heapq.heappush(ends, (disk + jobs[number].seconds, number))
        clock, number = heapq.heappop(ends)
        free += jobs[number].rule in ON_GPU
        for other in after[number]:
            waiting[other] -= 1
        new = [other for other in after[number] if not waiting[other]]
    return clock


def _waits(jobs: Mapping[int, Work]) -> tuple[dict[int, int], dict[int, list[int]]]:
    """How many jobs each job waits for, and which ones wait for it."""
    after: dict[int, list[int]] = {number: [] for number in jobs}
    for number, job in jobs.items():
        for need in job.needs:
            after[need].append(number)
    return {number: len(job.needs) for number, job in jobs.items()}, after


def longest_chain(jobs: Mapping[int, Work]) -> tuple[float, list[str]]:
    """Seconds of the jobs that wait for each other and take longest together, and their rules."""
    waiting, after = _waits(jobs)
    chains: dict[int, tuple[float, list[str]]] = {}
    ready = [number for number, count in waiting.items() if not count]
    for number in ready:  # grows while it is read
        before = max((chains[need] for need in jobs[number].needs), key=lambda chain: chain[0], default=(0.0, []))
        chains[number] = (before[0] + jobs[number].seconds, [*before[1], jobs[number].rule])
        for other in after[number]:
            waiting[other] -= 1
        ready += [other for other in after[number] if not waiting[other]]
    return max(chains.values(), key=lambda chain: chain[0])


def read_jobs(study: str) -> tuple[dict[int, str], dict[int, set[int]]]:
    """number -> rule, and number -> numbers of the jobs that it waits for, of all jobs of a study."""
    opened = open_study(study)  # says what is wrong with it
    accepted = ", ".join([*opened.accept_licenses, *(config.name for config in opened.unaccepted)])
    command = [sys.executable, "-m", "snakemake", "--configfile", study, "--forceall", "--nolock", "--d3dag"]
    command += ["--config", f"accept_licenses=[{accepted}]"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
    if done.returncode or line is None:
        raise ValueError(f"Snakemake does not plan {study}: {(done.stdout + done.stderr)[-1000:]}")
    content: dict[str, list[dict[str, Any]]] = json.loads(line)
    rules = {node["id"]: node["value"]["rule"] for node in content["nodes"] if node["value"]["rule"] not in NOTHING}
    needs: dict[int, set[int]] = {number: set() for number in rules}
    for edge in content["edges"]:
        if edge["v"] in rules and edge["u"] in rules:
            needs[edge["v"]].add(edge["u"])
    return rules, needs


def stage_of(rule: str) -> str:
    """The stage that a rule runs."""
    each = re.match(r"(fetch|convert)_", rule)
    return each[1] if each else STAGES.get(rule, rule)


def measured(folder: Path) -> tuple[dict[str, list[float]], dict[str, list[float]], list[str]]:
    """Stage -> seconds of its jobs, and the bytes that they read; the processors that they ran on."""
    seconds, reads, processors = defaultdict(list), defaultdict(list), set()
    for place in (folder, folder.parent / "data"):
        for file in sorted(place.glob("benchmarks/*/*.tsv")):
            with file.open(encoding="utf-8", newline="") as table:
                seconds[file.parent.name] += [float(row["s"]) for row in csv.DictReader(table, delimiter="\t")]
        for file in sorted(place.rglob("record.json")):
            record = json.loads(file.read_text(encoding="utf-8"))
            reads[record["rule"]].append(float(sum(item["bytes"] for item in record["inputs"])))
            processors.add(record["gpu"] or record["cpu"]["model"])
    return seconds, reads, sorted(processors)


def priced(study: Study) -> dict[str, list[tuple[float, float]]]:
    """Stage -> seconds and bytes of each of its jobs, as `msd plan` prices them."""
    jobs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for dataset, config in study.dataset_configs.items():
        size = float(feature_bytes(study, config))
        for stage, seconds in gpu_seconds(study, dataset).items():
            jobs[stage] += [(each, size) for each in seconds]
    return jobs


def works(
    study: str, folder: Path, given: Mapping[str, float], *, with_prices: bool = False
) -> tuple[dict[int, Work], list[str]]:
    """The jobs of a study with their times; ValueError where a rule has none."""
    rules, needs = read_jobs(study)
    seconds, reads, processors = measured(folder)
    seconds.update({stage: [value] for stage, value in given.items()})
    without = sorted({stage_of(rule) for rule in rules.values()} - seconds.keys() - {"track"})
    if without:
        raise ValueError(f"{folder} has no times of {', '.join(without)}; give them: --seconds {without[0]}=60")
    draw = random.Random(0)  # noqa: S311 - no secret
    opened = open_study(study)
    prices = priced(opened) if with_prices and isinstance(opened, Study) else {}
    for dealt in prices.values():
        draw.shuffle(dealt)
    jobs = {}
    for number, rule in sorted(rules.items()):
        stage = stage_of(rule)
        time, size = draw.choice(seconds.get(stage, [1.0])), draw.choice(reads.get(stage) or [0.0])
        if stage in prices:
            time, size = prices[stage].pop()
        jobs[number] = Work(rule, frozenset(needs[number]), time, size)
    return jobs, processors


def rule_time(entry: str) -> tuple[str, float]:
    """Rule and seconds of "rule=seconds"; ValueError for another text."""
    rule, _, seconds = entry.partition("=")
    if not re.fullmatch(r"\d+(\.\d+)?", seconds):
        raise ValueError(f"--seconds {entry}: give a rule and seconds, as in teacher=60")
    return rule, float(seconds)


def table(jobs: Mapping[int, Work]) -> str:
    """Makespans and what each of the three hold-ups costs."""
    chain, rules = longest_chain(jobs)
    on_gpu = sum(job.seconds for job in jobs.values() if job.rule in ON_GPU)
    lines = [
        f"{len(jobs):,} jobs; {on_gpu / 3600:.1f} hours of them for GPUs; the longest chain, {' → '.join(rules)}, "
        f"takes {chain / 60:.1f} min whatever the number of GPUs.\n",
        "| GPUs | takes, min | work / GPUs | longest chain | costs: controller | start of jobs | disk | what limits |",
        "|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for gpus in GPUS:
        machine = Machine(gpus)
        whole = finished(jobs, machine)
        without = {
            "controller": whole - finished(jobs, replace(machine, controller=0.0)),
            "start of jobs": whole - finished(jobs, replace(machine, start=0.0)),
            "disk": whole - finished(jobs, replace(machine, disk=float("inf"))),
        }
        bounds = {"number of GPUs": on_gpu / gpus, "chain": chain}
        limit = max({**bounds, **without}.items(), key=lambda item: item[1])[0]
        cells = [whole, on_gpu / gpus, chain, *without.values()]
        lines.append(f"| {gpus:,} | {' | '.join(f'{value / 60:.1f}' for value in cells)} | {limit} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="a study's file")
    parser.add_argument("--times", type=Path, required=True, help="folder of results of a study that ran")
    parser.add_argument("--seconds", nargs="*", default=[], metavar="RULE=S", help="times of rules that never ran")
    parser.add_argument("--priced", action="store_true", help="trainings as long as `msd plan` says")
    parser.add_argument("--page", action="store_true", help="write docs/scale.md too")
    options = parser.parse_args()
    try:
        given = dict(map(rule_time, options.seconds))
        jobs, processors = works(options.study, options.times, given, with_prices=options.priced)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    model = Machine(1)
    said = "".join(f" {name}: {value:g} s each, given by hand." for name, value in given.items())
    trainings = " Teachers and students take what `msd plan` says." if options.priced else ""
    text = (
        f"`{options.study}`, with the times that jobs of `{options.times.name}` took on {', '.join(processors)}.{said}"
        f"{trainings} "
        f"The controller takes {model.controller} s a job, a job {model.start} s to start, and the disk gives "
        f"{model.disk / 1e9:g} GB/s to all together.\n\n{table(jobs)}"
    )
    show(f"simulation of {Path(options.study).stem}", text, write=options.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
