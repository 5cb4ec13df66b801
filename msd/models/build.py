"""New models: freshly initialised for a dataset, or started from a packaged BERT."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from msd.data.raw_files import read_member
from msd.models.split import Split
from msd.models.visualbert import VisualBertClassifier, start_from_bert


def new_model(config: Mapping[str, Any], train: Split, *, task: str, seed: int) -> VisualBertClassifier:
    """A freshly initialised model for a training split.

    Regions are standardised over the training pictures. The head of a multilabel model starts at the labels'
    prior log-odds, or its first epoch goes into saying "no" (Lin et al., "Focal Loss", ICCV 2017, section 3.3).

    Args:
        config: architecture and sizes, see `VisualBertClassifier`.   train: the training split.
        task: kind of loss, "multiclass" or "multilabel".   seed: of the initial weights.
    """
    torch.manual_seed(seed)
    model = VisualBertClassifier(config)
    seen = train.regions[train.pictures.unique()].flatten(0, 1)
    model.region_mean.copy_(seen.mean(0))
    model.region_scale.copy_(1 / seen.std(0).clamp_min(1e-6))
    if task == "multilabel":
        with torch.no_grad():
            model.head.bias.copy_(train.targets.mean(0).clamp(1e-3, 1 - 1e-3).logit())
    return model


def encoder_architecture(encoder: str) -> dict[str, Any]:
    """Layers, width, heads and feed_forward of a packaged BERT, as `VisualBertClassifier` names them."""
    config = json.loads(read_member(encoder, "config.json"))
    return {
        "layers": config["num_hidden_layers"],
        "width": config["hidden_size"],
        "heads": config["num_attention_heads"],
        "feed_forward": config["intermediate_size"],
    }


def start_from_encoder(model: VisualBertClassifier, encoder: str, tokenizer: str) -> list[str]:
    """Copy a packaged BERT's weights into the text side; return the names of the parameters that were copied.

    Args:
        model: of the BERT's width, heads and feed_forward.   encoder: the package.
        tokenizer: tokenizer.json of the model, whose word pieces are some of the BERT's.
    """
    numbers = json.loads(read_member(encoder, "tokenizer.json"))["model"]["vocab"]
    pieces = json.loads(Path(tokenizer).read_text(encoding="utf-8"))["model"]["vocab"]
    rows = torch.tensor([numbers[piece] for piece in sorted(pieces, key=lambda piece: pieces[piece])])
    return start_from_bert(model, safetensors.torch.load(read_member(encoder, "model.safetensors")), rows)
