"""What a teacher starts from and what it says, in files written by the libraries whose formats they have."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from msd.data.raw_files import sha256
from msd.training.cached_outputs import BELONGS_TO


def write_outputs(tensors: Mapping[str, Tensor], path: str, *, prepared: str) -> None:
    """Write tensors `<view>/logits` (N, C), `<view>/features` (N, H) … of the samples of a prepared table."""
    safetensors.torch.save_file(dict(tensors), path, metadata={BELONGS_TO: sha256(prepared)})


def write_encoder(path: str, *, tokenizer: str) -> None:
    """A BERT of one layer in a package, as the text encoders come."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    facts = {"num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    pieces = json.loads(Path(tokenizer).read_text())["model"]["vocab"]
    model = BertModel(BertConfig(vocab_size=len(pieces), **facts), add_pooling_layer=False)
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("model/config.json", json.dumps(facts))
        package.writestr("model/model.safetensors", safetensors.torch.save(model.state_dict()))
        package.write(tokenizer, "model/tokenizer.json")
