"""How long one training step of the embedded study's student takes, in variants side by side, in one process.

    make bench

Each variant is timed in turn, several rounds, and compared with the first one in the same round, so that a busy
machine slows all of them; the table gives the median ratio, and a second one what MSD costs beside KD, and both beside
transformers' class. Memory is that of a whole job and comes from the
benchmarks Snakemake wrote.
"""

import os

from msd.system.processor import AVX2, THREADS

os.environ.update(THREADS | AVX2)  # as in a job

import statistics
import time
from pathlib import Path

import torch
from torch import nn
from transformers.models.visual_bert.configuration_visual_bert import VisualBertConfig
from transformers.models.visual_bert.modeling_visual_bert import VisualBertModel

from msd.config.models import built_of
from msd.config.study import load_study
from msd.distill.losses import kd_divergence, task_loss
from msd.models.encoder import Encoded
from msd.models.views import VIEWS, Inputs, View
from msd.models.visualbert import VisualBertClassifier
from msd.training.determinism import single_thread

ROUNDS, STEPS, BATCH, TOKENS, REGIONS, LABELS = 9, 10, 32, 9, 4, 40
FULL_VOCABULARY, CUT_VOCABULARY = 30522, 4220
KD, MSD = "KD (the study's)", "MSD, all views in one pass (the study's)"
THEIR_KD, THEIR_MSD = "KD, transformers' class", "MSD, transformers' class, a pass a view"


class TransformersEncoder(nn.Module):
    """The simple version: transformers' class, one pass a view."""

    def __init__(self, config) -> None:
        super().__init__()
        sizes = {"hidden_size": "width", "num_hidden_layers": "layers", "num_attention_heads": "heads"}
        sizes |= {
            "vocab_size": "vocabulary",
            "visual_embedding_dim": "region_width",
            "intermediate_size": "feed_forward",
        }
        sizes |= {"hidden_dropout_prob": "dropout", "attention_probs_dropout_prob": "dropout"}
        theirs = VisualBertConfig(**{name: config[ours] for name, ours in sizes.items()})
        self.model = VisualBertModel(theirs, add_pooling_layer=False)
        self.embeddings = self.model.embeddings

    def forward(self, views, streams, *, internals):
        """As `Encoder`, but for streams and internals."""
        arguments = [
            {"inputs_embeds": view.words, "attention_mask": view.token_mask, "visual_embeds": view.regions}
            for view in views
        ]
        return [Encoded([self.model(**each).last_hidden_state], []) for each in arguments]


def stepper(vocabulary: int, *, fused: bool, views: tuple[View, ...], simple: bool = False):
    """A function that makes one optimiser step of a student with that vocabulary."""
    architecture = built_of(load_study("config/demo.yaml"), "student", "clipart-tags")
    sizes = {"vocabulary": vocabulary, "labels": LABELS, "region_width": 1280}
    model = VisualBertClassifier({**architecture.model_dump(), **sizes})
    if simple:
        model.encoder = TransformersEncoder(model.config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=fused)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(5, vocabulary, (BATCH, TOKENS), generator=generator)
    inputs = Inputs(tokens, torch.ones(BATCH, TOKENS), torch.randn(BATCH, REGIONS, 1280, generator=generator))
    targets = torch.randint(0, 2, (BATCH, LABELS), generator=generator).float()
    teacher = torch.randn(BATCH, LABELS, generator=generator)

    def step() -> None:
        outputs = model(inputs, views)
        loss = task_loss(outputs["both"].logits, targets, task="multilabel").mean()
        for view in views:
            loss = loss + kd_divergence(outputs[view].logits, teacher, temperature=2, task="multilabel").mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step


def main() -> None:
    """Print a Markdown table of milliseconds of processor time a step, and ratios to the first variant."""
    single_thread()
    kd: tuple[View, ...] = ("both",)
    variants = {
        THEIR_KD: stepper(CUT_VOCABULARY, fused=True, views=kd, simple=True),
        THEIR_MSD: stepper(CUT_VOCABULARY, fused=True, views=VIEWS, simple=True),
        KD: stepper(CUT_VOCABULARY, fused=True, views=kd),
        MSD: stepper(CUT_VOCABULARY, fused=True, views=VIEWS),
        "KD, plain AdamW": stepper(CUT_VOCABULARY, fused=False, views=kd),
        "KD, whole vocabulary": stepper(FULL_VOCABULARY, fused=True, views=kd),
    }
    for step in variants.values():
        step()
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name, step in variants.items():
            start = time.process_time()
            for _ in range(STEPS):
                step()
            times[name].append((time.process_time() - start) / STEPS * 1e3)
    print("| student step, batch of 32, one thread | ms | ratio to the first |\n|---|---:|---:|")
    for name, values in times.items():
        print(f"| {name} | {statistics.median(values):.1f} | {ratio(values, times[THEIR_KD]):.2f} |")
    print("\n| a step of | beside one of | ratio |\n|---|---|---:|")
    for name, other in ((MSD, KD), (KD, THEIR_KD), (MSD, THEIR_MSD)):
        print(f"| {name} | {other} | {ratio(times[name], times[other]):.2f} |")
    print(f"\n{peak_memory()}")


def ratio(times: list[float], others: list[float]) -> float:
    """The median of the ratios of two variants' times in the same rounds."""
    return statistics.median(own / other for own, other in zip(times, others, strict=True))


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
