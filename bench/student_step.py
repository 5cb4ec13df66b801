"""How long one training step of the embedded study's student takes, in variants side by side, in one process.

    make bench

Each variant is timed in turn, several rounds, and compared with the plain loop in the same round, so that a busy
machine slows all of them; the table gives the median ratio. Memory is that of a whole job and comes from the
benchmarks Snakemake wrote.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
from pathlib import Path

import torch

from msd.config.study import load_study
from msd.distill.losses import kd_divergence, task_loss
from msd.models.views import Inputs, View, take_view
from msd.models.visualbert import VisualBertClassifier
from msd.training.determinism import single_thread

ROUNDS, STEPS, BATCH, TOKENS, REGIONS, LABELS = 7, 10, 32, 9, 4, 40
FULL_VOCABULARY, CUT_VOCABULARY = 30522, 4220


def stepper(vocabulary: int, *, fused: bool, views: tuple[View, ...]):
    """A function that makes one optimiser step of a student with that vocabulary."""
    study = load_study("config/demo.yaml")
    sizes = {"vocabulary": vocabulary, "labels": LABELS, "region_width": 1280}
    model = VisualBertClassifier({**study.student.architecture(positions=study.data.max_tokens), **sizes})
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=fused)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(5, vocabulary, (BATCH, TOKENS), generator=generator)
    inputs = Inputs(tokens, torch.ones(BATCH, TOKENS), torch.randn(BATCH, REGIONS, 1280, generator=generator))
    targets = torch.randint(0, 2, (BATCH, LABELS), generator=generator).float()
    teacher = torch.randn(BATCH, LABELS, generator=generator)

    def step() -> None:
        looked_up = model.look_up(inputs)
        loss = task_loss(model(looked_up).logits, targets, task="multilabel").mean()
        for view in views:
            student = model(take_view(looked_up, view)).logits
            loss = loss + kd_divergence(student, teacher, temperature=2, task="multilabel").mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step


def main() -> None:
    """Print a Markdown table of milliseconds a step and ratios to the plain loop."""
    single_thread()
    variants = {
        "plain loop: whole vocabulary, plain AdamW": stepper(FULL_VOCABULARY, fused=False, views=()),
        "whole vocabulary, fused AdamW": stepper(FULL_VOCABULARY, fused=True, views=()),
        "cut vocabulary, fused AdamW (the study's)": stepper(CUT_VOCABULARY, fused=True, views=()),
        "the same with MSD's two further views": stepper(CUT_VOCABULARY, fused=True, views=("image", "text")),
    }
    for step in variants.values():
        step()
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name, step in variants.items():
            start = time.perf_counter()
            for _ in range(STEPS):
                step()
            times[name].append((time.perf_counter() - start) / STEPS * 1e3)
    plain = next(iter(times.values()))
    print("| student step, batch of 32, one thread | ms | ratio to the plain loop |\n|---|---:|---:|")
    for name, values in times.items():
        ratio = statistics.median(value / first for value, first in zip(values, plain, strict=True))
        print(f"| {name} | {statistics.median(values):.1f} | {ratio:.2f} |")
    print(f"\n{peak_memory()}")


def peak_memory() -> str:
    """The job of the embedded study with the largest resident memory, from Snakemake's benchmarks."""
    largest = (0.0, "")
    for file in Path("results/demo/benchmarks").rglob("*.tsv"):
        header, values = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()[:2])
        size = dict(zip(header, values, strict=True))["max_rss"]
        if size not in ("NA", "-"):
            largest = max(largest, (float(size), f"{file.parent.name}/{file.stem}"))
    if not largest[1]:
        return "No benchmarks of the embedded study: run `make reproduce` first."
    return f"Largest job of the embedded study: {largest[1]}, {largest[0] / 1024:.2f} GiB."


if __name__ == "__main__":
    main()
