"""Stage `convert`: pretrained weights as they were published, checked and brought to one form, once.

What is published: a state dict of torch (`pytorch_model.bin`, loaded as data alone, so that no code in it runs), a
safetensors file, or a checkpoint of MMF, whose state dict lies under `model`; names as in transformers' VisualBERT,
BERT, ViLT and CLIP, or in MMF's mmf/models/visual_bert.py and mmf/modules/embeddings.py.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch
from torch import Tensor

from msd.data.pictures import write_archive
from msd.data.tokenizer import SPECIAL
from msd.errors import UserError, decoding
from msd.models.visualbert import VisualBertClassifier
from msd.system.text_file import read_json, read_text

if TYPE_CHECKING:
    from msd.config.contracts.training import ConvertParams
    from msd.job import Job

RENAMED = (
    (r"^module\.", ""),  # of a model that several processes trained
    (r"^(model|bert)\.(?=bert\.|classifier\.)", ""),  # MMF's, of today and at first
    (r"^(bert|visual_bert)\.", "encoder."),
    (r"^(?=(embeddings|encoder\.layer|pooler)\.)", "encoder."),  # of an encoder that was saved without a head
    (r"token_type_embeddings_visual", "visual_token_type_embeddings"),  # MMF's, as the two below
    (r"position_embeddings_visual", "visual_position_embeddings"),
    (r"embeddings\.projection\.", "embeddings.visual_projection."),
    (r"\.gamma$", ".weight"),  # of BERT's first conversions from TensorFlow
    (r"\.beta$", ".bias"),
    (r"^classifier\.0\.", "transform."),  # MMF's head
    (r"^classifier\.1\.", "head."),
    (r"^cls\.(?=weight|bias)", "head."),  # of transformers' VisualBertForQuestionAnswering
)
"""Names in published files, and ours: `VisualBertClassifier`'s."""
ADVICE = "bring its .safetensors, or save the state dict alone"


def convert(job: Job[ConvertParams]) -> dict[str, float]:
    """Write model.zip: model.safetensors with the model's own names, float32, tokenizer.json and config.json.

    The tokenizer, with its whole vocabulary, stands beside it too.

    Raises UserError for weights that are none, lack a tensor, have one of another size, or hold code.
    """
    params, files = job.params, {Path(path).name: Path(path) for path in job.inputs["files"]}
    source = files[params.weights]
    tokenizer = full_tokenizer(files)
    with decoding(f"the tokenizer.json of {params.name} is none"):
        pieces = len(json.loads(tokenizer)["model"]["vocab"])
    state = read_weights(source)
    if params.shape is None:
        config = read_json(files["config.json"])
        expected = _of_transformers(config, params.architecture, files["config.json"])
        names = {name.removeprefix(f"{params.architecture}."): name for name in state}  # of a model with a head
    else:
        config = {**params.shape.model_dump(), "region_width": params.region_width, "labels": params.labels}
        expected, names = _of_visualbert(params, pieces), {own_name(name): name for name in state}
    weights = {}
    for name, shape in expected.items():
        if name not in names:
            if _is_optional(name, params):
                continue
            raise UserError(f"{source} has no tensor {name}; it is no {_kind(params)} of these sizes")
        weight = state[names[name]]
        if tuple(weight.shape) != shape:
            raise UserError(
                f"{source}: {names[name]} is {_size(weight.shape)}, expected {_size(shape)}; correct the sizes, the "
                f"labels or the word pieces of {params.name}"
            )
        weights[name] = weight.float().contiguous().clone()
    content = {"model.safetensors": safetensors.torch.save(weights), "tokenizer.json": tokenizer.encode()}
    content["config.json"] = json.dumps(config, indent=1, sort_keys=True).encode()
    write_archive(Path(job.outputs["package"]), content)
    Path(job.outputs["tokenizer"]).write_text(tokenizer, encoding="utf-8")
    numbers = sum(tensor.numel() for tensor in weights.values())
    return {"tensors": len(weights), "left_out": len(state) - len(weights), "numbers": numbers}


def _is_optional(name: str, params: ConvertParams) -> bool:
    """Whether a model does without a tensor: a BERT without visual parts, and one whose head reads no pooled [CLS]."""
    if params.shape is None:
        return False
    is_bert, is_pooler = params.region_width is None, name.startswith("encoder.pooler.")
    return (is_bert and ".visual_" in name) or (is_pooler and (is_bert or params.shape.pool != "first"))


def own_name(name: str) -> str:
    """The name that a tensor of a published VisualBERT or BERT has in `VisualBertClassifier`."""
    for pattern, new in RENAMED:
        name = re.sub(pattern, new, name)
    return name


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of weights by name; UserError for one that is none, or holds more than plain values."""
    with decoding(f"{path} is no file of weights", ADVICE):
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = _load(path)
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]  # a checkpoint of MMF
    named = content.items() if isinstance(content, Mapping) else ()
    tensors = {str(name): value for name, value in named if isinstance(value, Tensor)}
    if not tensors:
        raise UserError(f"{path} holds no tensors by name; {ADVICE}")
    return tensors


def _load(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if (named := re.search(r"GLOBAL (\S+)", str(error))) is None:
            raise
        held = f"{path} holds more than numbers and names ({named[1]})"
        raise UserError(f"{held}, and loading it would run its code; {ADVICE}") from error


def full_tokenizer(files: Mapping[str, Path]) -> str:
    """A model's tokenizer.json; made of vocab.txt, lower-case as BERT's, where there is none."""
    if "tokenizer.json" in files:
        return read_text(files["tokenizer.json"])
    from tokenizers.implementations import BertWordPieceTokenizer

    path = files["vocab.txt"]
    pieces = read_text(path).split("\n")
    absent = [piece for piece in SPECIAL if piece not in pieces]
    if absent or pieces[0] != SPECIAL[0]:
        raise UserError(f"{path} is no vocabulary of BERT's: {absent[0] if absent else 'its first line'} is not there")
    tokenizer: str = BertWordPieceTokenizer(str(path), lowercase=True).to_str()
    return tokenizer


def _of_visualbert(params: ConvertParams, pieces: int) -> dict[str, tuple[int, ...]]:
    """Name -> shape of what is taken of a published VisualBERT or BERT."""
    assert params.shape is not None
    sizes = {"vocabulary": pieces, "region_width": params.region_width or 1, "labels": params.labels or 1}
    with torch.device("meta"):
        model = VisualBertClassifier({**params.shape.model_dump(), **sizes})
    new = [] if params.region_width else ["encoder.embeddings.visual_projection."]
    new += [] if params.labels else ["head.", "transform."]
    shapes = {name: tuple(each.shape) for name, each in model.named_parameters() if not name.startswith(tuple(new))}
    width = params.shape.width
    return shapes | {"encoder.pooler.dense.weight": (width, width), "encoder.pooler.dense.bias": (width,)}


def _of_transformers(config: dict[str, Any], kind: str, path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the tensors of transformers' model of a published config.json."""
    from transformers import AutoConfig, AutoModel

    if config.get("model_type") != kind:
        raise UserError(f"{path} is of a {config.get('model_type')!r} model; expected {kind!r}")
    with decoding(f"{path} is no configuration of {kind}"), torch.device("meta"):
        model = AutoModel.from_config(AutoConfig.for_model(**config))
    return {name: tuple(each.shape) for name, each in model.state_dict().items()}


def _kind(params: ConvertParams) -> str:
    return "VisualBERT or BERT" if params.shape is not None else params.architecture


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a number"
