"""The threshold of a multi-label net: the best micro-F1 on validation, whatever shift its logits have."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import f1_score

from msd.mfh.teachers.thresholds import best_threshold


def test_it_is_the_best_of_all_thresholds() -> None:
    stream = torch.Generator().manual_seed(0)
    gold = (torch.rand(40, 5, generator=stream) < 0.2).float()
    logits = gold + torch.randn(40, 5, generator=stream)
    found = best_threshold(logits, gold, dataset_task="multilabel")
    reached = f1_score(gold, logits > found, average="micro")
    tried = [f1_score(gold, logits > threshold, average="micro") for threshold in logits.flatten().tolist()]
    assert reached == pytest.approx(max(tried))
    assert reached > f1_score(gold, logits > 2, average="micro")


def test_a_shift_of_all_logits_shifts_it() -> None:
    gold = torch.tensor([[1.0, 0], [0, 1], [0, 0]])
    logits = torch.tensor([[-3.0, -5], [-5, -2], [-6, -5]])
    found = best_threshold(logits, gold, dataset_task="multilabel")
    assert found == pytest.approx(-4)
    assert best_threshold(logits + 7, gold, dataset_task="multilabel") == pytest.approx(3)


def test_one_answer_needs_none_and_all_may_be_gold() -> None:
    assert best_threshold(torch.randn(4, 3), torch.tensor([0, 1, 2, 0]), dataset_task="multiclass") == 0
    logits = torch.tensor([[1.0, 2.0]])
    assert best_threshold(logits, torch.ones(1, 2), dataset_task="multilabel") < 1
