"""Stage `probe`: logistic regression on the frozen features, what a fine-tuned teacher has to reach."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from msd.data.batches import Samples
from msd.data.tokenizer import read_member
from msd.training.dataset import Dataset
from msd.training.loop import predict, single_thread
from msd.training.teacher import start_from_encoder

if TYPE_CHECKING:
    from msd.job import Job

Features = dict[str, np.ndarray]
STRENGTHS = (0.003, 0.03)
"""Inverse regularisation strengths; the better one on validation is taken."""
COMPONENTS = 32
"""Principal components of each modality in the product features."""


def probe(job: Job) -> dict[str, float]:
    """Write predictions.safetensors: <split>/both logits (N, C) of the best probe on validation, val and test.

    Candidates: text and image features side by side, and the outer product of 32 principal components of each
    (a matching task is at chance without a product); each with two regularisation strengths.
    """
    single_thread()
    dataset = Dataset.load(job.params, job.inputs, splits=("train", "val", "test"))
    frozen = _frozen_features(dataset, job.inputs["encoder"], job.inputs["tokenizer"])
    metric = job.params["metric"]
    best: tuple[float, str, Any, Features] | None = None
    for name, features in {"concatenation": _concatenation(frozen), "product": _product(frozen)}.items():
        for strength in STRENGTHS:
            model = _fit(features["train"], dataset.splits["train"], strength=strength)
            score = dataset.evaluate(_logits(model, features["val"], dataset.labels), "val")[metric]
            if best is None or score > best[0]:
                best = (score, f"{name}, C={strength}", model, features)
    assert best is not None
    _, chosen, model, features = best
    predictions = {split: _logits(model, features[split], dataset.labels) for split in ("val", "test")}
    safetensors.torch.save_file(
        {f"{split}/both": logits for split, logits in predictions.items()},
        job.outputs["predictions"],
        metadata={"selected": chosen},
    )
    return {
        f"{split}/{name}": value
        for split, logits in predictions.items()
        for name, value in dataset.evaluate(logits, split).items()
    }


def _frozen_features(dataset: Dataset, encoder: str, tokenizer: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """split -> text features (N, width) and image features (N, D), each standardised over the training split."""
    facts = json.loads(read_member(encoder, "config.json"))
    architecture = {
        "layers": facts["num_hidden_layers"],
        "width": facts["hidden_size"],
        "heads": facts["num_attention_heads"],
        "feed_forward": facts["intermediate_size"],
        "dropout": 0.0,
        "pool": "modality-means",
        "positions": max(int(samples.tokens.shape[1]) for samples in dataset.splits.values()),
    }
    model = dataset.new_model(architecture, seed=0)
    start_from_encoder(model, encoder, tokenizer)
    frozen = {}
    for split, samples in dataset.splits.items():
        text = predict(model, samples, "text")[1][:, : facts["hidden_size"]]
        frozen[split] = (text.numpy(), samples.regions.mean(1)[samples.pictures].numpy())
    scalers = [StandardScaler().fit(features) for features in frozen["train"]]
    return {split: (scalers[0].transform(text), scalers[1].transform(image)) for split, (text, image) in frozen.items()}


def _concatenation(frozen: dict[str, tuple[np.ndarray, np.ndarray]]) -> Features:
    return {split: np.hstack(features) for split, features in frozen.items()}


def _product(frozen: dict[str, tuple[np.ndarray, np.ndarray]]) -> Features:
    reduced = []
    for modality in (0, 1):
        pca = PCA(COMPONENTS, whiten=True, svd_solver="full").fit(frozen["train"][modality])
        reduced.append({split: pca.transform(features[modality]) for split, features in frozen.items()})
    products = {
        split: (reduced[0][split][:, :, None] * reduced[1][split][:, None, :]).reshape(len(frozen[split][0]), -1)
        for split in frozen
    }
    scaler = StandardScaler().fit(products["train"])
    return {split: scaler.transform(features) for split, features in products.items()}


def _fit(features: np.ndarray, samples: Samples, *, strength: float) -> Any:
    model = LogisticRegression(C=strength, max_iter=300)
    targets = samples.targets.numpy()
    if targets.ndim == 1:
        return model.fit(features, targets)
    gold = targets > 0.5
    if (gold.sum(1) == 1).all():
        return model.fit(features, gold.argmax(1))
    return OneVsRestClassifier(model).fit(features, gold)


def _logits(model: Any, features: np.ndarray, labels: int) -> torch.Tensor:
    """(N, C) decision values; a class that training never saw gets a value no other is below."""
    values = np.asarray(model.decision_function(features), dtype=np.float32)
    if values.ndim == 1:
        values = np.stack((np.zeros_like(values), values), axis=1)
    if isinstance(model, OneVsRestClassifier) or values.shape[1] == labels:
        return torch.from_numpy(np.ascontiguousarray(values))
    logits = np.full((len(values), labels), values.min() - 1, dtype=np.float32)
    logits[:, model.classes_] = values
    return torch.from_numpy(logits)
