"""What a teacher adds to the labels: nothing where it repeats them, by independent formulas where it does not."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from scipy.stats import entropy

from msd.distill.lesson import lesson


def test_of_one_label_a_sample() -> None:
    z, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 3
    p, gold = softmax(z, axis=1), np.eye(3)[y]
    expected = {
        "entropy": entropy(p, axis=1).mean(),
        "label_kl": entropy(gold, p, axis=1).mean(),
        "off_label": (1 - p[np.arange(20), y]).mean(),
    }
    assert lesson(torch.tensor(z), torch.tensor(y), task="multiclass") == pytest.approx(expected)
    assert lesson(torch.tensor(z), torch.tensor(gold), task="multiclass") == pytest.approx(expected)


def test_of_soft_answers() -> None:
    rng = np.random.default_rng(1)
    z, y = rng.normal(size=(20, 4)), rng.choice([0, 0.3, 1], (20, 4))
    p = np.stack([expit(z), expit(-z)])
    expected = {
        "entropy": entropy(p).sum(axis=1).mean(),
        "label_kl": entropy(np.stack([y, 1 - y]), p).sum(axis=1).mean(),
        "off_label": np.abs(y - p[0]).sum(axis=1).mean(),
    }
    assert lesson(torch.tensor(z), torch.tensor(y), task="multilabel") == pytest.approx(expected)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_a_teacher_that_knows_its_labels_by_heart_adds_nothing(task) -> None:
    found = lesson(200 * torch.eye(3) - 100, torch.eye(3), task=task)
    assert found == pytest.approx(dict.fromkeys(found, 0), abs=1e-12)
