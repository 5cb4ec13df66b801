"""Samples a second, and the share of the device's matrix rate that is used, of one teacher's or student's training.

    make bench-gpu                                  # on a machine with a GPU, minutes; builds nothing
    python bench/gpu.py --device cpu --divide 16    # does it run? A sixteenth of the sizes, fp32; numbers mean nothing

Trainings are the package's own, on random samples, with one thing at a time changed from the first row; `jobs` are
processes that train a student each at the same time, their samples a second added up. Operations are counted by PyTorch
as a step runs; they are held against the rate of a large matrix product in the same precision, measured in the same
run, and against the rate of the card's data sheet. The table is printed and written to bench/gpu-<device>.md.
"""

import argparse
import multiprocessing
import re
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from msd.config.contracts.training import EngineParams, Schedule
from msd.distill.method import Setting, TeacherTargets, method_class
from msd.lineage.record import git_state, utc_now
from msd.models.split import Split
from msd.models.views import VIEWS
from msd.models.visualbert import VisualBertClassifier
from msd.training.descent import train
from msd.training.determinism import single_thread
from msd.training.engine import Engine
from msd.training.history import History

LABELS, REGION_WIDTH, VOCABULARY = 3129, 2048, 30522
TEACHER = {"layers": 12, "width": 768, "heads": 12, "feed_forward": 3072}
STUDENT = {"layers": 4, "width": 312, "heads": 12, "feed_forward": 1200}
METHODS: dict[str, dict[str, Any]] = {
    "finetune": {},
    "kd": {"lambda": 0.9, "temperature": 2},
    "msd": {"lambda": 0.9, "temperature": 2, "weighting": "instance", "strength": 1},
}
SHEET = {"NVIDIA H100 80GB HBM3": {"bf16": 989e12, "fp32": 67e12}, "NVIDIA H200": {"bf16": 989e12, "fp32": 67e12}}
"""Operations a second by NVIDIA's data sheets of SXM cards: bf16 on tensor cores without sparsity, fp32 on others."""


@dataclass(frozen=True)
class Case:
    """One training, or as many at once as `jobs` says: its model's sizes, method, batch, and engine."""

    model: str = "VisualBERT-base"
    method: str = "finetune"
    batch: int = 256
    regions: int = 36
    tokens: int = 64
    precision: str = "bf16"
    compile: bool = False
    jobs: int = 1


FIRST = Case()
SMALL = replace(FIRST, model="TinyBERT 4L-312", method="kd")
CASES = [
    *(FIRST, replace(FIRST, precision="fp32", batch=64), replace(FIRST, compile=True)),
    *(replace(FIRST, batch=batch) for batch in (64, 480)),
    replace(FIRST, regions=100, tokens=128),
    *(SMALL, replace(SMALL, method="msd"), replace(SMALL, precision="fp32"), replace(SMALL, compile=True)),
    replace(SMALL, method="msd", batch=480),
    *(replace(SMALL, method=method, regions=100, tokens=128) for method in ("kd", "msd")),
    *(replace(SMALL, method=method, batch=64, jobs=jobs) for jobs in (1, 4, 8) for method in ("kd", "msd")),
]


def main() -> None:
    """Measure all cases, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--divide", type=int, default=1, help="by which sizes are divided")
    parser.add_argument("--steps", type=int, default=30, help="that are timed, after as many to warm up")
    options = parser.parse_args()
    single_thread()
    start = time.perf_counter()
    name = torch.cuda.get_device_name() if options.device == "cuda" else "processor"
    cases = CASES if options.device == "cuda" else [*dict.fromkeys(map(plain, CASES))]
    peak = {each: matrix_rate(options.device, each, options.divide) for each in {case.precision: 0 for case in cases}}
    rates = ", ".join(f"{precision} {rate / 1e12:.1f} TFLOP/s" for precision, rate in peak.items())
    rows = []
    for case in cases:
        samples = at_once(case, options.device, options.divide, options.steps)
        operations = samples * operations_of_a_sample(case, options.device, options.divide)
        rows.append(row(case, samples, operations, peak[case.precision], SHEET.get(name, {}).get(case.precision)))
        print(rows[-1], flush=True)
    commit, seconds = git_state()["commit"] or "no commit", time.perf_counter() - start
    head = [
        f"{name}, PyTorch {torch.__version__}; the rate of a large matrix product: {rates}.",
        f"Measured in {seconds:.0f} seconds on {utc_now()[:10]}, at {commit}.",
        "",
        "| model | method | batch | regions | tokens | precision | compiled | jobs | samples/s | TFLOP/s "
        "| of the product's | of the data sheet's |",
        "|---|---|---:|---:|---:|---|---|---:|---:|---:|---:|---:|",
    ]
    table = "\n".join([*head, *rows]) + "\n"
    print("\n" + table)
    if options.divide == 1:
        Path(f"bench/gpu-{re.sub(r'[^a-z0-9]+', '-', name.lower())}.md").write_text(table, encoding="utf-8")


def row(case: Case, samples: float, operations: float, peak: float, sheet: float | None) -> str:
    """A line of the table: samples and operations a second, and the latter over the rates that were held against."""
    own = (case.model, case.method, case.batch, case.regions, case.tokens, case.precision)
    shares = f"{operations / peak:.0%}", "–" if sheet is None else f"{operations / sheet:.0%}"
    rates = f"{samples:,.0f}", f"{operations / 1e12:.2f}"
    cells = [*map(str, own), "yes" if case.compile else "no", str(case.jobs), *rates, *shares]
    return f"| {' | '.join(cells)} |"


def plain(case: Case) -> Case:
    """What a processor can do of it: most have no bf16, and take minutes to compile."""
    return replace(case, precision="fp32", compile=False)


def matrix_rate(device: str, precision: str, divide: int) -> float:
    """Operations a second of a product of two square matrices."""
    size, dtype = 8192 // divide, torch.bfloat16 if precision == "bf16" else torch.float32
    matrix = torch.randn(size, size, device=device, dtype=dtype)
    for repeats in (3, 10):  # the first ones choose and load a kernel
        start = now(device)
        for _ in range(repeats):
            matrix @ matrix
        seconds = now(device) - start
    return repeats * 2 * size**3 / seconds


def at_once(case: Case, device: str, divide: int, steps: int) -> float:
    """Samples a second of a case's jobs together, each in a process of its own, all timed from the same moment on."""
    if case.jobs == 1:
        return measured(case, device, divide, steps)
    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as manager, ProcessPoolExecutor(case.jobs, mp_context=spawn) as pool:
        together = manager.Barrier(case.jobs)
        jobs = [pool.submit(measured, case, device, divide, steps, together) for _ in range(case.jobs)]
        return sum(job.result() for job in jobs)


def measured(case: Case, device: str, divide: int, steps: int, together: Any = None) -> float:
    """Samples a second of the second of two epochs of `steps` steps, which starts when all jobs have come so far."""
    single_thread()
    engine = Engine(EngineParams(device=device, precision=case.precision, compile=case.compile))
    setting, times = random_setting(case, divide, steps), list[float]()
    engine.place(setting.student)
    method = method_class(case.method)(METHODS[case.method], setting)

    def epoch_ends() -> dict[str, float]:
        torch.cuda.synchronize() if device == "cuda" else None
        if together is not None and not times:
            together.wait()
        times.append(time.perf_counter())
        return {}

    how: dict[str, Any] = {"name": case.method, "history": History(), "engine": engine}
    train(method, schedule=schedule(case, divide, epochs=2), validate=epoch_ends, **how)
    return len(setting.samples) / (times[1] - times[0])


def operations_of_a_sample(case: Case, device: str, divide: int) -> float:
    """Operations of the matrix products of a step, by the sample: counted in one step that is not compiled."""
    engine, setting = Engine(EngineParams(device=device, precision=case.precision)), random_setting(case, divide, 1)
    engine.place(setting.student)
    method = method_class(case.method)(METHODS[case.method], setting)
    with FlopCounterMode(display=False) as counter:
        how: dict[str, Any] = {"name": case.method, "history": History(), "engine": engine}
        train(method, schedule=schedule(case, divide, epochs=1), validate=dict, **how)
    return float(counter.get_total_flops() / len(setting.samples))


def schedule(case: Case, divide: int, *, epochs: int) -> Schedule:
    """That of a fine-tuning."""
    sizes = {"epochs": epochs, "batch_size": case.batch // divide, "learning_rate": 1e-5}
    return Schedule(**sizes, weight_decay=0.01, warmup=0.1, clip=1.0)


def random_setting(case: Case, divide: int, steps: int) -> Setting:
    """A student, and random samples of full length for so many steps, of twice a batch of pictures."""
    sizes = TEACHER if case.model == "VisualBERT-base" else STUDENT
    width = sizes["width"] // divide // sizes["heads"] * sizes["heads"] or sizes["heads"]
    config = {**sizes, "width": width, "feed_forward": sizes["feed_forward"] // divide, "dropout": 0.1}
    config |= {"pool": "first", "vocabulary": VOCABULARY // divide, "labels": LABELS // divide}
    config |= {"positions": case.tokens, "region_width": REGION_WIDTH // divide}
    samples, generator = steps * (case.batch // divide), torch.Generator().manual_seed(0)
    pictures = min(samples, 2 * case.batch // divide)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    split = Split(
        tokens=torch.randint(5, config["vocabulary"], (samples, case.tokens), generator=generator),
        lengths=torch.full((samples,), case.tokens),
        pictures=torch.arange(samples) % pictures,
        regions=numbers(pictures, case.regions, config["region_width"]),
        targets=torch.rand(samples, config["labels"], generator=generator),
    )
    teacher = TeacherTargets(
        logits={view: numbers(samples, config["labels"]) for view in VIEWS},
        saliency={modality: torch.rand(samples, generator=generator) for modality in ("image", "text")},
    )
    return Setting("random", 0, "multilabel", split, VisualBertClassifier(config), teacher)


def now(device: str) -> float:
    """Seconds, when all that was asked of the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
