"""Tiny models of random weights in the files that real ones are published in, and the job that converts them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import transformers
from torch import nn

from msd.config.models import ModelConfig
from msd.job import Job
from msd.models.convert import convert

WORDS = ["red", "blue", "green", "cat", "dog", "a", "the", "##s"]
PIECES = [
    "[PAD]",
    "[unused0]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdefghijklmnopqrstuvwxyz",
    *WORDS[:5],
    "the",
    "##s",
]
SIZES = {"layers": 2, "width": 16, "heads": 2, "feed_forward": 32}
BERT = {
    "vocab_size": len(PIECES),
    "max_position_embeddings": 20,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "pad_token_id": 0,
}
REGION_WIDTH, SIDE = 7, 32
ABOUT: dict[str, Any] = {"title": "Tiny", "licence": {"name": "CC0"}, "citation": "Nobody", "positions": 20}
PIXELS = {"size": SIDE, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}


def manual(*files: str) -> list[dict[str, str]]:
    return [{"kind": "manual", "file": file} for file in files]


def write_visualbert(folder: Path, *, region_width: int = REGION_WIDTH, **changes: Any) -> nn.Module:
    """pytorch_model.bin and vocab.txt as of uclanlp/visualbert-vqa-coco-pre, with the heads of its pre-training."""
    torch.manual_seed(1)
    config = transformers.VisualBertConfig(**(BERT | changes), visual_embedding_dim=region_width)
    return _save(transformers.VisualBertForPreTraining(config).eval(), folder)


def write_visualbert_for_vqa(folder: Path, *, labels: int) -> nn.Module:
    """As of uclanlp/visualbert-vqa, with its head."""
    torch.manual_seed(1)
    config = transformers.VisualBertConfig(**BERT, visual_embedding_dim=REGION_WIDTH, num_labels=labels)
    return _save(transformers.VisualBertForQuestionAnswering(config).eval(), folder)


def write_tinybert(folder: Path, **changes: Any) -> nn.Module:
    """As of huawei-noah/TinyBERT_General: a BERT's names, layers of its distillation, torch's format before zip files."""
    torch.manual_seed(2)
    model = transformers.BertForPreTraining(transformers.BertConfig(**(BERT | changes))).eval()
    state = model.state_dict() | {f"fit_denses.{layer}.weight": torch.randn(24, 16) for layer in range(3)}
    return _save(model, folder, state=state, _use_new_zipfile_serialization=False)


def write_mmf(folder: Path, *, labels: int, region_width: int = REGION_WIDTH) -> tuple[nn.Module, nn.Module]:
    """model.pth as MMF's trainer writes it; returns the encoder and the classifier above it."""
    from transformers.models.bert.modeling_bert import BertPredictionHeadTransform

    torch.manual_seed(3)
    config = transformers.VisualBertConfig(**BERT, visual_embedding_dim=region_width)
    encoder = transformers.VisualBertModel(config).eval()
    classifier = nn.Sequential(BertPredictionHeadTransform(config), nn.Linear(16, labels)).eval()
    state = {f"model.bert.{_mmf_name(name)}": value for name, value in encoder.state_dict().items()}
    state |= {f"model.classifier.{name}": value for name, value in classifier.state_dict().items()}
    checkpoint = {
        "model": state,
        "optimizer": {"state": {0: {"step": 1, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 5e-5}]},
        "best_update": 22000,
        "best_metric_value": 0.7,
        "config": {"model": "visual_bert", "training": {"max_updates": 22000}},
    }
    _write_words(folder)
    torch.save(checkpoint, folder / "model.pth")
    return encoder, classifier


def _mmf_name(name: str) -> str:
    for part in ("token_type", "position"):
        name = name.replace(f"visual_{part}_embeddings", f"{part}_embeddings_visual")
    return name.replace("visual_projection", "projection")


def write_vilt(folder: Path) -> nn.Module:
    """pytorch_model.bin, config.json and vocab.txt as of dandelin/vilt-b32-mlm."""
    torch.manual_seed(4)
    config = transformers.ViltConfig(**BERT, image_size=SIDE, patch_size=16)
    model = _save(transformers.ViltForMaskedLM(config).eval(), folder)
    config.save_pretrained(folder)
    return model


def write_clip(folder: Path) -> nn.Module:
    """model.safetensors, config.json and tokenizer.json of openai/clip-vit-base-patch32's kinds, bytes as pieces."""
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.processors import RobertaProcessing

    letters = sorted(ByteLevel.alphabet())
    vocabulary = {piece: number for number, piece in enumerate([*letters, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[], unk_token="<|endoftext|>"))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    ends = [(name, vocabulary[name]) for name in ("<|endoftext|>", "<|startoftext|>")]
    tokenizer.post_processor = RobertaProcessing(*ends, add_prefix_space=False)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(5)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    words = {"vocab_size": len(vocabulary), "max_position_embeddings": 20, "bos_token_id": 0, "eos_token_id": 2}
    config = transformers.CLIPConfig(
        text_config=shape | words, vision_config=shape | {"image_size": SIDE, "patch_size": 16}, projection_dim=12
    )
    model = transformers.CLIPModel(config).eval()
    safetensors.torch.save_file(model.state_dict(), folder / "model.safetensors")
    config.save_pretrained(folder)
    return model


def _save(model: nn.Module, folder: Path, *, state: Any = None, **form: Any) -> nn.Module:
    _write_words(folder)
    torch.save(model.state_dict() if state is None else state, folder / "pytorch_model.bin", **form)
    return model


def _write_words(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")


KINDS: dict[str, dict[str, Any]] = {
    "visualbert": {"architecture": "visualbert", **SIZES, "pool": "first", "region_width": REGION_WIDTH},
    "tinybert": {"architecture": "visualbert", **SIZES, "pool": "first"},
    "vilt": {"architecture": "vilt", **PIXELS, "sources": manual("pytorch_model.bin", "config.json", "vocab.txt")},
    "clip": {"architecture": "clip", **PIXELS, "sources": manual("model.safetensors", "config.json", "tokenizer.json")},
}


def model_config(kind: str, **changes: Any) -> dict[str, Any]:
    """The content of a file of config/models whose files a person brings."""
    sources = {"sources": manual("pytorch_model.bin", "vocab.txt")}
    return {"name": f"tiny-{kind}", **ABOUT, **sources, **KINDS[kind], **changes}


def converted(folder: Path, config: dict[str, Any]) -> str:
    """The package that the stage `convert` makes of the files of a model in a folder."""
    model = ModelConfig.model_validate(json.loads(json.dumps(config)))
    files = [str(folder / source.name) for source in model.sources]
    outputs = {"package": str(folder / "model.zip"), "tokenizer": str(folder / "whole.json")}
    convert(Job("convert", model.convert_params, {"files": files}, outputs))
    return outputs["package"]
