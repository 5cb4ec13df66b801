"""Networks of the crossmodal studies: an encoder of each modality and one linear head on what it says.

Where the authors released a network, its layers are theirs: `cnn-image` and `cnn-audio` (RAVDESS), `resnet18-video`
(VGGSound). ResNets: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from msd.errors import UserError

Shape = Sequence[int]
"""Shape of one sample, without the first dimension of a batch."""
Pool = Callable[[Tensor, tuple[int, int]], Tensor]


class Net(nn.Module):
    """An encoder of inputs (N, ...) into features (N, D), or maps (N, D, h, w), and a linear map of each to logits."""

    def __init__(self, encoder: nn.Module, width: int, classes: int, *, maps: bool = False) -> None:
        super().__init__()
        self.encoder, self.width, self.maps = encoder, width, maps
        self.head: nn.Linear | nn.Conv2d = nn.Conv2d(width, classes, 1) if maps else nn.Linear(width, classes)

    def encode(self, inputs: Any) -> Tensor:
        """Features (N, D), or maps (N, D, h, w)."""
        features: Tensor = self.encoder(inputs)
        return features

    def forward(self, inputs: Any) -> Tensor:
        """Logits (N, C), or maps of them (N, C, h, w)."""
        logits: Tensor = self.head(self.encode(inputs))
        return logits


class Joint(Net):
    """A net that reads several modalities (a mapping of their inputs): their features side by side, one head."""

    def __init__(self, nets: Mapping[str, Net], classes: int) -> None:
        maps = any(net.maps for net in nets.values())
        encoder = _SideBySide({name: net.encoder for name, net in nets.items()})
        super().__init__(encoder, sum(net.width for net in nets.values()), classes, maps=maps)


class _SideBySide(nn.Module):
    def __init__(self, encoders: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([encoder(inputs[name]) for name, encoder in self.encoders.items()], dim=1)


def mlp(shape: Shape, classes: int) -> Net:
    """One hidden layer on inputs (N, K): text as weighted words or a mean of word vectors, stored features."""
    return Net(nn.Sequential(nn.Linear(shape[0], 256), nn.ReLU()), 256, classes)


def cnn(shape: Shape, classes: int, *, kernels: tuple[int, int, int]) -> Net:
    """The released code's net of RAVDESS on (N, K, H, W): three convolutions, two full layers, 128 features."""
    layers: list[nn.Module] = []
    inside = shape[0]
    for outside, kernel in zip((32, 64, 128), kernels, strict=True):
        layers += [nn.Conv2d(inside, outside, kernel, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        inside = outside
    layers[-1] = _Cells((7, 14), F.adaptive_max_pool2d, torch.amax)
    full = [nn.Linear(128 * 7 * 14, 1024), nn.ReLU(), nn.Linear(1024, 128), nn.ReLU()]
    return Net(nn.Sequential(*layers, nn.Flatten(), *full), 128, classes)


def small(shape: Shape, classes: int, *, width: int = 8, features: int = 64, grid: int = 4) -> Net:
    """Two convolutions of `width` and 2 · `width` channels that halve the sides of (N, K, H, W), and a full layer.

    grid: cells a side that maps are averaged to, whatever their size.
    """
    layers = [
        *(nn.Conv2d(shape[0], width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU()),
        *(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU()),
        *(_Cells((grid, grid), F.adaptive_avg_pool2d, torch.mean), nn.Flatten()),
        *(nn.Linear(2 * width * grid**2, features), nn.ReLU()),
    ]
    return Net(nn.Sequential(*layers), features, classes)


def resnet(shape: Shape, classes: int, *, depth: int) -> Net:
    """ResNet-18 or ResNet-50 on pictures or spectrograms (N, K, H, W); features are means over places."""
    encoder = _ResNet(shape[0], depth)
    return Net(encoder, encoder.widths[-1], classes)


def resnet_frames(shape: Shape, classes: int, *, depth: int) -> Net:
    """A ResNet on each frame of videos (N, T, K, H, W); features are means over frames."""
    encoder = _ResNet(shape[1], depth)
    return Net(_Frames(encoder), encoder.widths[-1], classes)


def resnet_maps(shape: Shape, classes: int, *, depth: int) -> Net:
    """A ResNet for segmentation of (N, K, H, W): stages 2 to 4 side by side at an eighth of height and width."""
    encoder = _ResNet(shape[0], depth, maps=True)
    return Net(encoder, sum(encoder.widths[1:]), classes, maps=True)


def resnet_video(shape: Shape, classes: int) -> Net:
    """The released code's net of VGGSound's videos (N, T, 3, H, W): ResNet-18 with three-dimensional convolutions."""
    del shape  # of any number of frames and pixels
    stem = [
        nn.Conv3d(3, 64, (3, 7, 7), stride=2, padding=(1, 3, 3), bias=False),
        *(nn.BatchNorm3d(64), nn.ReLU(), nn.MaxPool3d(3, stride=2, padding=1)),
    ]
    blocks, inside = [], 64
    for outside in (64, 128, 256, 512):
        blocks += [_Residual3d(inside, outside), _Residual3d(outside, outside)]
        inside = outside
    return Net(nn.Sequential(_TimeLast(), *stem, *blocks, nn.AdaptiveAvgPool3d(1), nn.Flatten()), 512, classes)


def of_cells(maps: Tensor, size: tuple[int, int], reduced: Callable[[Tensor, int], Tensor]) -> Tensor:
    """What `reduced` makes of each cell of maps (N, K, H, W), as PyTorch's adaptive pools cut them: (N, K, *size).

    PyTorch's own kernels of a GPU add up the gradients of cells in any order, and must not run where all is repeatable.
    """
    for dimension, count in zip((2, 3), size, strict=True):
        length = maps.shape[dimension]
        starts = [number * length // count for number in range(count)]
        ends = [-(-(number + 1) * length // count) for number in range(count)]
        cells = [maps.narrow(dimension, start, end - start) for start, end in zip(starts, ends, strict=True)]
        maps = torch.stack([reduced(cell, dimension) for cell in cells], dimension)
    return maps


class _Cells(nn.Module):
    """An adaptive pool of PyTorch's, and what it computes of one dimension of a cell."""

    def __init__(self, size: tuple[int, int], pool: Pool, reduced: Callable[[Tensor, int], Tensor]) -> None:
        super().__init__()
        self.size, self.pool, self.reduced = size, pool, reduced

    def forward(self, maps: Tensor) -> Tensor:
        return of_cells(maps, self.size, self.reduced) if maps.is_cuda else self.pool(maps, self.size)


class _ResNet(nn.Module):
    def __init__(self, channels: int, depth: int, *, maps: bool = False) -> None:
        from transformers import ResNetConfig, ResNetModel  # slow to import

        super().__init__()
        self.maps = maps
        self.widths = [64, 128, 256, 512] if depth == 18 else [256, 512, 1024, 2048]
        kind, depths = ("basic", [2, 2, 2, 2]) if depth == 18 else ("bottleneck", [3, 4, 6, 3])
        self.layers = ResNetModel(
            ResNetConfig(num_channels=channels, hidden_sizes=self.widths, depths=depths, layer_type=kind)
        )

    def forward(self, pictures: Tensor) -> Tensor:
        output = self.layers(pictures, output_hidden_states=self.maps)
        if not self.maps:
            pooled: Tensor = output.pooler_output.flatten(1)
            return pooled
        stages = output.hidden_states[2:]
        size = stages[0].shape[-2:]
        return torch.cat([F.interpolate(stage, size, mode="bilinear") for stage in stages], dim=1)


class _Frames(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, videos: Tensor) -> Tensor:
        features: Tensor = self.encoder(videos.flatten(0, 1))
        return features.unflatten(0, videos.shape[:2]).mean(1)


class _TimeLast(nn.Module):
    def forward(self, videos: Tensor) -> Tensor:
        return videos.transpose(1, 2)  # (N, K, T, H, W), as convolutions read it


class _Residual3d(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        stride = 1 if inside == outside else 2
        first = nn.Conv3d(inside, outside, 3, stride=stride, padding=1, bias=False)
        second = nn.Conv3d(outside, outside, 3, padding=1, bias=False)
        self.body = nn.Sequential(first, nn.BatchNorm3d(outside), nn.ReLU(), second, nn.BatchNorm3d(outside))
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            project = nn.Conv3d(inside, outside, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(project, nn.BatchNorm3d(outside))

    def forward(self, volume: Tensor) -> Tensor:
        return F.relu(self.shortcut(volume) + self.body(volume))


class Network(NamedTuple):
    """How a net is built for a shape of samples and a number of classes, and how many dimensions its samples have."""

    build: Callable[[Shape, int], Net]
    dimensions: int
    has_maps: bool = False


NETWORKS = {
    "mlp": Network(mlp, 1),
    "cnn-image": Network(partial(cnn, kernels=(3, 3, 3)), 3),
    "cnn-audio": Network(partial(cnn, kernels=(7, 5, 5)), 3),
    "resnet18": Network(partial(resnet, depth=18), 3),
    "resnet50": Network(partial(resnet, depth=50), 3),
    "resnet18-frames": Network(partial(resnet_frames, depth=18), 4),
    "resnet50-frames": Network(partial(resnet_frames, depth=50), 4),
    "resnet18-video": Network(resnet_video, 4),
    "resnet18-maps": Network(partial(resnet_maps, depth=18), 3, has_maps=True),
    "resnet50-maps": Network(partial(resnet_maps, depth=50), 3, has_maps=True),
    "small": Network(small, 3),
}
"""Name in config/crossmodal/<name>.yaml -> network; weights are PyTorch's random start."""


def build(networks: Mapping[str, str], shapes: Mapping[str, Shape], classes: int) -> Net:
    """A net of one modality, or a Joint of several; networks: modality -> name. UserError where a network cannot."""
    for modality, name in networks.items():
        shape, dimensions = tuple(shapes[modality]), NETWORKS[name].dimensions
        if len(shape) != dimensions:
            raise UserError(f"the network {name!r} reads samples of {dimensions} dimensions; {modality} has {shape}")
    nets = {modality: NETWORKS[name].build(shapes[modality], classes) for modality, name in networks.items()}
    return Joint(nets, classes) if len(nets) > 1 else next(iter(nets.values()))
