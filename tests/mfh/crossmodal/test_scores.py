"""Mean intersection over union against values computed by hand, and other scores."""

import math

import pytest
import torch
from torch.nn.functional import one_hot

from msd.mfh.crossmodal.samples import IGNORED
from msd.mfh.crossmodal.scores import METRICS, score


def maps(classes: list[list[list[int]]], count: int = 3) -> torch.Tensor:
    """Logits (N, C, H, W) whose greatest is the given class."""
    return one_hot(torch.tensor(classes), count).permute(0, 3, 1, 2).float()


def iou(logits: torch.Tensor, label: torch.Tensor) -> float:
    return score(logits, label, metric="miou")


def test_it_is_the_mean_over_classes_of_what_both_share() -> None:
    """Class 0: shared 1 of {4 labelled, 2 predicted} -> 1/5; class 1: 2 of {2, 5} -> 2/5; class 2: 1 of {3, 2} -> 1/4."""
    label = torch.tensor([[[0, 0, 0], [0, 1, 1], [2, 2, 2]]])
    predicted = maps([[[0, 1, 1], [2, 1, 1], [2, 1, 0]]])
    assert iou(predicted, label) == pytest.approx((1 / 5 + 2 / 5 + 1 / 4) / 3)


def test_pixels_without_label_do_not_count() -> None:
    """Of four pixels two count: class 0 is right once, class 1 is taken for 0: 1/2 and 0."""
    label = torch.tensor([[[0, 1], [IGNORED, IGNORED]]])
    assert iou(maps([[[0, 0], [1, 2]]]), label) == pytest.approx(0.25)
    nothing = maps([[[0, 0], [1, 2]]]), torch.full((1, 2, 2), IGNORED)
    assert math.isnan(iou(*nothing))
    unlabelled = METRICS["miou"].value(*(one.numpy() for one in nothing), "segmentation")
    assert unlabelled == (None, "mean IoU is undefined: no pixel is labelled")


def test_pictures_are_pooled_before_the_division() -> None:
    """Each class is right once, labelled twice and predicted twice: 1/3; a mean over pictures would be 1/4."""
    label = torch.tensor([[[0, 0]], [[1, 1]]])
    assert iou(maps([[[0, 1]], [[0, 1]]], 2), label) == pytest.approx(1 / 3)


def test_classes_that_are_nowhere_are_left_out_and_logits_grow_to_the_label() -> None:
    label = torch.tensor([[[0, 0, 1, 1]] * 4])
    assert iou(maps([[[0, 1], [0, 1]]], 9), label) == 1


def test_other_scores_are_those_of_all_studies() -> None:
    logits = torch.tensor([[1.0, 0], [0, 1], [1, 0]])
    assert score(logits, torch.tensor([0, 1, 1]), metric="accuracy") == pytest.approx(2 / 3)
    labels = torch.tensor([[1.0, 0], [0, 1], [0, 0]])
    assert score(logits - 0.5, labels, metric="micro_f1") == pytest.approx(4 / 5)
