"""Modality saliency: how much a teacher's prediction depends on each modality."""

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor

from msd.distill.losses import Task, kd_divergence

Measure = Literal["kl", "js", "l1"]
WITHOUT = {"image": "text", "text": "image"}
"""Modality -> the view that is left when it is removed."""


def modality_saliency(outputs: Mapping[str, Tensor], *, task: Task, measure: Measure = "kl") -> dict[str, Tensor]:
    """S_i(m) = δ(teacher(x_i), teacher(x_i without m)) for both modalities, at T = 1.

    S(image) compares `both` with `text`, S(text) compares `both` with `image`; a teacher that ignores a modality
    gives exactly 0 for it. δ: `kl` = KL(p_both ‖ p_without), in nats, summed over labels for multilabel; `js` =
    Jensen-Shannon divergence (≤ ln 2 per distribution); `l1` = Σ|p_both − p_without|.

    outputs: "both", "image", "text" -> (N, C) logits. Returns {"image": (N,), "text": (N,)} float32. Raises ValueError
    for a missing view, unequal shapes, values that are not finite and an unknown measure.

    Source: this project's reading of Jin et al., "MSD: Saliency-aware Knowledge Distillation for Multimodal
    Understanding", Findings of EMNLP 2021 (its formulas were not at hand).
    """
    missing = [view for view in ("both", "image", "text") if view not in outputs]
    if missing:
        raise ValueError(f"outputs: the view {missing[0]!r} is missing; expected 'both', 'image' and 'text'")
    if measure not in get_args(Measure):
        raise ValueError(f"measure: must be one of {get_args(Measure)}, not {measure!r}")
    for view in ("both", "image", "text"):
        if outputs[view].shape != outputs["both"].shape or not bool(torch.isfinite(outputs[view]).all()):
            raise ValueError(f"outputs[{view!r}]: must be finite and of shape {tuple(outputs['both'].shape)}")
    saliency = {
        modality: _difference(outputs["both"], outputs[without], task, measure) for modality, without in WITHOUT.items()
    }
    # Rounding can leave a KL a hair below zero; no weight may turn negative by it.
    return {modality: values.clamp_min(0) for modality, values in saliency.items()}


def _difference(both: Tensor, without: Tensor, task: Task, measure: Measure) -> Tensor:
    divergence = kd_divergence(without, both, temperature=1.0, task=task)  # checks shapes, values and task
    if measure == "kl":
        return divergence
    if measure == "js":
        return _jensen_shannon(both.float(), without.float(), task)
    p = both.float().softmax(-1) if task == "multiclass" else both.float().sigmoid()
    q = without.float().softmax(-1) if task == "multiclass" else without.float().sigmoid()
    return (p - q).abs().sum(-1)


def _jensen_shannon(both: Tensor, without: Tensor, task: Task) -> Tensor:
    if task == "multilabel":
        both, without = (torch.stack((z, torch.zeros_like(z)), dim=-1) for z in (both, without))
    p, q = both.softmax(-1), without.softmax(-1)
    mean = ((p + q) / 2).clamp_min(torch.finfo(torch.float32).tiny)
    # p log(p/m), not p (log p − log m): equal distributions then give exactly 0.
    halves = torch.xlogy(p, p / mean) + torch.xlogy(q, q / mean)
    return 0.5 * halves.sum(tuple(range(1, halves.ndim)))
