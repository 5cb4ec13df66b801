"""Every network of a study file: what it encodes, what its head makes of it, and what it refuses."""

import pytest
import torch
from torch.nn import functional as F

from msd.errors import UserError
from msd.mfh.crossmodal.networks import NETWORKS, build, of_cells
from msd.training.determinism import single_thread

SHAPES = {1: (7,), 3: (2, 32, 48), 4: (4, 3, 32, 32)}
WIDTHS = {"mlp": 256, "cnn-image": 128, "cnn-audio": 128, "small": 64, "resnet18-maps": 896, "resnet50-maps": 3584}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_head_is_a_linear_map_of_the_features(name: str) -> None:
    torch.manual_seed(0)
    shape = SHAPES[NETWORKS[name].dimensions]
    net = build({"view": name}, {"view": shape}, 5).eval()
    with torch.no_grad():
        features, logits = net.encode(batch := torch.randn(2, *shape)), net(batch)
    maps = (4, 6) if name.endswith("maps") else ()  # an eighth of height and width
    width = WIDTHS.get(name, 2048 if "50" in name else 512)
    assert features.shape == (2, width, *maps)
    assert logits.shape == (2, 5, *maps)
    weight, bias = net.head.weight.detach().flatten(1), net.head.bias.detach()
    linear = torch.einsum("cd,nd...->nc...", weight, features) + bias.view(1, -1, *(1 for _ in maps))
    assert torch.allclose(linear, logits, atol=1e-4)


@pytest.mark.parametrize(("name", "count"), [("cnn-image", 32 * 28 + 64 * 289 + 128 * 577), ("resnet18", 11_176_512)])
def test_layers_are_as_published(name: str, count: int) -> None:
    """Parameters of the three convolutions with bias; of ResNet-18 on three channels without its last layer."""
    net = build({"view": name}, {"view": (3, 32, 48)}, 5)
    full = 12_544 * 1024 + 1024 + 1024 * 128 + 128 if name == "cnn-image" else 0
    assert sum(item.numel() for item in net.encoder.parameters()) == count + full


@pytest.mark.parametrize("size", [(7, 14), (4, 4), (9, 1)])
@pytest.mark.parametrize("sides", [(28, 30), (7, 7), (3, 5)])
def test_cells_are_those_of_pytorch_s_adaptive_pools(sides: tuple[int, int], size: tuple[int, int]) -> None:
    maps = torch.randn(2, 3, *sides, generator=torch.Generator().manual_seed(0), requires_grad=True)
    for ours, pool in ((torch.mean, F.adaptive_avg_pool2d), (torch.amax, F.adaptive_max_pool2d)):
        found, expected = of_cells(maps, size, ours), pool(maps, size)
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(*(torch.autograd.grad(each.square().sum(), maps)[0] for each in (found, expected)))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_every_network_repeat_themselves(name: str, device: str) -> None:
    single_thread()
    torch.manual_seed(0)
    shape = SHAPES[NETWORKS[name].dimensions]
    net, batch = build({"view": name}, {"view": shape}, 5).to(device), torch.randn(2, *shape).to(device)
    parameters = list(net.parameters())
    once, again = (torch.autograd.grad(net(batch).square().sum(), parameters) for _ in range(2))
    assert all(map(torch.equal, once, again))


def test_frames_are_averaged() -> None:
    torch.manual_seed(0)
    net = build({"video": "resnet18-frames"}, {"video": (2, 3, 32, 32)}, 5).eval()
    one, other = torch.randn(2, 1, 1, 3, 32, 32)
    with torch.no_grad():
        both = net.encode(torch.cat([one, other], dim=1))
        alone = [net.encode(torch.cat([frame, frame], dim=1)) for frame in (one, other)]
    assert torch.allclose(both, (alone[0] + alone[1]) / 2, atol=1e-5)


def test_a_joint_net_puts_the_features_of_its_modalities_side_by_side() -> None:
    torch.manual_seed(0)
    shapes = {"rgb": (3, 32, 48), "depth": (1, 32, 48)}
    net = build({"rgb": "resnet18-maps", "depth": "resnet18-maps"}, shapes, 5).eval()
    batch = {name: torch.randn(2, *shape) for name, shape in shapes.items()}
    with torch.no_grad():
        features = net.encode(batch)
        silent = net.encode({**batch, "depth": torch.zeros(2, 1, 32, 48)})
    assert features.shape == (2, 2 * 896, 4, 6)
    assert torch.equal(features[:, :896], silent[:, :896])
    assert not torch.equal(features[:, 896:], silent[:, 896:])


def test_a_network_for_other_dimensions_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"'mlp' reads samples of 1 dimensions; image has \(3, 8, 8\)"):
        build({"image": "mlp"}, {"image": (3, 8, 8)}, 2)
