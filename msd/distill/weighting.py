"""Weights of the auxiliary terms of MSD from modality saliency."""

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor

Modality = Literal["image", "text"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)


def uniform_weights(saliency: Mapping[str, Tensor], *, strength: float) -> dict[str, Tensor]:
    """w_image = w_text = c: MSD without weighting. Arguments as in `population_weights`; values are 0-dimensional."""
    _check(saliency, strength)
    return {modality: torch.tensor(float(strength)) for modality in MODALITIES}


def population_weights(saliency: Mapping[str, Tensor], *, strength: float) -> dict[str, Tensor]:
    """w_m = c · mean S(m) / Σ_m mean S(m): one number per modality for the whole training split.

    saliency: {"image": (N,), "text": (N,)} of the *training* split, ≥ 0. strength: c ≥ 0. Returns {"image": (), "text":
    ()}, which sum to c: c/2 each when both saliencies are 0. Raises ValueError for a missing modality, unequal shapes,
    negative values and those that are not finite.
    """
    _check(saliency, strength)
    means = {modality: saliency[modality].double().mean() for modality in MODALITIES}
    return _shares(means, strength)


def instance_weights(saliency: Mapping[str, Tensor], *, strength: float) -> dict[str, Tensor]:
    """w_m,i = c · S_i(m) / Σ_m S_i(m): one number per modality and sample, c/2 each where both saliencies are 0.

    Arguments and errors as in `population_weights`; returns {"image": (N,), "text": (N,)}.
    """
    _check(saliency, strength)
    return _shares({modality: saliency[modality].double() for modality in MODALITIES}, strength)


def swapped_weights(saliency: Mapping[str, Tensor], *, strength: float) -> dict[str, Tensor]:
    """Those of `instance_weights` exchanged between the modalities: a control, which follows the wrong saliency."""
    weights = instance_weights(saliency, strength=strength)
    return {"image": weights["text"], "text": weights["image"]}


def _shares(values: Mapping[Modality, Tensor], strength: float) -> dict[str, Tensor]:
    total = values["image"] + values["text"]
    safe = torch.where(total > 0, total, torch.ones_like(total))
    image = torch.where(total > 0, values["image"] / safe, torch.full_like(total, 0.5))
    return {"image": (strength * image).float(), "text": (strength * (1 - image)).float()}


def _check(saliency: Mapping[str, Tensor], strength: float) -> None:
    missing = [modality for modality in MODALITIES if modality not in saliency]
    if missing:
        raise ValueError(f"saliency: the modality {missing[0]!r} is missing")
    if saliency["image"].shape != saliency["text"].shape or saliency["image"].ndim != 1:
        raise ValueError("saliency: image and text must both have shape (N,)")
    for modality in MODALITIES:
        values = saliency[modality]
        if not bool(torch.isfinite(values).all()) or bool((values < 0).any()):
            raise ValueError(f"saliency[{modality!r}]: values must be finite and not negative")
    if not 0 <= strength < float("inf"):
        raise ValueError(f"strength: must be a finite number, 0 or more, not {strength}")


WEIGHTINGS = {
    "uniform": uniform_weights,
    "population": population_weights,
    "instance": instance_weights,
    "swapped": swapped_weights,
}
