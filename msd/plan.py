"""What a study would run, fetch and cost, before anything is run."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from statistics import mean

from msd.errors import UserError
from msd.study import Study, load_study


def plan(path: str) -> str:
    """A readable account of a study's open jobs, trainings, downloads, and the time they take.

    Jobs are those of Snakemake's own dry run. Times are means over the benchmarks of earlier jobs of the same rule
    on this machine; a rule that never ran here has none.
    """
    study = load_study(path)
    jobs = open_jobs(path)
    lines = [f"Study {study.study}: {study.title}", ""]
    lines += _grid(study)
    lines += _jobs(jobs)
    lines += _downloads(study, pending={rule for rule in jobs if rule.startswith("fetch_")})
    return "\n".join(lines)


def open_jobs(path: str) -> dict[str, int]:
    """rule -> number of jobs that Snakemake would run for the study."""
    command = [sys.executable, "-m", "snakemake", "--configfile", path, "--dry-run", "--nolock"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"Snakemake cannot plan {path}: {done.stderr.strip().splitlines()[-1]}")
    jobs: dict[str, int] = {}
    counting = False
    for line in (done.stdout + done.stderr).splitlines():
        words = line.split()
        if words[:2] == ["job", "count"]:
            counting = True
        elif counting and len(words) == 2 and words[1].isdigit() and words[0] not in ("total", "all", "default"):
            jobs[words[0]] = int(words[1])
        elif counting and words[:1] == ["total"]:
            break
    return jobs


def _grid(study: Study) -> list[str]:
    seeds = len(study.seeds)
    points = sum(len(config.points) for config in study.method_configs.values())
    return [
        f"Grid: {len(study.datasets)} datasets × {points} configurations of {len(study.methods)} methods × "
        f"{seeds} seeds = {len(study.datasets) * points * seeds} students in {len(study.runs)} jobs",
        f"Teachers: {len(study.datasets)}",
        "",
    ]


def _jobs(jobs: dict[str, int]) -> list[str]:
    if not jobs:
        return ["Jobs to run: none, everything is up to date", ""]
    lines = [f"{'Jobs to run':<28}{'count':>6}{'CPU hours':>12}"]
    known, unknown = 0.0, 0
    for rule, count in jobs.items():
        seconds = _mean_seconds(rule)
        hours = "no estimate" if seconds is None else f"{count * seconds / 3600:.3f}"
        known += count * (seconds or 0.0) / 3600
        unknown += count if seconds is None else 0
        lines.append(f"  {rule:<26}{count:>6}{hours:>12}")
    lines.append(f"  {'total':<26}{sum(jobs.values()):>6}{known:>12.3f}")
    if unknown:
        lines.append(f"  {unknown} jobs are of rules that never ran here, and are left out of the total of hours")
    return [*lines, ""]


def _mean_seconds(rule: str) -> float | None:
    folder = rule if not rule.startswith("fetch_") else "fetch"
    seconds = []
    for file in Path("results").glob(f"*/benchmarks/{folder}/*.tsv"):
        with file.open(encoding="utf-8", newline="") as table:
            seconds += [float(row["s"]) for row in csv.DictReader(table, delimiter="\t")]
    return mean(seconds) if seconds else None


def _downloads(study: Study, *, pending: set[str]) -> list[str]:
    lines = ["Data and weights, with their licences"]
    for config in [*study.dataset_configs.values(), *study.encoder_configs.values()]:
        size = sum(source.bytes for source in config.sources) / 1e6
        state = "to fetch" if f"fetch_{config.name.replace('-', '_')}" in pending else "present"
        kinds = ", ".join(sorted({source.kind for source in config.sources}))
        lines.append(f"  {config.name:<20}{size:>8.1f} MB  {state:<9} {kinds:<10} {config.licence.name}")
    return lines
