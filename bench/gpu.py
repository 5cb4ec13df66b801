"""Samples a second, and the share of the device's matrix rate that is used, of one teacher's or student's training.

    make bench-gpu                                  # on a machine with a GPU, minutes; builds nothing
    python bench/gpu.py --device cpu --divide 16    # does it run? A sixteenth of the sizes, fp32; numbers mean nothing

Trainings are the package's own, on random samples, with one thing at a time changed from the first row. Operations are
counted by PyTorch as the steps run; the rate that they are held against is that of a large matrix product in the same
precision, measured in the same run. The table is printed and written to bench/gpu-<device>.md.
"""

import argparse
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from msd.config.contracts.training import EngineParams, Schedule
from msd.distill.method import Setting, TeacherTargets, method_class
from msd.models.split import Split
from msd.models.views import VIEWS
from msd.models.visualbert import VisualBertClassifier
from msd.training.descent import train
from msd.training.determinism import single_thread
from msd.training.engine import Engine
from msd.training.history import History

LABELS, REGION_WIDTH, VOCABULARY, WARM_UP = 3129, 2048, 30522, 4
TEACHER = {"layers": 12, "width": 768, "heads": 12, "feed_forward": 3072}
STUDENT = {"layers": 4, "width": 312, "heads": 12, "feed_forward": 1200}
METHODS: dict[str, dict[str, Any]] = {
    "finetune": {},
    "kd": {"lambda": 0.9, "temperature": 2},
    "msd": {"lambda": 0.9, "temperature": 2, "weighting": "instance", "strength": 1},
}


@dataclass(frozen=True)
class Case:
    """One training: its model's sizes, method, batch, and engine."""

    model: str = "VisualBERT-base"
    method: str = "finetune"
    batch: int = 256
    regions: int = 36
    tokens: int = 64
    precision: str = "bf16"
    compile: bool = False


FIRST = Case()
SMALL = replace(FIRST, model="TinyBERT 4L-312", method="kd")
CASES = [
    *(FIRST, replace(FIRST, precision="fp32", batch=64), replace(FIRST, compile=True)),
    *(replace(FIRST, batch=batch) for batch in (64, 480)),
    replace(FIRST, regions=100, tokens=128),
    *(SMALL, replace(SMALL, method="msd"), replace(SMALL, precision="fp32"), replace(SMALL, compile=True)),
    *(replace(SMALL, method="msd", batch=batch) for batch in (64, 480)),
    *(replace(SMALL, method=method, regions=100, tokens=128) for method in ("kd", "msd")),
]


def main() -> None:
    """Measure all cases, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--divide", type=int, default=1, help="by which sizes are divided")
    parser.add_argument("--steps", type=int, default=20, help="that are timed")
    options = parser.parse_args()
    if options.device == "cpu":
        single_thread()
    name = torch.cuda.get_device_name() if options.device == "cuda" else "processor"
    cases = CASES if options.device == "cuda" else [*dict.fromkeys(map(plain, CASES))]
    peak = {each: matrix_rate(options.device, each, options.divide) for each in {case.precision: 0 for case in cases}}
    rates = ", ".join(f"{precision} {rate / 1e12:.1f} TFLOP/s" for precision, rate in peak.items())
    lines = [
        f"{name}, PyTorch {torch.__version__}; a large matrix product: {rates}.",
        "",
        "| model | method | batch | regions | tokens | precision | compiled | samples/s | TFLOP/s | of that rate |",
        "|---|---|---:|---:|---:|---|---|---:|---:|---:|",
    ]
    for case in cases:
        samples, operations = measured(case, options.device, options.divide, options.steps)
        share = operations / peak[case.precision]
        sizes = f"{case.batch} | {case.regions} | {case.tokens} | {case.precision} | {'yes' if case.compile else 'no'}"
        lines.append(
            f"| {case.model} | {case.method} | {sizes} | {samples:,.0f} | {operations / 1e12:.2f} | {share:.0%} |"
        )
        print(lines[-1], flush=True)
    table = "\n".join(lines) + "\n"
    print("\n" + table)
    if options.divide == 1:
        Path(f"bench/gpu-{re.sub(r'[^a-z0-9]+', '-', name.lower())}.md").write_text(table, encoding="utf-8")


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


def measured(case: Case, device: str, divide: int, steps: int) -> tuple[float, float]:
    """Samples a second, and operations of matrix products a second, of `steps` steps after some to warm up."""
    engine = Engine(EngineParams(device=device, precision=case.precision, compile=case.compile))
    setting = random_setting(case, divide)
    engine.place(setting.student)
    method = method_class(case.method)(METHODS[case.method], setting)

    def run(count: int) -> None:
        schedule = {"epochs": 1_000_000, "batch_size": case.batch // divide, "max_steps": count, "learning_rate": 1e-5}
        schedule |= {"weight_decay": 0.01, "warmup": 0.1, "clip": 1.0}
        train(method, schedule=Schedule(**schedule), history=History(), validate=dict, engine=engine)

    run(WARM_UP)
    with FlopCounterMode(display=False) as counter:
        plain = Engine(EngineParams(device=device, precision=case.precision))
        eager = replace(setting, student=same_model(setting.student).to(plain.device))
        counted = method_class(case.method)(METHODS[case.method], eager)
        train(counted, schedule=one_step(case.batch // divide), history=History(), validate=dict, engine=plain)
    start = now(device)
    run(steps)
    seconds = now(device) - start
    return steps * (case.batch // divide) / seconds, steps * counter.get_total_flops() / seconds


def one_step(batch: int) -> Schedule:
    """A single step."""
    sizes = {"epochs": 1, "batch_size": batch, "max_steps": 1, "learning_rate": 1e-5}
    return Schedule(**sizes, weight_decay=0.01, warmup=0.1, clip=1.0)


def same_model(model: VisualBertClassifier) -> VisualBertClassifier:
    """Another model of the same sizes, not compiled."""
    return VisualBertClassifier(model.config)


def random_setting(case: Case, divide: int) -> Setting:
    """A student, and enough random samples of full length for a few batches."""
    sizes = TEACHER if case.model == "VisualBERT-base" else STUDENT
    width = sizes["width"] // divide // sizes["heads"] * sizes["heads"] or sizes["heads"]
    config = {**sizes, "width": width, "feed_forward": sizes["feed_forward"] // divide, "dropout": 0.1}
    config |= {"pool": "first", "vocabulary": VOCABULARY // divide, "labels": LABELS // divide}
    config |= {"positions": case.tokens, "region_width": REGION_WIDTH // divide}
    samples, generator = 2 * case.batch // divide, torch.Generator().manual_seed(0)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    split = Split(
        tokens=torch.randint(5, config["vocabulary"], (samples, case.tokens), generator=generator),
        lengths=torch.full((samples,), case.tokens),
        pictures=torch.arange(samples),
        regions=numbers(samples, case.regions, config["region_width"]),
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
