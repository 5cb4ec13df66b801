"""What a job costs in time and memory: `msd plan` prints it, and the rules ask a scheduler for it.

What earlier jobs of the same stage, study and dataset took is known from their benchmarks. Where there are none, time
and memory of a training follow from its parameters and the number of its samples. Both are guesses at what a job needs,
so a job asks for more, and after each failure for twice as much.
"""

import csv
import math
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from msd.config.contracts.training import Adapted, EngineParams, OutputsParams, StudentParams, TeacherParams
from msd.data import SPLITS
from msd.data.transfer import TRANSFER

PROCESSOR, GPU = 1e10, 2e12
"""Floating-point operations a second of small models in training, on one core and on one GPU; a careful guess."""
START = 30.0
"""Seconds in which a job loads its libraries and data and writes what it made, and each student answers."""
LIBRARIES = 700.0
"""Megabytes of a process that has loaded PyTorch and a small dataset."""
SECONDS_OF_PICTURES = 20.0
"""In which the features of a megabyte of pictures are extracted by one process."""
RESERVE = {"seconds": 4.0, "megabytes": 1.5}
"""How much more than its price a job asks for: a time limit ends a job, and processors differ more than memory does."""
SNAKEMAKES_MB = 300
"""Of the two Snakemakes around a job on a cluster, which its limit counts too."""
LEAST_MINUTES = 10
STEP_MB = 100


class Price(NamedTuple):
    """Seconds and megabytes of one job."""

    seconds: float
    megabytes: float


def requested(price: Price | None, *, mem_mb: int, runtime: int, attempt: int = 1) -> dict[str, int]:
    """What a job requests of a scheduler, in megabytes and minutes: price and reserve, doubled with each attempt.

    mem_mb, runtime: what it requests where there is no price.
    """
    if price is not None:
        mem_mb = STEP_MB * math.ceil((SNAKEMAKES_MB + RESERVE["megabytes"] * price.megabytes) / STEP_MB)
        runtime = max(LEAST_MINUTES, math.ceil(RESERVE["seconds"] * price.seconds / 60))
    return {"mem_mb": mem_mb * 2 ** (attempt - 1), "runtime": runtime * 2 ** (attempt - 1)}


def measured(stage: str, folder: str, prefix: str = "") -> Price | None:
    """Mean time and largest memory of the jobs of a stage whose benchmarks lie in a folder of results, read once.

    prefix: with which the benchmark's name begins, such as the dataset's name. None where there are none.
    """
    return _measured(stage, os.path.abspath(folder), prefix)


@cache
def _measured(stage: str, folder: str, prefix: str) -> Price | None:
    seconds, megabytes = [], []
    for row in _benchmarks(stage, folder, prefix):
        seconds.append(float(row["s"]))
        if row.get("max_rss") not in (None, "-", "NA", ""):  # of a job that was too short to be looked at
            megabytes.append(float(row["max_rss"]))
    return Price(mean(seconds), max(megabytes, default=0.0)) if seconds else None


def _benchmarks(stage: str, folder: str, prefix: str) -> Iterator[dict[str, str]]:
    for file in sorted(Path(folder).glob(f"benchmarks/{stage}/{prefix}*.tsv")):
        with file.open(encoding="utf-8", newline="") as table:
            yield from csv.DictReader(table, delimiter="\t")


def price(stage: str, params: Any, inputs: Mapping[str, Any], folder: str, prefix: str = "") -> Price | None:
    """The price of a job of these parameters, whose results lie in `folder`; None where nothing is known.

    prefix: of its benchmark, as in `measured`. Raises FileNotFoundError where an input that tells its size is not made.
    """
    known = measured(stage, folder, prefix)
    if known is not None and known.megabytes:
        return known
    if stage in ("teacher", "student") and isinstance(params, TeacherParams | StudentParams):
        rows = samples(inputs["train"])
        return training_price(params, rows) if rows else None
    if stage == "teacher_outputs" and isinstance(params, OutputsParams):
        rows = sum(samples(inputs[split]) for split in (*SPLITS, TRANSFER) if split in inputs)
        return outputs_price(params, rows, os.path.getsize(inputs["model"]))
    if stage == "features":
        return Price(START + SECONDS_OF_PICTURES * os.path.getsize(inputs["pictures"]) / 2**20, 2 * LIBRARIES)
    return None


def samples(table: str) -> int:
    """The number of rows of a prepared table, read once; 0 of a damaged one, of which the job that reads it tells."""
    os.stat(table)  # whose error, unlike pyarrow's, names a file that is not there: Snakemake waits for it then
    return _samples(os.path.abspath(table))


@cache
def _samples(table: str) -> int:
    try:
        return int(pq.read_metadata(table).num_rows)
    except pa.ArrowInvalid:
        return 0


def training_price(params: TeacherParams | StudentParams, rows: int) -> Price | None:
    """The price of training a teacher, or a student with each seed, on so many samples.

    None for a model that reads pixels, whose sizes stand in its own configuration.

    A pass forward and back takes 6 operations for each weight of a layer and each token (Kaplan et al. 2020, section
    2.1); students see three views of a sample. AdamW keeps weights, gradients and two moments.
    """
    shape, schedule = params.architecture, params.schedule
    if isinstance(shape, Adapted):
        return None
    views, models = (3, len(params.seeds)) if isinstance(params, StudentParams) else (1, 1)
    tokens = params.data.max_tokens + params.data.regions**2
    weights = shape.layers * shape.width * (4 * shape.width + 2 * shape.feed_forward)
    epochs = schedule.stop or schedule.epochs
    seen = min(rows * epochs, (schedule.max_steps or rows * epochs) * schedule.batch_size)
    speed = _speed(params.engine) * params.engine.processes
    words = 30_000 * shape.width  # of the largest vocabulary that an encoder here has
    kept = schedule.batch_size * tokens * shape.layers * (8 * shape.width + 2 * shape.feed_forward) * views
    megabytes = LIBRARIES + 4 * (4 * models * (weights + words) + kept) / 2**20
    return Price(START * (1 + models) + models * 6 * weights * tokens * views * seen / speed, megabytes)


def outputs_price(params: OutputsParams, rows: int, model_bytes: int) -> Price:
    """The price of asking a teacher, whose weights take so many bytes, for its answers to the views of all samples."""
    tokens = params.data.max_tokens + params.data.regions**2
    seconds = 3 * 2 * rows * tokens * model_bytes / 4 / _speed(params)
    return Price(START + seconds, LIBRARIES + 3 * model_bytes / 2**20 + rows * 3 * 4096 / 2**20)


def _speed(engine: EngineParams | OutputsParams) -> float:
    return GPU if engine.device == "cuda" else PROCESSOR
