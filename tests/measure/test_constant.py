"""Chance levels by hand."""

import numpy as np
import pytest

from msd.measure.constant import best_constant
from msd.measure.scorers import score

TAGS = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("metric", "task", "labels", "targets", "expected"),
    [
        pytest.param("accuracy", "multiclass", 3, np.array([0, 1, 1, 1, 2]), 0.6, id="the most frequent class"),
        pytest.param("auroc", "binary", 2, np.array([0, 1] * 5), 0.5, id="half"),
        pytest.param("accuracy", "vqa", 2, np.array([[1, 0.3], [0, 0.3], [0, 1]]), 1.6 / 3, id="the best-paid answer"),
        # Label 0 always, label 1 in half of the samples: {0} has F1 2·4/(4+6) = .8, {0, 1} has 2·6/(8+6) = 6/7.
        pytest.param("micro_f1", "multilabel", 3, TAGS, 6 / 7, id="the best set of tags"),
    ],
)
def test_best_constant(metric: str, task: str, labels: int, targets: np.ndarray, expected: float) -> None:
    constant = best_constant(metric, targets, labels=labels, dataset_task=task)
    assert score(constant, len(targets)) == pytest.approx(expected)
