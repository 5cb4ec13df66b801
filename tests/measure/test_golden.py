"""The papers' metrics on values that are known beforehand: of the data sets' sizes, or of scikit-learn as they use it."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score

from msd.measure.metric import METRICS, measures
from msd.measure.vqa import answer_scores

SNLI_VE = {"val": (5959, 5960, 5939), "test": (5973, 5964, 5964)}
"""Pairs of entailment, neutral and contradiction that are published."""


@pytest.mark.parametrize(("split", "expected"), [("val", 5960 / 17858), ("test", 5973 / 17901)])
def test_accuracy_of_one_answer_is_its_share_of_snli_ve(split: str, expected: float) -> None:
    gold = np.repeat(np.arange(3), SNLI_VE[split])
    found = [measures(np.eye(3)[[label] * len(gold)], gold, dataset_task="multiclass") for label in range(3)]
    assert max(each["accuracy"].number for each in found) == pytest.approx(expected, abs=1e-12)
    assert sum(each["accuracy"].number for each in found) == pytest.approx(1)


def test_auroc_and_accuracy_of_hateful_memes_are_scikit_learns_with_its_defaults() -> None:
    """Logits in float32 as a model gives them; their softmax would tie what they tell apart."""
    rng = np.random.default_rng(0)
    gold = np.repeat([0, 1], [253, 247])
    logits = rng.normal(size=(500, 2)).astype(np.float32) + np.eye(2, dtype=np.float32)[gold]
    logits[:40] = logits[40:80]
    found = measures(logits, gold, dataset_task="binary")
    margin = logits[:, 1].astype(float) - logits[:, 0]
    assert found["auroc"].number == pytest.approx(roc_auc_score(gold, expit(margin)), abs=1e-12)
    assert found["accuracy"].number == pytest.approx(accuracy_score(gold, expit(margin) > 0.5), abs=1e-12)
    surely = measures(logits + np.array([0.0, 60.0], np.float32), gold, dataset_task="binary")
    assert surely["auroc"].number == pytest.approx(found["auroc"].number, abs=1e-3)
    assert surely["accuracy"].number == pytest.approx(247 / 500)
    seen = measures(np.zeros((500, 2), np.float32), gold, dataset_task="binary")
    assert (seen["auroc"].number, seen["accuracy"].number) == (0.5, 253 / 500)


def test_f1_and_average_precision_of_mm_imdb_are_scikit_learns_with_a_strict_threshold() -> None:
    rng = np.random.default_rng(0)
    gold = (rng.random((300, 23)) < np.linspace(0.5, 0.02, 23)).astype(np.float32)
    logits = (2 * gold - 1 + rng.normal(size=gold.shape) * 2).astype(np.float32)
    logits[:, 3] = 0  # σ(0) = ½ is no "yes", as in both released codes
    gold[:7] = 0
    found = measures(logits, gold, dataset_task="multilabel", further=["macro_f1_mmf"])
    predicted = expit(logits.astype(float)) > 0.5
    for average in ("micro", "macro", "weighted", "samples"):
        expected = f1_score(gold, predicted, average=average, zero_division=0)
        assert found[f"{average}_f1"].number == pytest.approx(expected, abs=1e-12)
    assert found["micro_ap"].number == pytest.approx(average_precision_score(gold, logits, average="micro"), abs=1e-12)
    assert found["macro_f1_mmf"].number / found["macro_f1"].number == pytest.approx(0.958333, abs=1e-6)


@pytest.mark.parametrize(("always", "upper"), [(False, 2 / 3), (True, 1.0)])
def test_vqa_accuracy_of_the_three_kinds_of_answers(always: bool, upper: float) -> None:
    """Main answers are all right; in capitals, those to which all ten people agreed are wrong in the official form."""
    people = [
        ["red"] * 7 + ["light red"] * 2 + ["Dark red"],
        ["yes"] * 10,
        ["1"] * 4 + ["one"] * 3 + ["2"] * 2 + ["none"],
    ]
    labels = ["red", "yes", "1", "RED", "YES", "ONE", "2", "0", "dark red"]
    scores = answer_scores(people, labels, always_normalise=always)

    def accuracy(*answers: str) -> float:
        logits = np.eye(len(labels))[[labels.index(one) for one in answers]]
        name = "vqa_accuracy_normalised" if always else "vqa_accuracy"
        return METRICS[name].value(logits, scores, "vqa").number

    assert accuracy("red", "yes", "1") == pytest.approx(1)
    assert accuracy("RED", "YES", "ONE") == pytest.approx(upper)
    assert 3 * accuracy("red", "yes", "2") - 2 == pytest.approx(0.6)
    assert 3 * accuracy("red", "yes", "0") - 2 == pytest.approx(0.3)
    assert 3 * accuracy("dark red", "yes", "1") - 2 == pytest.approx(0.3)
