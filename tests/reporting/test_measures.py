"""Measures of predictions: equal to scikit-learn on ties, one class and empty labels; agreement and calibration."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from msd.tables.measures import agreement, expected_calibration_error, measures

RNG = np.random.default_rng(5)


def test_binary_with_ties_is_scikit_learn():
    logits = RNG.integers(-1, 2, size=(80, 2)).astype(float)
    targets = RNG.integers(0, 2, size=80)
    found = measures(logits, targets, dataset_task="binary")
    assert found["auroc"].value == roc_auc_score(targets, logits[:, 1] - logits[:, 0])
    assert found["accuracy"].value == accuracy_score(targets, logits.argmax(1))
    for average in ("micro", "macro", "weighted"):
        assert found[f"{average}_f1"].value == f1_score(targets, logits.argmax(1), average=average)


def test_one_class_has_no_auroc_and_says_why():
    found = measures(RNG.normal(size=(9, 2)), np.zeros(9, dtype=int), dataset_task="binary")
    assert found["auroc"] == (None, "AUROC is undefined: no sample is of class 1")
    assert found["accuracy"].value is not None


def test_multiclass_counts_classes_that_do_not_occur():
    logits, targets = RNG.normal(size=(60, 4)), RNG.integers(0, 3, size=60)
    found = measures(logits, targets, dataset_task="multiclass")
    expected = f1_score(targets, logits.argmax(1), average="macro", labels=range(4), zero_division=0)
    assert found["macro_f1"].value == expected
    assert found["auroc"].why == "AUROC is undefined: no sample is of class 3"
    everything = np.arange(60) % 4
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = measures(logits, everything, dataset_task="multiclass")
    assert found["auroc"].value == pytest.approx(roc_auc_score(everything, probability, multi_class="ovr"))


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", "samples"])
def test_multilabel_with_empty_rows_and_labels_is_scikit_learn(average):
    logits, targets = RNG.normal(size=(40, 5)), (RNG.random((40, 5)) < 0.3).astype(np.float32)
    targets[:5], logits[:3], targets[:, 4], logits[:, 4] = 0, -1, 0, -1
    found = measures(logits, targets, dataset_task="multilabel")
    assert found[f"{average}_f1"].value == f1_score(targets > 0.5, logits > 0, average=average, zero_division=0)
    assert found["auroc"].value == roc_auc_score((targets > 0.5).ravel(), logits.ravel())


def test_multilabel_without_any_gold_label():
    found = measures(np.full((6, 3), -1.0), np.zeros((6, 3)), dataset_task="multilabel")
    assert found["micro_f1"].value == found["samples_f1"].value == 0
    assert found["accuracy"].value == 1
    assert found["auroc"].value is found["ap"].value is None
    assert "no label" in found["ap"].why


def test_vqa_accuracy_is_the_score_of_the_chosen_answer():
    targets = np.array([[0.3, 1.0], [0.6, 0.0]])
    found = measures(np.array([[2.0, 1.0], [3.0, 0.0]]), targets, dataset_task="vqa")
    assert found["accuracy"].value == pytest.approx(0.45)


def test_empty_predictions_are_refused():
    with pytest.raises(ValueError, match="N > 0"):
        measures(np.zeros((0, 2)), np.zeros(0), dataset_task="binary")


def test_agreement():
    teacher = np.array([[1.0, -1.0, -2.0], [-1.0, 2.0, 1.0]])
    student = np.array([[0.5, 1.0, -1.0], [-2.0, 1.0, 0.5]])
    assert agreement(student, teacher, dataset_task="multiclass").tolist() == [0, 1]
    assert agreement(student, teacher, dataset_task="multilabel").tolist() == pytest.approx([2 / 3, 1])
    with pytest.raises(ValueError, match="does not fit"):
        agreement(student[:1], teacher, dataset_task="vqa")


def test_calibration_error_by_hand():
    """Eight answers at probability .8 of which four are right, two at .6 of which both are: .8·.3 + .2·.4."""
    sure, unsure = np.log(0.8 / 0.2), np.log(0.6 / 0.4)
    logits = np.array([[0, sure]] * 8 + [[0, unsure]] * 2)
    targets = np.array([1, 1, 1, 1, 0, 0, 0, 0, 1, 1])
    assert expected_calibration_error(logits, targets, dataset_task="binary") == pytest.approx(0.8 * 0.3 + 0.2 * 0.4)
    both = np.stack([targets, 1 - targets], axis=1).astype(float)
    sided = np.stack([logits[:, 1], -logits[:, 1]], axis=1)
    assert expected_calibration_error(sided, both, dataset_task="multilabel") == pytest.approx(0.8 * 0.3 + 0.2 * 0.4)
    assert expected_calibration_error(np.array([[50.0, 0.0]]), np.array([0]), dataset_task="binary") == pytest.approx(0)
