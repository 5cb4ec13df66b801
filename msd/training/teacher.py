"""Stage `teacher`: fine-tune a VisualBERT whose text side starts from a pretrained BERT, on image and text."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors.torch
import torch

from msd.data.tokenizer import read_member, read_member_bytes
from msd.distill.method import Setting
from msd.distill.methods.finetune import Finetune
from msd.models.visualbert import VisualBertClassifier, start_from_bert
from msd.seeds import derive_seed
from msd.training.dataset import Dataset
from msd.training.loop import History, Schedule, single_thread, train

if TYPE_CHECKING:
    from msd.job import Job


def train_teacher(job: Job) -> dict[str, float]:
    """Write model.safetensors, config.json, tokenizer.json and history.parquet of one dataset's teacher."""
    single_thread()
    params = job.params
    dataset = Dataset.load(params, job.inputs, splits=("train", "val"))
    seed = params["seed"]
    model = dataset.new_model(params["architecture"], seed=derive_seed(dataset.name, seed, "teacher"))
    copied = start_from_encoder(model, job.inputs["encoder"], job.inputs["tokenizer"])
    history = History()
    train(
        Finetune({}, Setting(dataset.name, seed, dataset.task, dataset.splits["train"], model)),
        schedule=Schedule(**params["schedule"]),
        history=history,
        validate=partial(dataset.validate, model),
        pretrained=tuple(copied),
    )
    safetensors.torch.save_file(model.state_dict(), job.outputs["model"])
    Path(job.outputs["config"]).write_text(json.dumps(model.config, indent=1, sort_keys=True) + "\n")
    shutil.copyfile(job.inputs["tokenizer"], job.outputs["tokenizer"])
    history.write(job.outputs["history"])
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {
        "parameters": float(parameters),
        **{f"val/{name}": value for name, value in dataset.validate(model).items()},
    }


def load_teacher(folder_config: str, weights: str) -> VisualBertClassifier:
    """A saved teacher in eval mode, its parameters without gradients."""
    model = VisualBertClassifier(json.loads(Path(folder_config).read_text(encoding="utf-8")))
    model.load_state_dict(safetensors.torch.load_file(weights))
    return model.eval().requires_grad_(False)


def start_from_encoder(model: VisualBertClassifier, encoder: str, tokenizer: str) -> list[str]:
    """Copy a packaged BERT's weights into the text side; the names of the copied parameters."""
    numbers = json.loads(read_member(encoder, "tokenizer.json"))["model"]["vocab"]
    pieces = json.loads(Path(tokenizer).read_text(encoding="utf-8"))["model"]["vocab"]
    rows = torch.tensor([numbers[piece] for piece in sorted(pieces, key=lambda piece: pieces[piece])])
    return start_from_bert(model, safetensors.torch.load(read_member_bytes(encoder, "model.safetensors")), rows)
