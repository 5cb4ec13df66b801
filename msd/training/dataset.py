"""The files of one dataset, read for training and for prediction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from msd.data.batches import Samples, load_regions, load_samples
from msd.data.tokenizer import read_tokenizer
from msd.distill.losses import Task
from msd.measure.metric import DATASET_TASKS, evaluate
from msd.models.visualbert import VisualBertClassifier
from msd.training.loop import predict


@dataclass(frozen=True)
class Dataset:
    """Splits in memory, with what a model must know of them."""

    name: str
    dataset_task: str
    task: Task
    labels: int
    pieces: int
    splits: Mapping[str, Samples]

    @classmethod
    def load(cls, params: Mapping[str, Any], inputs: Mapping[str, Any], *, splits: Iterable[str]) -> Dataset:
        """Read `splits` from a job's inputs (prepared tables, labels, tokenizer, regions and their spec)."""
        task: Any = DATASET_TASKS[params["dataset_task"]]
        labels = len(json.loads(Path(inputs["labels"]).read_text(encoding="utf-8")))
        regions = load_regions(inputs["regions"], window=params["data"]["window"])
        pictures = json.loads(Path(inputs["spec"]).read_text(encoding="utf-8"))["pictures"]
        max_tokens = params["data"]["max_tokens"]
        tokenizer = read_tokenizer(inputs["tokenizer"], max_tokens=max_tokens)
        read = {
            split: load_samples(
                inputs[split],
                tokenizer=tokenizer,
                regions=regions,
                pictures=pictures,
                labels=labels,
                task=task,
            )
            for split in splits
        }
        return cls(params["dataset"], params["dataset_task"], task, labels, tokenizer.get_vocab_size(), read)

    def evaluate(self, logits: Tensor, split: str) -> dict[str, float]:
        """Metrics of logits (N, C) on a split."""
        return evaluate(logits, self.splits[split].targets, dataset_task=self.dataset_task)

    def validate(self, model: VisualBertClassifier) -> dict[str, float]:
        """Metrics of a model on image and text of the validation split."""
        return self.evaluate(predict(model, self.splits["val"], "both")[0], "val")

    def new_model(self, architecture: Mapping[str, Any], *, seed: int) -> VisualBertClassifier:
        """A freshly initialised model of the dataset's sizes.

        Regions are standardised over the training pictures. The head of a multilabel model starts at the labels'
        prior log-odds, or its first epoch goes into saying "no" (Lin et al., "Focal Loss", ICCV 2017, section 3.3).
        """
        train = self.splits["train"]
        torch.manual_seed(seed)
        sizes = {"vocabulary": self.pieces, "labels": self.labels, "region_width": train.regions.shape[2]}
        model = VisualBertClassifier({**architecture, **sizes})
        seen = train.regions[train.pictures.unique()].flatten(0, 1)
        model.region_mean.copy_(seen.mean(0))
        model.region_scale.copy_(1 / seen.std(0).clamp_min(1e-6))
        if self.task == "multilabel":
            with torch.no_grad():
                model.head.bias.copy_(train.targets.mean(0).clamp(1e-3, 1 - 1e-3).logit())
        return model
