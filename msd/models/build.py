"""New models: freshly initialised for a dataset, or started from a packaged BERT."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from msd.data.raw_files import read_member
from msd.data.rows import blocks
from msd.errors import UserError
from msd.models.adapter import ADAPTERS, TransformersClassifier
from msd.models.classifier import Classifier
from msd.models.split import Split
from msd.models.visualbert import VisualBertClassifier, start_from_bert

PICTURES = 16_384
"""Of those that regions are standardised over, at most."""
WORDS = 0.06
"""Deviation of words that start from principal components: three times that of random ones, by validation."""


def new_model(config: Mapping[str, Any], train: Split, *, task: str, seed: int) -> Classifier:
    """A freshly initialised model for a training split: `VisualBertClassifier`, or the kind that `adapter` names.

    Regions are standardised over the training pictures: 16,384 of them, evenly spread, where there are more. The head
    of a multilabel model starts at the labels' prior log-odds, or its first epoch goes into saying "no" (Lin et al.,
    "Focal Loss", ICCV 2017, section 3.3).

    Args:
        config: architecture and sizes, see the model's class.   train: the training split.
        task: kind of loss, "multiclass" or "multilabel".   seed: of the initial weights.
    """
    torch.manual_seed(seed)
    model: Classifier
    if "adapter" in config:
        model = ADAPTERS[config["adapter"]](config)
    else:
        model = VisualBertClassifier(config)
        mean, spread = _region_moments(train)
        model.region_mean.copy_(mean)
        model.region_scale.copy_(1 / spread.clamp_min(1e-6))
    if task == "multilabel":
        total = torch.zeros(train.targets.shape[1], dtype=torch.float64)
        for rows in blocks(*train.targets.shape):
            total += train.targets[rows].sum(0)
        with torch.no_grad():
            model.head.bias.copy_((total.float() / len(train)).clamp(1e-3, 1 - 1e-3).logit())
    return model


def _region_moments(train: Split) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (D,) of the channels over the regions of the training pictures.

    A block's own are in float32; several blocks are brought together in float64.
    """
    pictures = train.pictures.unique()
    taken = min(len(pictures), PICTURES)
    pictures = pictures[torch.arange(taken) * len(pictures) // taken]
    means, variances, sizes = [], [], []
    for rows in blocks(taken, math.prod(train.regions.shape[1:])):
        seen, mask = train.regions[pictures[rows]], train.region_mask(pictures[rows])
        seen = seen.flatten(0, 1) if mask is None else seen[mask.bool()]
        if len(seen):  # pictures may have no boxes
            means.append(seen.mean(0).double())
            variances.append(seen.std(0, correction=min(1, len(seen) - 1)).double().square())  # of a single region: 0
            sizes.append(len(seen))
    size = torch.tensor(sizes, dtype=torch.float64)[:, None]
    total = size.sum()
    mean = (size * torch.stack(means)).sum(0) / total
    within, between = (size - 1) * torch.stack(variances), size * (torch.stack(means) - mean).square()
    return mean.float(), ((within + between).sum(0) / (total - 1)).sqrt().float()


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
    return start_from_bert(model, _weights(encoder), _rows(encoder, tokenizer))


def start_from_model(model: Classifier, package: str, tokenizer: str, *, name: str) -> list[str]:
    """Copy a converted model's weights; return the names of the parameters that were copied.

    Where they have a projection of regions, regions are read as they are; where they have a head, it is copied too.

    Args:
        model: of the kind and sizes of the weights.   package: what the stage `convert` made.   name: of them.
        tokenizer: tokenizer.json of the model.

    Raises:
        UserError: regions of another width, or a head for another number of labels.
    """
    weights = _weights(package)
    if isinstance(model, TransformersClassifier):
        model.model.load_state_dict(weights)
        return [f"model.{parameter}" for parameter in weights]
    assert isinstance(model, VisualBertClassifier), "the other kind of model"
    about, config = json.loads(read_member(package, "config.json")), model.config
    for key, what in (("region_width", "regions of {} channels"), ("labels", "a head of {} labels")):
        if about[key] not in (None, config[key]):
            raise UserError(f"{name} has {what.format(about[key])}, the dataset has {config[key]}; "
                            f"correct config/models/{name}.yaml: `{key}: null` starts it anew")  # fmt: skip
    encoder = {part: weights.pop(part) for part in list(weights) if part.startswith("encoder.")}
    encoder = {part.removeprefix("encoder."): tensor for part, tensor in encoder.items()}
    copied = start_from_bert(model, encoder, _rows(package, tokenizer))
    if about["region_width"] is not None:
        model.region_mean.zero_()
        model.region_scale.fill_(1)
    with torch.no_grad():
        for part, tensor in weights.items():
            model.get_parameter(part).copy_(tensor)
    return [*copied, *weights]


def principal_words(encoder: str, tokenizer: str, *, width: int) -> Tensor:
    """(V, width) of a tokenizer's word pieces: the leading principal components of a packaged BERT's word embeddings.

    Components are of the BERT's whole vocabulary, so that no text of a data set decides them; each has the sign that
    makes its largest loading positive. They are scaled as a whole to the deviation `WORDS`; [PAD], piece 0, is zero.

    Args:
        encoder: the package.   tokenizer: tokenizer.json, whose word pieces are some of the BERT's.
        width: at most the BERT's.
    """
    table = next(table for name, table in _weights(encoder).items() if name.endswith("word_embeddings.weight")).double()
    centred = table - table.mean(0)
    components = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :width]  # in falling order
    largest = components.gather(0, components.abs().argmax(0, keepdim=True))
    words = centred[_rows(encoder, tokenizer)] @ (components * largest.sign())
    words[0] = 0
    words *= WORDS / words[1:].std()
    return words.float()


def _weights(encoder: str) -> dict[str, Tensor]:
    return safetensors.torch.load(read_member(encoder, "model.safetensors"))


def _rows(encoder: str, tokenizer: str) -> Tensor:
    """(V,) the row of each of a tokenizer's word pieces in a packaged BERT."""
    numbers = json.loads(read_member(encoder, "tokenizer.json"))["model"]["vocab"]
    pieces = json.loads(Path(tokenizer).read_text(encoding="utf-8"))["model"]["vocab"]
    return torch.tensor([numbers[piece] for piece in sorted(pieces, key=lambda piece: pieces[piece])])
