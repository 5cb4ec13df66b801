"""Stage `probe`: logistic regression on the frozen features, what a fine-tuned teacher has to reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import safetensors.torch
import torch
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional as F

from msd.data.rows import all_of
from msd.distill.losses import Task
from msd.distill.weighting import Modality
from msd.system.memory import fits_in_memory
from msd.training.dataset import Dataset
from msd.training.determinism import single_thread
from msd.training.frozen_features import Features, frozen_features

if TYPE_CHECKING:
    from msd.config.contracts.training import ModelParams
    from msd.job import Job

LinearModel = Callable[[np.ndarray], Tensor]
STRENGTHS = {"concatenation": (0.03, 0.3), "product": (0.001, 0.01)}
"""Inverse regularisation strengths C of each kind of features; the best on validation is taken."""
MODALITIES: tuple[Modality, ...] = ("text", "image")
COMPONENTS = 32
"""Principal components of each modality in the product features, of fewer samples or features no more than those."""


def probe(job: Job[ModelParams]) -> dict[str, float]:
    """Write predictions.safetensors: <split>/both logits (N, C) of the best probe on validation, val and test.

    Candidates: text and image features side by side, and the outer product of 32 principal components of each
    (a matching task is at chance without a product); each with two regularisation strengths.
    """
    single_thread()
    dataset = Dataset.load(job.params, job.inputs, splits=("train", "val", "test"))
    files = {name: job.inputs[name] for name in ("encoder", "tokenizer")}
    text, image = (frozen_features(dataset, modality, **files) for modality in MODALITIES)
    frozen = {split: (text[split], image[split]) for split in text}
    width = sum(features.shape[1] for features in frozen["train"])
    check_memory(len(dataset.splits["train"]), width=width, labels=dataset.labels)
    gold, metric = all_of(dataset.splits["train"].targets), job.params.metric
    side_by_side = {split: np.hstack(features) for split, features in frozen.items()}
    candidates = []
    for name, features in {"concatenation": side_by_side, "product": _product(frozen)}.items():
        for strength in STRENGTHS[name]:
            model = fit(features["train"], gold, task=dataset.task, labels=dataset.labels, strength=strength)
            score = dataset.evaluate(model(features["val"]), "val")[metric]
            candidates.append((score, name, strength, features, model))
    _, name, strength, features, model = max(candidates, key=lambda candidate: candidate[0])
    predictions = {split: model(features[split]) for split in ("val", "test")}
    safetensors.torch.save_file(
        {f"{split}/both": logits for split, logits in predictions.items()}, job.outputs["predictions"]
    )
    scores = {split: dataset.evaluate(logits, split) for split, logits in predictions.items()}
    flat = {f"{split}/{name}": value for split, values in scores.items() for name, value in values.items()}
    return {**flat, "selected/strength": strength, "selected/product": float(name == "product")}


def check_memory(samples: int, *, width: int, labels: int) -> None:
    """Refuse, before it is made, what the probe makes of features (N, D) and labels (N, C) and has no room for."""
    products = COMPONENTS**2
    fits_in_memory(  # in double: features twice, logits, their gradient and labels; the products; labels once more
        8 * samples * (2 * max(width, products) + 4 * labels + products) + 4 * samples * labels,
        f"the features and the {labels:,} labels of {samples:,} samples, for the logistic probe,",
        "run this job where there is more memory",
    )


def _product(frozen: dict[str, tuple[np.ndarray, np.ndarray]]) -> Features:
    reduced = []
    for modality in (0, 1):
        components = min(COMPONENTS, *frozen["train"][modality].shape)
        pca = PCA(components, whiten=True, svd_solver="full").fit(frozen["train"][modality])
        reduced.append({split: pca.transform(features[modality]) for split, features in frozen.items()})
    products = {
        split: (reduced[0][split][:, :, None] * reduced[1][split][:, None, :]).reshape(len(frozen[split][0]), -1)
        for split in frozen
    }
    scaler = StandardScaler().fit(products["train"])
    return {split: scaler.transform(features) for split, features in products.items()}


def fit(features: np.ndarray, targets: Tensor, *, task: Task, labels: int, strength: float) -> LinearModel:
    """Logistic regression with an L2 penalty: min Σ task(XW + b, y) + ‖W‖² / (2C); features (N, D) -> logits.

    One L-BFGS run for all labels at once: scikit-learn's one-against-rest fits the same 40 problems one by one,
    which takes many times as long. A test holds the two against each other.
    """
    inputs = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float64))
    weight = torch.zeros(features.shape[1], labels, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(labels, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=300, tolerance_grad=1e-5 * len(inputs), line_search_fn="strong_wolfe"
    )  # scikit-learn stops at a mean gradient of 1e-4
    hard = F.one_hot(targets, labels).double() if task == "multiclass" else targets.double()

    def objective() -> Tensor:
        optimiser.zero_grad()
        logits = inputs @ weight + bias
        if task == "multiclass":
            loss = -(hard * logits.log_softmax(1)).sum()
        else:
            loss = F.binary_cross_entropy_with_logits(logits, hard, reduction="sum")
        total = loss + weight.square().sum() / (2 * strength)
        total.backward()
        return total

    optimiser.step(objective)
    final = weight.detach().float(), bias.detach().float()
    return lambda rows: torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32)) @ final[0] + final[1]
