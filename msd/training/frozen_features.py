"""Frozen features of texts and pictures: the outputs of the packaged encoders, before any training."""

import math
from dataclasses import replace

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

from msd.data.rows import all_of, blocks
from msd.distill.weighting import Modality
from msd.models.build import encoder_architecture, start_from_encoder
from msd.models.predict import predict
from msd.models.split import Split
from msd.models.visualbert import VisualBertClassifier, masked_mean
from msd.training.dataset import Dataset

Features = dict[str, np.ndarray]


def frozen_features(dataset: Dataset, modality: Modality, *, encoder: str, tokenizer: str) -> Features:
    """split -> features (N, D) of one modality, standardised over the training split.

    image: the mean of the regions. text: the mean of the text encoder's last layer over the word pieces.
    """
    if modality == "image":
        raw = {name: _of_pictures(split) for name, split in dataset.splits.items()}
    else:
        raw = _text_features(dataset, encoder, tokenizer)
    scaler = StandardScaler().fit(raw["train"])
    return {name: scaler.transform(features) for name, features in raw.items()}


def _of_pictures(split: Split) -> np.ndarray:
    """(N, D) the mean of each sample's regions."""
    pictures, of_sample = split.pictures.unique(return_inverse=True)
    width = math.prod(split.regions.shape[1:])
    means = [
        masked_mean(split.regions[pictures[rows]], split.region_mask(pictures[rows]))
        for rows in blocks(len(pictures), width)
    ]
    return torch.cat(means)[of_sample].numpy()


def _text_features(dataset: Dataset, encoder: str, tokenizer: str) -> Features:
    positions = max(int(split.lengths.max()) for split in dataset.splits.values())
    architecture = encoder_architecture(encoder)
    start = {**architecture, "dropout": 0.0, "pool": "modality-means", "positions": positions}
    model = dataset.new_model(start, seed=0)
    assert isinstance(model, VisualBertClassifier), "as its architecture is"
    start_from_encoder(model, encoder, tokenizer)
    features = {}
    for name, split in dataset.splits.items():
        _, first, text_of = np.unique(all_of(split.tokens), axis=0, return_index=True, return_inverse=True)
        rows = torch.from_numpy(first)  # many samples share a text: each is encoded once, without its targets
        tokens, lengths, pictures = split.tokens[rows], split.lengths[rows], split.pictures[rows]
        texts = replace(split, tokens=tokens, lengths=lengths, pictures=pictures, targets=rows)
        features[name] = predict(model, texts, "text")[1][text_of, : architecture["width"]].numpy()
    return features
