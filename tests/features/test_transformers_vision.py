"""Vision models of transformers from files in the hub's layout, held against transformers' own processor and model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoImageProcessor, AutoModel

from msd.config.contracts.data import FeaturesParams
from msd.data.pictures import png, write_archive
from msd.errors import UserError
from msd.features.extract import _extractor, _open, digest, extract
from msd.features.transformers_vision import build, reading
from msd.job import Job

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
STATISTICS = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
OLD = {"do_normalize": True, "do_resize": True, "resample": 3, **STATISTICS}
FAMILIES: dict[str, tuple[str, dict[str, Any], dict[str, Any], int, int]] = {
    "resnet": (
        "ResNet",
        {"embedding_size": 8, "hidden_sizes": [8, 8, 8, 16], "depths": [1, 1, 1, 1]},
        {**OLD, "crop_pct": 0.875, "feature_extractor_type": "ConvNextFeatureExtractor", "size": 224},
        224,
        7,
    ),
    "vit": (
        "ViT",
        {**SMALL, "image_size": 64, "patch_size": 16},
        {"do_normalize": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": 64},
        64,
        4,
    ),
    "clip": (
        "CLIP",
        {
            "text_config": {**SMALL, "vocab_size": 50, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1},
            "vision_config": {**SMALL, "image_size": 64, "patch_size": 32},
        },
        {**OLD, "crop_size": 64, "do_center_crop": True, "feature_extractor_type": "CLIPFeatureExtractor", "size": 64},
        64,
        2,
    ),
    "dinov2": (
        "Dinov2WithRegisters",
        {**SMALL, "image_size": 70, "patch_size": 14},
        {
            **OLD,
            "crop_size": {"height": 28, "width": 28},
            "do_center_crop": True,
            "image_processor_type": "BitImageProcessor",
            "size": {"shortest_edge": 32},
        },
        28,
        2,
    ),
}
"""Family -> its classes, a small configuration, its processor's file as the hub has it, size and side of its grid."""


def repository(folder: Path, family: str, *, bin_file: bool = False) -> list[Path]:
    """The files of a small random model of a family."""
    name, config, processor, _, _ = FAMILIES[family]
    torch.manual_seed(0)
    kind = "ForImageClassification" if family == "resnet" else "Model"  # as on the hub
    model = getattr(transformers, name + kind)(getattr(transformers, f"{name}Config")(**config))
    model.save_pretrained(folder)
    if bin_file:
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return sorted(folder.iterdir())


def theirs(folder: Path, pictures: list[Image.Image]) -> np.ndarray:
    """The last hidden states (N, R, D) by transformers alone."""
    config = AutoConfig.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, config=getattr(config, "vision_config", config)).eval()
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    with torch.inference_mode():
        parts = [model(**processor(each, return_tensors="pt")).last_hidden_state for each in pictures]
    states = torch.cat(parts)
    return (states.flatten(2).mT if states.ndim == 4 else states).numpy()


def noise(count: int = 5) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (*rng.integers(40, 300, 2), 3), dtype=np.uint8)) for _ in range(count)]


@pytest.mark.parametrize(("family", "bin_file"), [("resnet", True), ("vit", False), ("clip", True), ("dinov2", False)])
def test_features_are_those_of_transformers_own_processor_and_model(
    tmp_path: Path, family: str, bin_file: bool
) -> None:
    weights, pictures = repository(tmp_path / "hub", family, bin_file=bin_file), noise()
    *_, size, side = FAMILIES[family]
    _open.cache_clear()
    _extractor.cache_clear()
    write_archive(tmp_path / "pictures.zip", {f"{n}.png": png(each) for n, each in enumerate(pictures)})
    job = Job(
        "features",
        FeaturesParams(extractor=family, module="transformers_vision", size=size, dims=16, device="cpu"),
        {"pictures": str(tmp_path / "pictures.zip"), "weights": list(map(str, weights))},
        {"regions": str(tmp_path / "regions.npy"), "spec": str(tmp_path / "spec.json")},
        scratch=str(tmp_path / "scratch"),
    )
    extract(job)
    ours, expected = np.load(tmp_path / "regions.npy"), theirs(tmp_path / "hub", pictures)[:, -(side**2) :]
    assert ours.dtype == np.float16
    assert ours.shape == expected.shape == (len(pictures), side**2, 16)
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-4)
    spec = json.loads((tmp_path / "spec.json").read_text())
    assert (spec["grid"], spec["weights_sha256"], spec["preprocessing"]["size"]) == (
        [side, side],
        digest(weights),
        size,
    )
    assert spec["preprocessing"]["edge"] == {"resnet": 256, "vit": None, "clip": 64, "dinov2": 32}[family]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_larger_picture_has_a_finer_grid_and_as_much_cut_away(tmp_path: Path, family: str) -> None:
    weights = repository(tmp_path, family)
    *_, size, side = FAMILIES[family]
    plain, double = (reading(weights, size=times * size) for times in (1, 2))
    assert double.edge == (None if plain.edge is None else 2 * plain.edge)
    square = torch.from_numpy(np.array(double.square(noise(1)[0])))[None]
    with torch.inference_mode():
        assert build(weights, size=2 * size)(square).shape == (1, 2 * side, 2 * side, 16)


def test_weights_in_parts_give_the_same_network(tmp_path: Path) -> None:
    weights = repository(tmp_path, "vit")
    state, pixels = load_file(tmp_path / "model.safetensors"), torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    with torch.inference_mode():
        whole = build(weights, size=64)(pixels)
        (tmp_path / "model.safetensors").unlink()
        files = {name: f"model-0000{1 + n % 2}-of-00002.safetensors" for n, name in enumerate(state)}
        for file in set(files.values()):
            save_file({name: state[name] for name in state if files[name] == file}, tmp_path / file, {"format": "pt"})
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
        assert torch.equal(build(sorted(tmp_path.iterdir()), size=64)(pixels), whole)


class Harmful:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("touched"),)


def test_files_that_are_no_whole_vision_model_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    weights = repository(tmp_path / "hub", "vit")
    with pytest.raises(UserError, match=r"lack preprocessor_config\.json; name the files of one repository"):
        build([path for path in weights if path.name != "preprocessor_config.json"], size=64)
    config, processor = tmp_path / "hub/config.json", tmp_path / "hub/preprocessor_config.json"
    whole, state = config.read_text(), load_file(tmp_path / "hub/model.safetensors")
    for change, sentence in (
        ({"num_hidden_layers": 2}, r"the checkpoint has no \S+\.1\.\S+ \(16 such\)"),
        ({"intermediate_size": 8}, "holds no vision model of transformers|another shape than config.json"),
        ({"model_type": "bert"}, "holds no vision model of transformers|the checkpoint has no"),
        ({"model_type": "nothing"}, "holds no vision model of transformers"),
        ({"auto_map": {"AutoModel": "evil.Model"}, "model_type": "own"}, "holds no vision model of transformers"),
    ):
        config.write_text(json.dumps(json.loads(whole) | change))
        with pytest.raises(UserError, match=sentence):
            build(weights, size=64)
    config.write_text(whole)
    for content, sentence in (
        ({"image_processor_type": "Nothing"}, "describes no image processor"),
        (
            {"image_processor_type": "ViTImageProcessor", "size": {"shortest_edge": 9, "longest_edge": 90}},
            "to no square",
        ),
        (
            {"image_processor_type": "CLIPImageProcessor", "size": 60, "crop_size": 64},
            "64 pixels is no part of a picture",
        ),
        ({"image_processor_type": "ViTImageProcessor", "do_resize": False}, "to no square"),
    ):
        processor.write_text(json.dumps(content))
        with pytest.raises(UserError, match=sentence):
            reading(weights, size=64)
    (tmp_path / "hub/model.safetensors").unlink()
    torch.save(state | {"evil": Harmful()}, tmp_path / "hub/pytorch_model.bin")
    processor.write_text(json.dumps(FAMILIES["vit"][2]))
    with pytest.raises(UserError, match="holds no vision model of transformers"):
        build(sorted((tmp_path / "hub").iterdir()), size=64)
    assert not Path("touched").exists()
