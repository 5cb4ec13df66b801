"""Published weights are what transformers and MMF compute with them, and a wrong file is one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from faults import one_sentence
from model_files import (
    PIECES,
    REGION_WIDTH,
    converted,
    manual,
    model_config,
    write_clip,
    write_mmf,
    write_tinybert,
    write_vilt,
    write_visualbert,
    write_visualbert_for_vqa,
)
from torch import Tensor, nn

from msd.data.raw_files import read_member
from msd.data.tokenizer import cut_vocabulary, read_tokenizer
from msd.models.adapter import ADAPTERS, TransformersClassifier
from msd.models.build import start_from_model
from msd.models.classifier import Classifier
from msd.models.views import VIEWS, Inputs
from msd.models.visualbert import VisualBertClassifier

TEXTS = ["the red cats", "a dog", "blue", ""]
BOUND = 2e-6  # rounding alone: the operations are the same, in another order
LABELS = 3


def started(folder: Path, config: dict[str, Any], **sizes: Any) -> tuple[Classifier, Inputs, Tensor]:
    """A model that starts from converted weights, a batch as it reads it, and the pieces' numbers in the file's own."""
    package = converted(folder, config)
    full = (folder / "whole.json").read_text()
    cut = full if "size" in config else cut_vocabulary(full, TEXTS)
    (folder / "cut.json").write_text(cut)
    ours, theirs = (read_tokenizer(folder / name, max_tokens=20) for name in ("cut.json", "whole.json"))
    tokens, mask = batch_of(ours)
    if "size" in config:
        kind = {name: config[name] for name in ("mean", "std")} | {"adapter": config["architecture"], "labels": LABELS}
        model: Classifier = ADAPTERS[kind["adapter"]](kind | {"transformers": _json(package)})
        seen = torch.rand(len(TEXTS), 3, config["size"], config["size"])
    else:
        about = {"vocabulary": ours.get_vocab_size(), "region_width": REGION_WIDTH, "labels": LABELS, "positions": 20}
        shape = {
            key: config[key]
            for key in ("layers", "width", "heads", "feed_forward", "pool", "visual_type", "head")
            if key in config
        }
        model = VisualBertClassifier({**about, **shape, "dropout": 0.1, **sizes})
        model.region_mean.normal_()
        seen = torch.randn(len(TEXTS), 5, REGION_WIDTH)
    copied = start_from_model(model, package, str(folder / "cut.json"), name=config["name"])
    assert set(copied) <= {name for name, _ in [*model.named_parameters(), *model.named_buffers()]}
    return model.eval(), Inputs(tokens, mask, seen), batch_of(theirs)[0]


def _json(package: str) -> Any:
    return json.loads(read_member(package, "config.json"))


def batch_of(tokenizer: Any) -> tuple[Tensor, Tensor]:
    encodings = [encoding.ids for encoding in tokenizer.encode_batch(TEXTS)]
    longest = max(map(len, encodings))
    tokens = torch.tensor([ids + [0] * (longest - len(ids)) for ids in encodings])
    mask = torch.tensor([[1.0] * len(ids) + [0.0] * (longest - len(ids)) for ids in encodings])
    return tokens, mask


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=BOUND, rtol=BOUND)


def test_visualbert_of_a_bin_file_pools_what_transformers_pools(tmp_path: Path) -> None:
    theirs = write_visualbert(tmp_path).visual_bert
    model, inputs, numbers = started(tmp_path, model_config("visualbert"))
    assert model.config["vocabulary"] < len(PIECES)  # it is cut
    assert not torch.equal(inputs.tokens, numbers)
    output = model(inputs, VIEWS)
    expected = theirs(input_ids=numbers, attention_mask=inputs.token_mask, visual_embeds=inputs.regions)
    close(output["both"].features, expected.pooler_output)
    unseen = torch.zeros(inputs.regions.shape[:2])
    text = theirs(numbers, inputs.token_mask, visual_embeds=inputs.regions, visual_attention_mask=unseen)
    close(output["text"].features, text.pooler_output)


def test_a_safetensors_file_gives_the_same_as_a_bin_file(tmp_path: Path) -> None:
    model = write_visualbert(tmp_path)
    package = Path(converted(tmp_path, model_config("visualbert"))).read_bytes()
    state = {name: value.contiguous() for name, value in model.visual_bert.state_dict(prefix="visual_bert.").items()}
    safetensors.torch.save_file(state, tmp_path / "model.safetensors")
    config = model_config("visualbert", sources=manual("model.safetensors", "vocab.txt"))
    assert Path(converted(tmp_path, config)).read_bytes() == package


def test_the_head_of_vqa_reads_the_last_word_piece(tmp_path: Path) -> None:
    theirs = write_visualbert_for_vqa(tmp_path, labels=LABELS)
    model, inputs, numbers = started(tmp_path, model_config("visualbert", pool="last-word", labels=LABELS))
    expected = theirs(input_ids=numbers, attention_mask=inputs.token_mask.long(), visual_embeds=inputs.regions)
    close(model(inputs)["both"].logits, expected.logits)


@pytest.mark.parametrize("pool", ["first", "last-word"])
def test_a_checkpoint_of_mmf_is_taken_with_its_head(tmp_path: Path, pool: str) -> None:
    """Token type 0 for regions, dense + GELU + layer norm below the head, and its two `pooler_strategy`."""
    encoder, classifier = write_mmf(tmp_path, labels=LABELS)
    own = {"sources": manual("model.pth", "vocab.txt"), "visual_type": 0, "head": "transform", "labels": LABELS}
    model, inputs, numbers = started(tmp_path, model_config("visualbert", pool=pool, **own))
    types = torch.zeros(inputs.regions.shape[:2], dtype=torch.long)
    states = encoder(numbers, inputs.token_mask, visual_embeds=inputs.regions, visual_token_type_ids=types)
    last = (inputs.token_mask.sum(1).long() - 2)[:, None, None].expand(-1, 1, 16)
    pooled = states.pooler_output if pool == "first" else states.last_hidden_state.gather(1, last)[:, 0]
    output = model(inputs)["both"]
    close(output.logits, classifier(pooled))
    close(output.features, classifier[0](pooled))
    assert (model.head.weight == classifier[1].weight).all()


def test_tinybert_has_its_text_side_and_visual_parts_that_are_copies_of_it(tmp_path: Path) -> None:
    theirs = write_tinybert(tmp_path).bert
    model, inputs, numbers = started(tmp_path, model_config("tinybert"))
    close(model(inputs, ("text",))["text"].features, theirs(numbers, inputs.token_mask).pooler_output)
    ours = model.encoder.embeddings
    for part in ("token_type_embeddings", "position_embeddings"):
        text = getattr(theirs.embeddings, part).weight
        assert torch.equal(getattr(ours, f"visual_{part}").weight, text)
    assert float(model.region_mean.abs().sum()) > 0  # its projection is new: regions are standardised as before


@pytest.mark.parametrize("kind", ["vilt", "clip"])
def test_a_model_of_pixels_sees_what_transformers_gives_it(tmp_path: Path, kind: str) -> None:
    theirs = {"vilt": write_vilt, "clip": write_clip}[kind](tmp_path)
    config = model_config(kind)
    model, inputs, numbers = started(tmp_path, config)
    mean, std = (torch.tensor(config[name])[:, None, None] for name in ("mean", "std"))
    pixels, mask = (inputs.regions - mean) / std, inputs.token_mask.long()
    output = model(inputs, VIEWS)
    if kind == "vilt":
        close(output["both"].features, theirs.vilt(numbers, mask, pixel_values=pixels).pooler_output)
        text = theirs.vilt.embeddings.text_embeddings(numbers) + theirs.vilt.embeddings.token_type_embeddings.weight[0]
        kept = (1 - mask[:, None, None].float()) * torch.finfo(torch.float32).min
        states = theirs.vilt.layernorm(theirs.vilt.encoder(text, attention_mask=kept)[0])
        close(output["text"].features, theirs.vilt.pooler(states))
        ends = torch.tensor([[3, 4]]).expand(len(TEXTS), 2)
        close(output["image"].features, theirs.vilt(ends, torch.ones_like(ends), pixel_values=pixels).pooler_output)
    else:
        text, image = (nn.functional.normalize(part.pooler_output) for part in (
            theirs.get_text_features(numbers, mask), theirs.get_image_features(pixels)))  # fmt: skip
        nothing = torch.zeros_like(text)
        close(output["both"].features, torch.cat((text, image, text * image), 1))
        close(output["text"].features, torch.cat((text, nothing, nothing), 1))
        close(output["image"].features, torch.cat((nothing, image, nothing), 1))
    for each in output.values():
        close(each.logits, model.head(each.features))


@pytest.mark.parametrize("kind", ["vilt", "clip"])
def test_no_view_of_pixels_sees_the_modality_that_it_lacks(tmp_path: Path, kind: str) -> None:
    {"vilt": write_vilt, "clip": write_clip}[kind](tmp_path)
    model, inputs, _ = started(tmp_path, model_config(kind))
    first = model(inputs, VIEWS)
    changed = replace(inputs, regions=torch.rand_like(inputs.regions))
    assert torch.equal(model(changed, VIEWS)["text"].logits, first["text"].logits)
    words = inputs.tokens.clone()
    words[:, 1:-1] = words[:, 1:-1].where((inputs.token_mask[:, 2:] == 0) | (inputs.token_mask[:, 1:-1] == 0), 10)
    other = model(replace(inputs, tokens=words), VIEWS)
    assert torch.equal(other["image"].logits, first["image"].logits)
    assert not torch.equal(other["both"].logits, first["both"].logits)


def test_the_dropout_of_a_model_of_pixels_is_that_of_the_view_s_stream(tmp_path: Path) -> None:
    write_vilt(tmp_path)
    model, inputs, _ = started(tmp_path, model_config("vilt"))
    assert isinstance(model, TransformersClassifier)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.5
    model.train()

    def seen(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return model(inputs, streams=[torch.Generator().manual_seed(7)])["both"].logits

    assert torch.equal(seen(0), seen(1))
    assert not torch.equal(seen(0), model(inputs, streams=[torch.Generator().manual_seed(8)])["both"].logits)


class Harm:
    """What a pickle with code in it is made of."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("harmed",)


def _state(change: Callable[[dict[str, Tensor]], Any]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        state = torch.load(folder / "pytorch_model.bin", weights_only=True)
        torch.save(change(state), folder / "pytorch_model.bin")

    return write


def _bytes(file: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_bytes(content) and None


WORD = "visual_bert.embeddings.word_embeddings.weight"
QUERY = "visual_bert.encoder.layer.1.attention.self.query.weight"


@pytest.mark.parametrize(
    ("harm", "changes", "sentence"),
    [
        (_state(lambda state: {**state, "x": Harm()}), {}, r"holds more than numbers and names \(\S*mkdir\), and loading"),
        (_state(lambda state: [1, 2]), {}, r"holds no tensors by name; bring its \.safetensors"),
        (_state(lambda state: {"epoch": 3}), {}, r"holds no tensors by name"),
        (_state(lambda state: {k: v for k, v in state.items() if k != QUERY}), {}, r"has no tensor encoder\.encoder\.layer\.1\.att"),
        (_state(lambda state: state | {QUERY: torch.zeros(3, 4)}), {}, r"query\.weight is 3×4, expected 16×16; correct the sizes"),
        (_state(lambda state: state | {WORD: state[WORD][:-1]}), {}, rf"is {len(PIECES) - 1}×16, expected {len(PIECES)}×16"),
        (_bytes("pytorch_model.bin", b""), {}, r"pytorch_model\.bin is no file of weights"),
        (_bytes("pytorch_model.bin", b"<html>not found</html>"), {}, r"pytorch_model\.bin is no file of weights"),
        (_bytes("pytorch_model.bin", b"version https://git-lfs.github.com/spec/v1"), {}, r"is no file of weights"),
        (lambda folder: None, {"width": 32}, r"is \d+×16, expected \d+×32; correct the sizes"),
        (lambda folder: None, {"layers": 3}, r"has no tensor encoder\.encoder\.layer\.2\..*no VisualBERT or BERT of these"),
        (lambda folder: None, {"region_width": 9}, r"visual_projection\.weight is 16×7, expected 16×9"),
        (lambda folder: None, {"labels": 2}, r"has no tensor head\.weight"),
        (lambda folder: None, {"positions": 40}, r"position_embeddings\.weight is 20×16, expected 40×16"),
        (_bytes("vocab.txt", b"a\nb\n"), {}, r"vocab\.txt is no vocabulary of BERT's: \[PAD\] is not there"),
        (_bytes("vocab.txt", b"\xff\xfe\x00"), {}, r"vocab\.txt"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_weights_is_one_sentence(
    working_folder: Path, harm: Callable[[Path], None], changes: dict[str, Any], sentence: str
) -> None:
    folder = working_folder / "files"
    write_visualbert(folder)
    harm(folder)
    with one_sentence(sentence):
        converted(folder, model_config("visualbert", **changes))
    assert not Path("harmed").exists()


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (_bytes("config.json", b"{"), r"config\.json"),
        (_bytes("config.json", b'{"model_type": "clip"}'), r"config\.json is of a 'clip' model; expected 'vilt'"),
        (
            _bytes("config.json", b'{"model_type": "vilt", "hidden_size": "wide"}'),
            r"config\.json is no configuration of",
        ),
        (
            _state(lambda state: {"vilt.pooler.dense.bias": torch.zeros(16)}),
            r"has no tensor \S+; it is no vilt of these",
        ),
    ],
)
def test_a_wrong_file_of_a_model_of_pixels_is_one_sentence(
    tmp_path: Path, harm: Callable[[Path], None], sentence: str
) -> None:
    write_vilt(tmp_path)
    harm(tmp_path)
    with one_sentence(sentence):
        converted(tmp_path, model_config("vilt"))


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"region_width": 8}, r"tiny-visualbert has regions of 7 channels, the dataset has 8; .*`region_width: null`"),
        ({"labels": 4}, r"tiny-visualbert has a head of 3 labels, the dataset has 4; .*`labels: null` starts it anew"),
    ],
)
def test_a_dataset_that_the_weights_do_not_fit_is_one_sentence(
    tmp_path: Path, sizes: dict[str, int], sentence: str
) -> None:
    write_visualbert_for_vqa(tmp_path, labels=LABELS)
    with one_sentence(sentence):
        started(tmp_path, model_config("visualbert", pool="last-word", labels=LABELS), **sizes)


def test_a_tokenizer_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    write_clip(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with one_sentence(r"the tokenizer\.json of tiny-clip is none \(damaged content\); fetch it again"):
        converted(tmp_path, model_config("clip"))
