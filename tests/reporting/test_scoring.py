"""Scorers agree with `evaluate`; chance levels and gold probabilities are the known ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from msd.measure.metric import evaluate, mean_divergence
from msd.tables.scoring import best_constant, divergence_scorer, gold_probability, score, scorer

RNG = np.random.default_rng(5)
N = 80


def targets_of(task, labels):
    if task in ("binary", "multiclass"):
        return RNG.integers(0, labels, N)
    scores = RNG.choice([0.0, 0.3, 1.0], (N, labels), p=[0.6, 0.2, 0.2]).astype(np.float32)
    return (scores > 0.5).astype(np.float32) if task == "multilabel" else scores


@pytest.mark.parametrize(("task", "labels"), [("binary", 2), ("multiclass", 4), ("multilabel", 5), ("vqa", 6)])
def test_scorers_equal_evaluate(task, labels):
    logits, targets = RNG.normal(0, 1, (N, labels)).astype(np.float32), targets_of(task, labels)
    values = evaluate(torch.from_numpy(logits), torch.from_numpy(targets), dataset_task=task)
    for metric, value in values.items():
        found = scorer(metric, logits, targets)
        if metric == "micro_ap":
            assert found is None
        else:
            assert score(found, N) == pytest.approx(value, abs=1e-7), metric


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_divergence_scorer_equals_the_mean_divergence(task):
    student, teacher = (torch.from_numpy(RNG.normal(0, 2, (N, 4)).astype(np.float32)) for _ in range(2))
    found = score(divergence_scorer(student.numpy(), teacher.numpy(), dataset_task=task), N)
    assert found == pytest.approx(mean_divergence(student, teacher, dataset_task=task))


def test_best_constant_of_classes_is_the_most_frequent_one():
    targets = np.array([0, 1, 1, 1, 2])
    assert score(best_constant("accuracy", targets, labels=3, dataset_task="multiclass"), 5) == 0.6
    balanced = np.array([0, 1] * 5)
    assert score(best_constant("auroc", balanced, labels=2, dataset_task="binary"), 10) == 0.5


def test_best_constant_of_answers_is_the_best_paid_one():
    targets = np.array([[1.0, 0.3], [0.0, 0.3], [0.0, 1.0]])
    assert score(best_constant("accuracy", targets, labels=2, dataset_task="vqa"), 3) == pytest.approx(1.6 / 3)


def test_best_constant_of_tags_is_the_best_set():
    # Label 0 always, label 1 in half of the samples: {0} has F1 2·4/(4+6) = .8, {0, 1} has 2·6/(8+6) = 6/7.
    targets = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]], dtype=np.float32)
    assert score(best_constant("micro_f1", targets, labels=3, dataset_task="multilabel"), 4) == pytest.approx(6 / 7)


def test_gold_probability():
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
