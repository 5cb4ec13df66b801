"""What a study would run, fetch and cost, before anything is run."""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import mean

from msd.config.contracts.data import Source
from msd.config.files import DatasetConfig
from msd.data import SPLITS
from msd.errors import UserError
from msd.planning.gpu_hours import gpu_hours
from msd.planning.prices import Price, measured, requested, samples, training_price
from msd.studies import RESULTS, AnyStudy, check_owners, folder_of, open_study
from msd.system.text_file import read_json


def plan(path: str) -> str:
    """A readable account of a study's open jobs, trainings, times, disk use and downloads.

    `path` is the study's file. Jobs are those of Snakemake's own dry run.

    Raises:
        UserError: one sentence on a faulty study or workflow.
    """
    loaded = open_study(path)
    check_owners(loaded)
    jobs = open_jobs(path, accepted=[*loaded.accept_licenses, *(config.name for config in loaded.unaccepted)])
    parts = [
        [f"Study {loaded.study}: {loaded.title}", *(f"  {line}" for line in loaded.summary())],
        _jobs(jobs, loaded),
        *(gpu_hours(own) for own in loaded.trains),
        [*_disk(loaded), *_features(loaded)],
        _sources(loaded, jobs),
        _to_accept(loaded),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def open_jobs(path: str, *, accepted: Iterable[str] = ()) -> dict[str, int]:
    """rule -> number of jobs that Snakemake would run for the study file at `path`, were those licences accepted."""
    command = [sys.executable, "-m", "snakemake", "--configfile", path, "--dry-run", "--nolock"]
    command += ["--config", f"accept_licenses=[{', '.join(accepted)}]"] if accepted else []
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


def _jobs(jobs: dict[str, int], study: AnyStudy) -> list[str]:
    """Jobs with their prices, and what one of them requests of a scheduler, see `msd.planning.prices`."""
    if not jobs:
        return ["Jobs to run: none, everything is up to date"]
    lines = [f"{'Jobs to run':<28}{'count':>6}{'each':>10}{'together':>10}{'asks for':>20}"]
    known, without, guessed = 0.0, 0, False
    for rule, count in jobs.items():
        price, is_guess = _price(rule, study)
        if price is None:
            lines.append(f"  {rule:<26}{count:>6}{'?':>10}{'?':>10}")
            without += count
            continue
        each, together = (f"{'~' * is_guess}{duration(seconds)}" for seconds in (price.seconds, count * price.seconds))
        request = requested(price, mem_mb=0, runtime=0)
        limits = f"{request['mem_mb'] / 1000:.1f} GB, {request['runtime']} min" if price.megabytes else ""
        lines.append(f"  {rule:<26}{count:>6}{each:>10}{together:>10}{limits:>20}".rstrip())
        known += count * price.seconds
        guessed |= is_guess
    lines.append(f"  {'all':<26}{sum(jobs.values()):>6}{'':>10}{duration(known):>10}")
    if without:
        lines.append(f"  ?: never ran in this study, so {without} jobs are not in the time of all")
    if guessed:
        lines.append("  ~: never ran in this study; from the sizes of model and data")
    lines.append("  Times are of one job at a time; two cores take about half")
    return lines


def mean_seconds(rule: str, *, study: str) -> float | None:
    """Mean duration of a rule's earlier jobs, None where there were none."""
    price = _earlier(rule, study)
    return None if price is None else price.seconds


def _earlier(rule: str, study: str) -> Price | None:
    """The mean price of a rule's earlier jobs, by their benchmarks, which are filed under the rule's stage."""
    of_each = (stage for stage in ("fetch", "convert") if rule.startswith(f"{stage}_"))  # a rule for each source
    stage = next(of_each, rule.removeprefix("write_").removeprefix("model_"))
    prices = (measured(stage, str(folder)) for folder in (RESULTS / study, RESULTS / "data"))
    return next((price for price in prices if price is not None), None)


def _price(rule: str, study: AnyStudy) -> tuple[Price | None, bool]:
    """The mean price of a rule's jobs, and whether it is a guess."""
    if (known := _earlier(rule, study.study)) is not None:
        return known, False
    tables = {name: folder_of(study, name) / "prepared/train.parquet" for name in study.datasets}
    rows = {name: samples(str(table)) if table.is_file() else 0 for name, table in tables.items()}
    if not all(rows.values()):
        return None, False
    guesses = [training_price(params, rows[params.dataset]) for params in study.trainings(rule)]
    prices = [guess for guess in guesses if guess is not None]
    if not prices or len(prices) < len(guesses):
        return None, False
    return Price(mean(one.seconds for one in prices), max(one.megabytes for one in prices)), True


def duration(seconds: float) -> str:
    """A time as a person reads it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _disk(study: AnyStudy) -> list[str]:
    folders = [
        folder_of(study, name) for name in dict.fromkeys((*study.datasets, *(each.name for each in study.sources)))
    ]
    shared, own = (sum(map(_megabytes, group)) for group in (folders, [RESULTS / study.study]))
    return [f"On disk now: {shared:.1f} MB of data and encoders, {own:.1f} MB in {RESULTS / study.study}"]


def _features(study: AnyStudy) -> list[str]:
    """What the region features of each dataset take on the disk, P·R·D numbers of two bytes."""
    if not study.extracted:
        return []
    lines, total = [], 0
    for dataset, encoder in study.extracted.items():
        config = study.dataset_configs[dataset]
        pictures, source = _pictures(study, config)
        regions, needed = encoder.regions(config.size), feature_bytes(study, config)
        total += needed
        count = f"{pictures:,} pictures ({source})" if pictures else "its pictures are counted when it is prepared"
        volume = f"{needed / 1e6:,.1f} MB" if pictures else "?"
        lines.append(
            f"  {dataset:<22}{volume:>14} {encoder.name}: {count} × {regions} regions × {encoder.dims} × 2 bytes"
        )
    return [f"Region features, {total / 1e6:,.1f} MB as far as the numbers of pictures are known", *lines]


def feature_bytes(study: AnyStudy, config: DatasetConfig) -> int:
    """What a dataset's region features take, 0 where the number of its pictures is not known yet."""
    encoder, (pictures, _) = study.extracted[config.name], _pictures(study, config)
    return 2 * (pictures or 0) * encoder.regions(config.size) * encoder.dims


def _pictures(study: AnyStudy, config: DatasetConfig) -> tuple[int | None, str]:
    """How many pictures a dataset has, and by what: its preparation, what is taken of it, or who published it."""
    prepared = folder_of(study, config.name) / "prepared/metrics.json"
    if prepared.is_file():
        metrics = read_json(prepared)
        return int(sum(metrics[f"pictures/{split}"] for split in SPLITS)), "prepared"
    taken = config.prepare.get("pictures")
    if isinstance(taken, dict) and all(isinstance(value, int) for value in taken.values()):
        return sum(taken.values()), "as it is prepared"
    return config.pictures, "as published"


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def _sources(study: AnyStudy, jobs: dict[str, int]) -> list[str]:
    """Data and weights with their licences, and what a licence demands first."""
    lines, missing = [], 0
    for config in study.sources:
        is_open = f"fetch_{config.name.replace('-', '_')}" in jobs
        missing += download_bytes(config.sources) if is_open else 0
        gate = "" if config.licence.gate == "none" else f" (first: {config.licence.gate})"
        state = "to fetch" if is_open else "present"
        number, unit = size(config.sources).split()
        origin = origins(config.sources)
        lines.append(f"  {config.name:<22}{number:>8} {unit:<4}{state:<9}{origin:<7} {config.licence.name}{gate}")
    return [f"Data and weights, {missing / 1e6:.1f} MB of them to download", *lines]


def _to_accept(study: AnyStudy) -> list[str]:
    """The licences that must be accepted before anything runs, which a plan does not ask for."""
    if not study.unaccepted:
        return []
    licences = [f"  {config.name}: {config.licence.name} ({config.licence.terms})" for config in study.unaccepted]
    return [f"Before it runs, read these, then write `{study.accepting_line}`", *licences]


def download_bytes(sources: Iterable[Source]) -> int:
    """Bytes of the files that come over a network, as far as their sizes are known."""
    return sum(source.bytes or 0 for source in sources if source.kind not in ("committed", "manual"))


def size(sources: Iterable[Source]) -> str:
    """Megabytes of files; "MB+" where the size of one is not known, "?" where none is."""
    sizes = [source.bytes for source in sources]
    if not any(sizes):
        return "? MB"
    return f"{sum(filter(None, sizes)) / 1e6:.1f} {'MB' if all(sizes) else 'MB+'}"


def origins(sources: Iterable[Source]) -> str:
    """The kinds of sources, those of this repository in words."""
    kinds = {source.kind for source in sources}
    return "in git" if kinds == {"committed"} else "/".join(sorted(kinds))
