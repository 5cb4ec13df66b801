"""What the density figures show of predictions."""

import numpy as np
import pytest

from msd.report.densities import gold_probability


def test_gold_probability() -> None:
    even = np.zeros((2, 2), np.float32)
    assert gold_probability(even, np.array([0, 1]), dataset_task="binary") == pytest.approx([0.5, 0.5])
    sure = np.array([[0.0, np.log(3.0)], [0.0, np.log(3.0)]], np.float32)
    # binary: always that of the second class; multiclass: that of the gold class
    assert gold_probability(sure, np.array([0, 1]), dataset_task="binary") == pytest.approx([0.75, 0.75])
    assert gold_probability(sure, np.array([0, 1]), dataset_task="multiclass") == pytest.approx([0.25, 0.75])
    tags = np.array([[1, 1], [0, 1]], np.float32)
    assert gold_probability(sure, tags, dataset_task="multilabel") == pytest.approx([0.5, 0.75, 0.75])
    answers = np.array([[0.3, 1.0], [1.0, 0.3]], np.float32)
    assert gold_probability(sure, answers, dataset_task="vqa") == pytest.approx([0.75, 0.5])
