"""Divergence from and agreement with the teacher, as metrics."""

import numpy as np
import pytest
import torch

from msd.distill.likeness import LIKENESS, agreement, mean_divergence
from msd.distill.losses import DATASET_TASKS
from msd.measure.scorers import score


@pytest.mark.parametrize("task", DATASET_TASKS)
def test_divergence_is_zero_for_the_teacher_itself(task: str) -> None:
    logits = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    assert mean_divergence(logits, logits, dataset_task=task) == pytest.approx(0, abs=1e-6)
    assert mean_divergence(-logits, logits, dataset_task=task) > 0.01


@pytest.mark.parametrize("task", DATASET_TASKS)
@pytest.mark.parametrize("name", LIKENESS)
def test_scorer_is_the_value_where_every_sample_weighs_one(name: str, task: str) -> None:
    student, teacher = np.random.default_rng(5).normal(0, 2, (2, 80, 4)).astype(np.float32)
    value = LIKENESS[name].value(student, teacher, task).value
    assert score(LIKENESS[name].scorer(student, teacher, task), 80) == pytest.approx(value)
    if name == "kl":
        assert value == mean_divergence(torch.from_numpy(student), torch.from_numpy(teacher), dataset_task=task)


def test_agreement() -> None:
    teacher = np.array([[1.0, -1.0, -2.0], [-1.0, 2.0, 1.0]])
    student = np.array([[0.5, 1.0, -1.0], [-2.0, 1.0, 0.5]])
    assert agreement(student, teacher, "multiclass").tolist() == [0, 1]
    assert agreement(student, teacher, "multilabel").tolist() == pytest.approx([2 / 3, 1])
    with pytest.raises(ValueError, match="does not fit"):
        agreement(student[:1], teacher, "vqa")


def test_closer_is_a_lower_divergence_and_a_higher_agreement() -> None:
    assert {name: one.better for name, one in LIKENESS.items()} == {"kl": "lower", "agreement": "higher"}


def test_a_divergence_is_the_same_a_block_of_samples_after_the_other(monkeypatch) -> None:
    student, teacher = torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(0))
    whole = mean_divergence(student, teacher, dataset_task="multiclass")
    monkeypatch.setattr("msd.data.rows.BLOCK", 3 * 4)
    assert mean_divergence(student, teacher, dataset_task="multiclass") == whole
