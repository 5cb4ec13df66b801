"""What a study would run, fetch and cost, before anything is run."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path
from statistics import mean

from msd.config.files import DatasetConfig, EncoderConfig
from msd.config.study import Study
from msd.errors import UserError
from msd.mfh.study import MfhStudy
from msd.studies import open_study

RESULTS = Path("results")


def plan(study: str) -> str:
    """A readable account of a study's open jobs, trainings, times, disk use and downloads.

    `study` is the study's file, or its name for config/<name>.yaml. Jobs are those of Snakemake's own dry run.

    Raises:
        UserError: one sentence on a faulty study or workflow.
    """
    path = study if Path(study).suffix else f"config/{study}.yaml"
    loaded = open_study(path)
    jobs = open_jobs(path)
    parts = [_runs(loaded) if isinstance(loaded, MfhStudy) else _grid(loaded)]
    parts += [_jobs(jobs, study=loaded.study), _disk(loaded), _sources(loaded, jobs)]
    return "\n\n".join("\n".join(part) for part in parts)


def open_jobs(path: str) -> dict[str, int]:
    """rule -> number of jobs that Snakemake would run for the study file at `path`."""
    command = [sys.executable, "-m", "snakemake", "--configfile", path, "--dry-run", "--nolock"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise UserError(f"Snakemake cannot plan {path}: {_fault(done.stdout)}")
    table = done.stdout.partition("Job stats:")[2].partition("\ntotal ")[0]
    rows = re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)
    return {rule: int(count) for rule, count in rows if rule not in ("all", "default")}


def _fault(output: str) -> str:
    """Snakemake's error in one line, without the traceback below it."""
    lines = output.splitlines()
    start = next((number for number, line in enumerate(lines) if re.match(r"\w+(Error|Exception)\b", line)), 0)
    return " ".join(line.strip() for line in lines[start:] if not line.startswith("  File "))


def _grid(study: Study) -> list[str]:
    datasets, seeds = len(study.datasets), len(study.seeds)
    points = sum(len(config.points) for config in study.method_configs.values())
    factors = f"{_number(datasets, 'dataset')} × {_number(points, 'configuration')}"
    return [
        f"Study {study.study}: {study.title}",
        f"  {_number(datasets, 'teacher')}, one a dataset: {', '.join(study.datasets)}",
        f"  {_number(datasets * points * seeds, 'student')}: {factors} of {_number(len(study.methods), 'method')}"
        f" × {_number(seeds, 'seed')}, in {_number(len(study.runs), 'job')}",
    ]


def _runs(study: MfhStudy) -> list[str]:
    from msd.mfh.gaussian.data import settings  # loads torch, which other plans need not wait for

    found = settings(study.experiments)
    nets = sum(len(setting.nets) * len(seeds) for setting, seeds in found)
    size = f"{_number(len(found), 'setting')} × {_number(study.gaussian.runs, 'run')}"
    data = ", ".join(study.datasets) or study.av_mnist.source
    lines = [
        f"Study {study.study}: {study.title}",
        f"  {_number(nets, 'linear net')}: {size}, data drawn",
        f"  digits seen and heard: {data}, {_number(len(study.av_mnist.seeds), 'seed')}",
    ]
    teachers = study.teachers
    if teachers is not None:
        # No teacher, or one of three views: regular, or of three kinds with a share of its channels silenced.
        students = 2 * (1 + 3 * (1 + 3 * len(teachers.shares)))
        count = len(teachers.datasets) * students * len(teachers.seeds)
        factors = f"{_number(len(teachers.datasets), 'dataset')} × {students} × {_number(len(teachers.seeds), 'seed')}"
        lines.append(f"  {_number(count, 'student')} of one modality: {factors}, of the teachers of {teachers.study}")
    return lines


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _jobs(jobs: dict[str, int], *, study: str) -> list[str]:
    """Jobs and times; a time is the mean of earlier jobs of the same rule in the same study, on this machine."""
    if not jobs:
        return ["Jobs to run: none, everything is up to date"]
    lines = [f"{'Jobs to run':<28}{'count':>6}{'each':>10}{'together':>10}"]
    known, without = 0.0, 0
    for rule, count in jobs.items():
        seconds = _mean_seconds(rule, study=study)
        if seconds is None:
            lines.append(f"  {rule:<26}{count:>6}{'?':>10}{'?':>10}")
            without += count
        else:
            lines.append(f"  {rule:<26}{count:>6}{_duration(seconds):>10}{_duration(count * seconds):>10}")
            known += count * seconds
    lines.append(f"  {'all':<26}{sum(jobs.values()):>6}{'':>10}{_duration(known):>10}")
    if without:
        lines.append(f"  ?: never ran in this study, so {without} jobs are not in the time of all")
    lines.append("  Times are of one job at a time; two cores take about half")
    return lines


def _mean_seconds(rule: str, *, study: str) -> float | None:
    """Mean duration of a rule's jobs by their benchmarks, which are filed under the stage that the rule runs."""
    stage = "fetch" if rule.startswith("fetch_") else rule.removeprefix("write_")
    seconds = []
    for folder in (RESULTS / study, RESULTS / "data"):
        for file in folder.glob(f"benchmarks/{stage}/*.tsv"):
            with file.open(encoding="utf-8", newline="") as table:
                seconds += [float(row["s"]) for row in csv.DictReader(table, delimiter="\t")]
    return mean(seconds) if seconds else None


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _disk(study: Study | MfhStudy) -> list[str]:
    folders = [RESULTS / "data" / name for name in study.datasets]
    folders += [RESULTS / "data" / "encoders" / name for name in study.encoder_configs]
    shared, own = (sum(map(_megabytes, group)) for group in (folders, [RESULTS / study.study]))
    return [f"On disk now: {shared:.1f} MB of data and encoders, {own:.1f} MB in {RESULTS / study.study}"]


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def _sources(study: Study | MfhStudy, jobs: dict[str, int]) -> list[str]:
    """Data and weights with their licences; what must be asked for first is said."""
    configs: list[DatasetConfig | EncoderConfig] = [*study.dataset_configs.values(), *study.encoder_configs.values()]
    lines, missing = [], 0.0
    for config in configs:
        size = sum(source.bytes or 0 for source in config.sources) / 1e6
        kinds = {source.kind for source in config.sources}
        is_open = f"fetch_{config.name.replace('-', '_')}" in jobs
        missing += size if is_open and kinds != {"committed"} else 0.0
        origin = "in git" if kinds == {"committed"} else "/".join(sorted(kinds))
        gate = "" if config.licence.gate == "none" else f" (first: {config.licence.gate})"
        state = "to fetch" if is_open else "present"
        unit = "MB" if all(source.bytes for source in config.sources) else "MB+"
        lines.append(f"  {config.name:<22}{size:>8.1f} {unit:<4}{state:<9}{origin:<7} {config.licence.name}{gate}")
    return [f"Data and weights, {missing:.1f} MB of them to download", *lines]
