"""A student as ONNX: in float32, and with the weights of its matrix products in 8 bits."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.export import Dim

from msd.errors import UserError, decoding
from msd.models.views import VIEWS, Inputs, Removal, View

if TYPE_CHECKING:
    from onnxruntime import InferenceSession  # type: ignore[import-untyped]

    from msd.models.visualbert import VisualBertClassifier


class _Views(nn.Module):
    """A model with tensors as arguments and results: the logits (B, C) of some views, in their order."""

    def __init__(self, model: VisualBertClassifier, views: Sequence[View], removal: Removal) -> None:
        super().__init__()
        self.model, self.views, self.removal = model.eval(), views, removal

    def forward(
        self, tokens: Tensor, token_mask: Tensor, regions: Tensor, region_mask: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        inputs = Inputs(tokens, token_mask, regions, region_mask=region_mask)
        outputs = self.model(inputs, self.views, removal=self.removal)
        return tuple(outputs[view].logits for view in self.views)


def export_student(
    model: VisualBertClassifier,
    path: Path,
    *,
    regions: int,
    removal: Removal,
    views: Sequence[View] = VIEWS,
    masked: bool = False,
) -> None:
    """Write a student that sees `regions` of each picture as ONNX, for batches and texts of any size.

    Its inputs are tokens (B, L) int64, token_mask (B, L) and regions (B, R, D) float32; with `masked`, for pictures
    that may have fewer than R, region_mask (B, R) too.
    """
    tokens = torch.ones(3, 5, dtype=torch.long)
    example = [tokens, torch.ones(3, 5), torch.zeros(3, regions, model.config["region_width"])]
    free, fixed = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}, {0: Dim.DYNAMIC}
    sizes = {"tokens": free, "token_mask": free, "regions": fixed}
    if masked:
        example, sizes = [*example, torch.ones(3, regions)], sizes | {"region_mask": fixed}
    _export(_Views(model, views, removal), tuple(example), path, sizes=sizes, inputs=tuple(sizes), outputs=views)


def export_extractor(extractor: Callable[[Tensor], Tensor], path: Path, *, size: int) -> None:
    """Write a network of pictures (B, size, size, 3) in bytes -> features (B, rows, columns, D) as ONNX."""
    if not isinstance(extractor, nn.Module):
        raise UserError("the extractor of the pictures is no network of PyTorch, and cannot be exported")
    example = (torch.zeros(3, size, size, 3, dtype=torch.uint8),)
    _export(extractor, example, path, sizes=({0: Dim.DYNAMIC},), inputs=("pictures",), outputs=("features",))


def _export(
    module: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    *,
    sizes: object,
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> None:
    with _quiet():
        program = torch.export.export(module, example, dynamic_shapes=sizes, strict=False)  # type: ignore[arg-type]
        # The exporter's own optimiser fails at sizes that are not known; onnxruntime optimises what it loads.
        written = torch.onnx.export(
            program, dynamo=True, input_names=inputs, output_names=outputs, optimize=False, verbose=False
        )
        assert written is not None, "as the exporter of programs returns it"
        written.save(path)


def quantise(path: Path, target: Path) -> None:
    """Write an ONNX model whose matrix products have weights in 8 bits; activations are scaled as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # type: ignore[import-untyped]

    with _quiet():
        quantize_dynamic(path, target, weight_type=QuantType.QInt8)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' advice to those who develop them."""
    loggers = [logging.getLogger(), logging.getLogger("torch.onnx._internal.exporter._registration")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def onnx_student(path: Path) -> Callable[[Inputs], dict[View, Tensor]]:
    """An exported student: inputs -> view -> logits (B, C), on one core; raises UserError for a file that is none."""
    session = open_session(path)
    names, views = ([each.name for each in part] for part in (session.get_inputs(), session.get_outputs()))

    def run(inputs: Inputs) -> dict[View, Tensor]:
        logits = session.run(views, {name: getattr(inputs, name).numpy() for name in names})
        return dict(zip(views, map(torch.from_numpy, logits), strict=True))

    return run


def open_session(path: Path) -> InferenceSession:
    """An ONNX model, to be run on one core."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with decoding(f"{path} is no ONNX model", "export it again"):
        return InferenceSession(path, options, providers=["CPUExecutionProvider"])
