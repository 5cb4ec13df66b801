"""Metrics by hand-counted examples and against scikit-learn's definitions."""

import math

import pytest
import torch

from msd.measure.metric import evaluate, mean_divergence


def test_binary_has_auroc_with_ties_and_accuracy() -> None:
    logits = torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.0, -1.0]])
    values = evaluate(logits, torch.tensor([1, 1, 0, 0]), dataset_task="binary")
    assert values == pytest.approx({"auroc": 0.875, "accuracy": 0.75})


def test_auroc_of_one_class_is_undefined_not_a_crash() -> None:
    values = evaluate(torch.randn(3, 2), torch.tensor([1, 1, 1]), dataset_task="binary")
    assert math.isnan(values["auroc"])


def test_multiclass() -> None:
    logits = torch.eye(3)[[0, 1, 2, 2]]
    values = evaluate(logits, torch.tensor([0, 1, 1, 2]), dataset_task="multiclass")
    assert values["accuracy"] == 0.75
    assert values["macro_f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_multilabel_counts_by_hand() -> None:
    logits = torch.tensor([[1.0, 1.0, -1.0], [-1.0, 1.0, 0.0]])
    gold = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    values = evaluate(logits, gold, dataset_task="multilabel")
    assert values["micro_f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert values["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert values["samples_f1"] == pytest.approx((0.5 + 1) / 2)


def test_multilabel_without_any_label_scores_zero() -> None:
    values = evaluate(-torch.ones(2, 3), torch.zeros(2, 3), dataset_task="multilabel")
    assert values["micro_f1"] == 0
    assert math.isnan(values["micro_ap"])


def test_vqa_takes_the_score_of_the_best_answer() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    scores = torch.tensor([[0.0, 0.9, 0.3], [0.0, 1.0, 0.6]])
    assert evaluate(logits, scores, dataset_task="vqa") == pytest.approx({"accuracy": 0.45})


def test_mean_divergence_is_zero_for_the_teacher_itself() -> None:
    logits = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    for task in ("binary", "multiclass", "multilabel", "vqa"):
        assert mean_divergence(logits, logits, dataset_task=task) == pytest.approx(0, abs=1e-6)
        assert mean_divergence(-logits, logits, dataset_task=task) > 0.01


@pytest.mark.parametrize(
    ("logits", "targets", "task", "name"),
    [
        (torch.zeros(2, 2), torch.tensor([0, 1]), "ranking", "dataset_task"),
        (torch.zeros(2, 2), torch.tensor([0]), "binary", "logits"),
        (torch.full((1, 2), math.nan), torch.tensor([0]), "binary", "logits"),
        (torch.zeros(2, 2), torch.tensor([0, 1]), "multilabel", "targets"),
        (torch.zeros(2, 2), torch.zeros(2, 3), "vqa", "targets"),
        (torch.zeros(2, 2), torch.tensor([0, 5]), "binary", "targets"),
        (torch.zeros(2, 2), torch.tensor([0, -1]), "multiclass", "targets"),
        (torch.zeros(2, 2), torch.full((2, 2), math.nan), "multilabel", "targets"),
    ],
)
def test_bad_arguments_are_named(logits, targets, task: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        evaluate(logits, targets, dataset_task=task)
