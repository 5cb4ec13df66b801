"""Processor time and memory of the stages that grow with a study, against what it grows by, and how fast they grow.

    python bench/scale.py [--page]

Sizes double or quadruple while all else stays small; an exponent is the slope of the logarithms (1: in proportion).
Each measurement is a process of its own; its memory is what it needs beyond what it was born with. Samples are random
numbers: no stage asks what they mean. How planning grows with runs is measured by bench/plan.py.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection

import numpy as np
import torch
from page import exponent, show

from msd.config.contracts.training import EngineParams, Schedule
from msd.distill.losses import DATASET_TASKS
from msd.distill.method import Setting, TeacherTargets, method_class
from msd.distill.saliency import modality_saliency
from msd.lineage.environment import describe_environment
from msd.measure.scorers import mean_scorer
from msd.measure.stats import Resampling
from msd.models.split import Split
from msd.models.views import VIEWS
from msd.models.visualbert import VisualBertClassifier
from msd.training.descent import train
from msd.training.determinism import single_thread
from msd.training.engine import Engine
from msd.training.history import History

SMALL = {"samples": 1000, "labels": 10, "regions": 4, "seeds": 4}
OPTIONS = {"lambda": 0.5, "temperature": 2}
METHODS = {"kd": OPTIONS, "msd": OPTIONS | {"weighting": "instance", "strength": 1}}
STUDENT = {"layers": 2, "width": 128, "heads": 2, "feed_forward": 128, "dropout": 0.0, "pool": "modality-means"}
VOCABULARY, TOKENS, WIDTH, BATCH, DRAWS = 2000, 16, 256, 32, 200
Sizes = Mapping[str, int]


def student(method: str, sizes: Sizes) -> None:
    """One epoch of a student."""
    torch.manual_seed(0)
    samples, labels = sizes["samples"], sizes["labels"]
    split = Split(
        tokens=torch.randint(5, VOCABULARY, (samples, TOKENS), dtype=torch.int32),
        lengths=torch.full((samples,), TOKENS),
        pictures=torch.arange(samples),
        regions=torch.randn(samples, sizes["regions"], WIDTH),
        targets=torch.randint(0, labels, (samples,)),
    )
    saliency = {modality: torch.rand(samples) for modality in ("image", "text")}
    teacher = TeacherTargets(logits={view: torch.randn(samples, labels) for view in VIEWS}, saliency=saliency)
    size = {"vocabulary": VOCABULARY, "labels": labels, "region_width": WIDTH, "positions": TOKENS}
    setting = Setting("scale", 0, "multiclass", split, VisualBertClassifier({**STUDENT, **size}), teacher)
    schedule = {
        "epochs": 1,
        "batch_size": BATCH,
        "learning_rate": 1e-3,
        "weight_decay": 0.01,
        "warmup": 0.1,
        "clip": 1.0,
    }
    how = {"schedule": Schedule(**schedule), "history": History(), "engine": Engine(EngineParams(device="cpu"))}
    train(method_class(method)(METHODS[method], setting), name=method, validate=dict, **how)


def saliency(sizes: Sizes) -> None:
    """The saliency of both modalities of a split, from a teacher's stored answers."""
    outputs = {view: torch.randn(sizes["samples"], sizes["labels"]) for view in VIEWS}
    modality_saliency(outputs, task=DATASET_TASKS["multiclass"])


def comparison(sizes: Sizes) -> None:
    """A method against the baseline: every run scored on all draws of the bootstrap, then paired by seed."""
    random = np.random.default_rng(0)
    samples, seeds = sizes["samples"], sizes["seeds"]
    drawn = Resampling(np.arange(samples), draws=DRAWS, rng_name="scale")
    sides = [[drawn.scores(mean_scorer(random.random(samples) < 0.7)) for _ in range(seeds)] for _ in range(2)]
    drawn.compare(*sides)


Stage = Callable[[Sizes], None]
STAGES: dict[str, tuple[Stage, dict[str, Sequence[int]]]] = {
    "student, KD": (
        lambda sizes: student("kd", sizes),
        {"samples": (1000, 2000, 4000), "labels": (10, 100, 1000), "regions": (4, 16, 64)},
    ),
    "student, MSD": (
        lambda sizes: student("msd", sizes),
        {"samples": (1000, 2000, 4000), "labels": (10, 100, 1000), "regions": (4, 16, 64)},
    ),
    "saliency": (saliency, {"samples": (10_000, 40_000, 160_000), "labels": (10, 100, 1000)}),
    "comparison": (comparison, {"samples": (1000, 4000, 16_000), "seeds": (5, 20, 80)}),
}


def measured(stage: Stage, sizes: Sizes) -> tuple[float, float]:
    """Seconds of processor time and MiB that a stage takes."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_run, args=(stage, sizes, there))
    process.start()
    seconds, memory = here.recv()
    process.join()
    return seconds, memory


def _run(stage: Stage, sizes: Sizes, answer: Connection) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    stage(sizes)
    seconds = time.process_time() - start
    answer.send((seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024))


def table() -> str:
    """A row for each stage and what it grows by."""
    lines = ["| stage | grows by | sizes | s | exponent | MiB | exponent |", "|---|---|---|---|---:|---|---:|"]
    measured(STAGES["student, KD"][0], SMALL)  # what is done once is done
    for name, (stage, grows) in STAGES.items():
        for by, sizes in grows.items():
            pairs = [measured(stage, {**SMALL, by: size}) for size in sizes]
            seconds, memory = zip(*pairs, strict=True)
            cells = (
                " / ".join(f"{size:,}" for size in sizes),
                " / ".join(f"{value:.2f}" for value in seconds),
                f"{exponent(sizes, seconds):.2f}",
                " / ".join(f"{value:.0f}" for value in memory),
                f"{exponent(sizes, memory):.2f}",
            )
            lines.append(f"| {name} | {by} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", action="store_true", help="write docs/scale.md too")
    options = parser.parse_args()
    single_thread()
    show("scaling", f"On {describe_environment()['cpu']['model']}, one thread.\n\n{table()}", write=options.page)


if __name__ == "__main__":
    main()
