"""Scorers against scikit-learn on repeated samples."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from msd.measure.scorers import auroc_scorer, f1_scorer, mean_scorer


class TestScorers:
    """Integer weights must give what scikit-learn gives for the repeated rows."""

    rng = np.random.default_rng(3)
    samples = 60
    weights = rng.integers(0, 4, size=(5, samples)).astype(float)

    def repeated(self, values, row):
        return np.repeat(values, self.weights[row].astype(int), axis=0)

    def test_mean(self):
        values = self.rng.random(self.samples)
        expected = [self.repeated(values, row).mean() for row in range(5)]
        assert mean_scorer(values)(self.weights) == pytest.approx(expected)

    @pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
    def test_f1(self, average):
        gold, predicted = self.rng.random((self.samples, 4)) < 0.3, self.rng.random((self.samples, 4)) < 0.4
        predicted[:, 3] = gold[:, 3] = False  # a label that does not occur scores 0
        expected = [
            f1_score(self.repeated(gold, row), self.repeated(predicted, row), average=average, zero_division=0)
            for row in range(5)
        ]
        assert f1_scorer(predicted, gold, average=average)(self.weights) == pytest.approx(expected)

    def test_unknown_average(self):
        with pytest.raises(ValueError, match="average must be"):
            f1_scorer(np.ones((2, 1), bool), np.ones((2, 1), bool), average="mean")

    @pytest.mark.parametrize("decimals", [1, 8])
    def test_auroc_with_and_without_ties(self, decimals):
        positive = self.rng.random(self.samples) < 0.4
        scores = np.round(self.rng.random(self.samples) + 0.3 * positive, decimals)
        expected = [roc_auc_score(self.repeated(positive, row), self.repeated(scores, row)) for row in range(5)]
        assert auroc_scorer(scores, positive)(self.weights) == pytest.approx(expected)

    def test_auroc_of_one_class_is_undefined(self):
        assert np.isnan(auroc_scorer(np.arange(3.0), np.ones(3, bool))(np.ones((1, 3)))).all()
