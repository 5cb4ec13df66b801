"""The files of one dataset, read for training and for prediction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from msd.data.rows import Rows, all_of
from msd.data.tokenizer import read_tokenizer
from msd.data.transfer import TRANSFER
from msd.distill.losses import DATASET_TASKS, Task
from msd.measure.metric import F1_THRESHOLD, TUNED_F1, evaluate, tuned_f1
from msd.models.build import new_model
from msd.models.classifier import Classifier
from msd.models.pixels import Pixels
from msd.models.predict import predict
from msd.models.split import Split, load_regions, load_split
from msd.models.visualbert import VisualBertClassifier

if TYPE_CHECKING:
    from msd.config.contracts.training import ModelParams


@dataclass(frozen=True)
class Dataset:
    """Splits, with what a model must know of them.

    Attributes:
        name: of the dataset.   dataset_task: as its file names it.   task: kind of loss.   labels: C.
        pieces: size of the tokenizer's vocabulary.   splits: name -> samples.
        words: (pieces, width) that the words of new models start from; None: at random.
    """

    name: str
    dataset_task: str
    task: Task
    labels: int
    pieces: int
    splits: Mapping[str, Split]
    words: Tensor | None = None

    @classmethod
    def load(cls, params: ModelParams, inputs: Mapping[str, Any], *, splits: Iterable[str]) -> Dataset:
        """Read `splits` from a job's inputs: prepared tables, labels, tokenizer, and regions with spec or pictures."""
        task = DATASET_TASKS[params.dataset_task]
        labels = len(json.loads(Path(inputs["labels"]).read_text(encoding="utf-8")))
        regions, pictures, boxes = _pictures(params, inputs)
        tokenizer = read_tokenizer(inputs["tokenizer"], max_tokens=params.data.max_tokens)
        loaded = {
            split: load_split(
                inputs[split],
                tokenizer=tokenizer,
                regions=regions,
                pictures=pictures,
                labels=labels,
                task=task,
                has_labels=split != TRANSFER,
                boxes=boxes,
            )
            for split in splits
        }
        return cls(params.dataset, params.dataset_task, task, labels, tokenizer.get_vocab_size(), loaded)

    def evaluate(self, logits: Rows, split: str, rows: Tensor | None = None) -> dict[str, float]:
        """Metrics of N rows (C,) of logits on a split, or of B rows on its samples `rows`."""
        targets = self.splits[split].targets
        return evaluate(logits, targets if rows is None else targets[rows], dataset_task=self.dataset_task)

    def tuned(self, logits: Mapping[str, Rows]) -> list[tuple[str, str, float]]:
        """(split, metric, value) of micro-F1 at the threshold chosen on validation; none where there is one label.

        logits: N rows (C,) of the splits val and test.
        """
        if self.dataset_task != "multilabel":
            return []
        sides = [
            (all_of(logits[split]).double().numpy(), all_of(self.splits[split].targets).numpy())
            for split in ("val", "test")
        ]
        threshold, values = tuned_f1(*sides)
        return [("val", F1_THRESHOLD, threshold), *((split, TUNED_F1, value) for split, value in values.items())]

    def validate(self, model: Classifier) -> dict[str, float]:
        """Metrics of a model on image and text of the validation split."""
        return self.evaluate(predict(model, self.splits["val"], "both")[0], "val")

    def config(self, architecture: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration of a model with an architecture: with the sizes of this dataset."""
        if "adapter" in architecture:
            return {**architecture, "labels": self.labels}
        width = next(iter(self.splits.values())).regions.shape[2]
        return {**architecture, "vocabulary": self.pieces, "labels": self.labels, "region_width": width}

    def new_model(self, architecture: Mapping[str, Any], *, seed: int) -> Classifier:
        """A freshly initialised model for the training split, see `msd.models.build.new_model`."""
        model = new_model(self.config(architecture), self.splits["train"], task=self.task, seed=seed)
        if self.words is not None:
            assert isinstance(model, VisualBertClassifier), "as every student is"
            with torch.no_grad():
                model.encoder.embeddings.word_embeddings.weight.copy_(self.words)
        return model


def _pictures(params: ModelParams, inputs: Mapping[str, Any]) -> tuple[Rows, list[str], Tensor | None]:
    """What a model sees of each picture, the pictures' names in that order, and how many boxes each has, if it has."""
    if params.data.pixels is not None:
        pixels = Pixels(inputs["pictures"], params.data.pixels)
        return pixels, pixels.names, None
    spec = json.loads(Path(inputs["spec"]).read_text(encoding="utf-8"))
    boxes = torch.tensor(spec["boxes"]) if "boxes" in spec else None
    return load_regions(inputs["regions"], side=params.data.regions, boxes=boxes is not None), spec["pictures"], boxes
