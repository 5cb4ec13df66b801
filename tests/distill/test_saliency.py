"""Modality saliency: what must be zero, what must be larger, and its symmetries."""

import math

import pytest
import torch

from msd.distill.saliency import modality_saliency


def outputs(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {view: torch.randn(6, 4, generator=generator) for view in ("both", "image", "text")}


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("measure", ["kl", "js", "l1"])
def test_a_teacher_that_ignores_a_modality_gives_it_exactly_zero(task: str, measure: str) -> None:
    views = outputs()
    views["text"] = views["both"].clone()
    saliency = modality_saliency(views, task=task, measure=measure)
    assert (saliency["image"] == 0).all()
    assert (saliency["text"] > 0).all()


@pytest.mark.parametrize("measure", ["kl", "js", "l1"])
def test_swapping_modalities_swaps_scores(measure: str) -> None:
    views = outputs()
    swapped = {"both": views["both"], "image": views["text"], "text": views["image"]}
    plain = modality_saliency(views, task="multiclass", measure=measure)
    exchanged = modality_saliency(swapped, task="multiclass", measure=measure)
    assert torch.equal(plain["image"], exchanged["text"])
    assert torch.equal(plain["text"], exchanged["image"])


def test_kl_is_that_of_both_against_what_is_left() -> None:
    views = {
        "both": torch.tensor([[2.0, 0.0]]),
        "image": torch.tensor([[0.0, 0.0]]),
        "text": torch.tensor([[2.0, 0.0]]),
    }
    p = 1 / (1 + math.exp(-2))
    expected = p * math.log(p / 0.5) + (1 - p) * math.log((1 - p) / 0.5)
    saliency = modality_saliency(views, task="multiclass")
    assert saliency["text"].item() == pytest.approx(expected, rel=1e-5)
    assert saliency["image"].item() == 0


def test_js_is_bounded() -> None:
    views = {"both": torch.tensor([[50.0, -50.0]]), "image": torch.tensor([[-50.0, 50.0]]), "text": torch.zeros(1, 2)}
    js = modality_saliency(views, task="multiclass", measure="js")
    assert js["text"].item() == pytest.approx(math.log(2), rel=1e-5)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="'text' is missing"):
        modality_saliency({"both": torch.zeros(1, 2), "image": torch.zeros(1, 2)}, task="multiclass")
    with pytest.raises(ValueError, match=r"outputs\['text'\]"):
        modality_saliency({**outputs(), "text": torch.zeros(1, 4)}, task="multiclass")
    with pytest.raises(ValueError, match="measure"):
        modality_saliency(outputs(), task="multiclass", measure="cosine")
