"""A small student, a teacher's outputs and a batch, made of random numbers, for the loss of a method."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from msd.config.contracts.training import EngineParams
from msd.distill.method import Method, Setting, Step, TeacherTargets, method_class
from msd.models.split import Split
from msd.models.views import VIEWS
from msd.models.visualbert import VisualBertClassifier
from msd.training.engine import Engine
from msd.training.history import MEAN, History

SIZE, LABELS = 12, 4
SHAPE = {"layers": 2, "width": 16, "heads": 2, "feed_forward": 32, "dropout": 0.0, "pool": "modality-means"}
SIZES = {"vocabulary": 30, "labels": LABELS, "region_width": 7, "positions": 12}
KD = {"lambda": 0.7, "temperature": 2}
MSD = {**KD, "weighting": "instance", "strength": 1}


def new_engine(**options: Any) -> Engine:
    return Engine(EngineParams(**{"device": "cpu", **options}))


def new_model(seed: int, **changes: Any) -> VisualBertClassifier:
    torch.manual_seed(seed)
    return VisualBertClassifier({**SIZES, **SHAPE, **changes})


def new_setting(*, task: str = "multiclass", seed: int = 0, **changes: Any) -> Setting:
    """A student before its first step, 48 features wide, and a teacher, 10 wide, of `SIZE` samples."""
    generator = torch.Generator().manual_seed(5)
    lengths = torch.randint(3, 8, (SIZE,), generator=generator)
    tokens = torch.randint(5, 30, (SIZE, 7), generator=generator) * (torch.arange(7)[None] < lengths[:, None])
    tokens[:, 0], tokens[torch.arange(SIZE), lengths - 1] = 2, 3  # [CLS] and [SEP]
    classes = torch.randint(0, LABELS, (SIZE,), generator=generator)
    targets = classes if task == "multiclass" else torch.rand(SIZE, LABELS, generator=generator)
    regions = torch.randn(SIZE, 3, 7, generator=generator)
    samples = Split(tokens, lengths, torch.arange(SIZE), regions, targets)
    teacher = TeacherTargets(
        logits={view: 3 * torch.randn(SIZE, LABELS, generator=generator) for view in VIEWS},
        saliency={modality: torch.rand(SIZE, generator=generator) for modality in ("image", "text")},
        features={view: torch.randn(SIZE, 10, generator=generator) for view in VIEWS},
    )
    return Setting("small", seed, task, samples, new_model(1), replace(teacher, **changes))


def rows_of(history: History) -> list[tuple[int, int, int, str, float, int | None]]:
    """Seed, step, epoch, term, value and sample of each row, None for the mean of a batch."""
    columns = {**history.columns, "term": [history.terms[number] for number in history.columns["term"]]}
    columns["sample"] = [None if sample == MEAN else sample for sample in history.columns["sample"]]
    return list(zip(*columns.values(), strict=True))


def new_step(method: Method, rows: Tensor | None = None) -> Step:
    """A batch of the setting's samples: all of them, unless `rows` says which."""
    return method.step(method.batch(torch.arange(SIZE) if rows is None else rows))


def loss_of(name: str, options: Mapping[str, Any], setting: Setting) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and terms of a method on all samples."""
    method = method_class(name)(options, setting)
    return method.loss(new_step(method))
