"""Frozen features of texts and pictures: what the packaged encoders say before anything is trained."""

from __future__ import annotations

import json
from typing import Literal

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

from msd.data.tokenizer import read_member
from msd.training.dataset import Dataset
from msd.training.loop import predict
from msd.training.teacher import start_from_encoder

Features = dict[str, np.ndarray]
Modality = Literal["image", "text"]


def frozen_features(dataset: Dataset, modality: Modality, *, encoder: str, tokenizer: str) -> Features:
    """split -> features (N, D) of one modality, standardised over the training split.

    image: the mean of the regions. text: the mean of the text encoder's last layer over the word pieces.
    """
    if modality == "image":
        found = {split: samples.regions.mean(1)[samples.pictures].numpy() for split, samples in dataset.splits.items()}
    else:
        found = _text_features(dataset, encoder, tokenizer)
    scaler = StandardScaler().fit(found["train"])
    return {split: scaler.transform(features) for split, features in found.items()}


def _text_features(dataset: Dataset, encoder: str, tokenizer: str) -> Features:
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
    found = {}
    for split, samples in dataset.splits.items():
        _, first, text_of = np.unique(samples.tokens, axis=0, return_index=True, return_inverse=True)
        texts = samples.take(torch.from_numpy(first))  # many samples share a text: each is encoded once
        found[split] = predict(model, texts, "text")[1][text_of, : facts["hidden_size"]].numpy()
    return found
