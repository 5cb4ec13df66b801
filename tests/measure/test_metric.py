"""Every metric of the registry: its value by an independent formula, its scorer, why it is undefined, and its tasks."""

import math

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score

from msd.measure.metric import METRICS, TASKS, evaluate, measures, primary_metrics, requested_metrics, tuned_f1
from msd.measure.scorers import score
from msd.measure.values import best_threshold

N = 80
LABELS = {"binary": 2, "multiclass": 4, "multilabel": 5, "vqa": 6}
FITTING = [
    (name, task)
    for name, one in METRICS.items()
    for task in TASKS
    if task in {*one.watched, *one.reported, *one.requested}
]


def predictions(task: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits with ties, and targets; multilabel: with samples and a label that have nothing gold or predicted."""
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 1, (N, LABELS[task])).round(1).astype(np.float32)
    if task in ("binary", "multiclass"):
        return logits, rng.integers(0, LABELS[task], N)
    scores = rng.choice([0.0, 0.3, 1.0], logits.shape, p=[0.6, 0.2, 0.2]).astype(np.float32)
    if task == "vqa":
        return logits, scores
    gold = (scores > 0.5).astype(np.float32)
    gold[:5], logits[:3], gold[:, 4], logits[:, 4] = 0, -1, 0, -1
    return logits, gold


def independent(name: str, task: str, logits: np.ndarray, targets: np.ndarray) -> float:
    """The metric by scikit-learn, or by its definition."""
    several = task == "multilabel"
    gold, predicted = (targets > 0.5, logits > 0) if several else (targets, logits.argmax(1))
    if name == "macro_f1_mmf":
        gold, predicted = (np.insert(one, 0, 0, axis=1) for one in (gold, predicted))  # MMF's <unk>, of nothing
        return f1_score(gold, predicted, average="macro", zero_division=0)
    if name.endswith("_f1"):
        labels = None if several else range(logits.shape[1])
        return f1_score(gold, predicted, average=name.removesuffix("_f1"), labels=labels, zero_division=0)
    if name.endswith("ap"):
        return average_precision_score(gold.ravel(), logits.ravel())
    if name == "auroc" and several:
        return roc_auc_score(gold.ravel(), logits.ravel())
    if name == "auroc":
        shares = softmax(logits.astype(float), axis=1)
        return roc_auc_score(gold, shares[:, 1] if task == "binary" else shares, multi_class="ovr")
    right = np.take_along_axis(targets, predicted[:, None], 1)[:, 0] if task == "vqa" else np.array(gold == predicted)
    if name != "ece":
        return float(right.mean()) if task == "vqa" else accuracy_score(gold, predicted)
    shares = softmax(logits.astype(float), axis=1) if task in ("binary", "multiclass") else expit(logits.astype(float))
    sure = np.maximum(shares, 1 - shares) if several else shares.max(1)
    bins = [(sure > low / 15) & (sure <= (low + 1) / 15) for low in range(15)]
    return sum(abs(right[of_bin].astype(float).sum() - sure[of_bin].sum()) for of_bin in bins) / sure.size


@pytest.mark.parametrize(("name", "task"), FITTING)
def test_a_value_is_that_of_an_independent_formula(name: str, task: str) -> None:
    logits, targets = predictions(task)
    value = METRICS[name].value(logits, targets, task).value
    assert value == pytest.approx(independent(name, task, logits, targets), abs=1e-7)


@pytest.mark.parametrize(("name", "task"), [(name, task) for task in TASKS for name in primary_metrics(task)])
def test_a_scorer_is_the_value_where_every_sample_weighs_one_and_on_repeated_samples(name: str, task: str) -> None:
    logits, targets = predictions(task)
    metric = METRICS[name]
    assert score(metric.scorer(logits, targets, task), N) == pytest.approx(
        metric.value(logits, targets, task).value, abs=1e-7
    )
    times = np.random.default_rng(0).integers(0, 3, N)
    again = metric.value(np.repeat(logits, times, axis=0), np.repeat(targets, times, axis=0), task).value
    assert metric.scorer(logits, targets, task)(times[None].astype(float)) == pytest.approx(again, abs=1e-6)


@pytest.mark.parametrize("name", [name for name, one in METRICS.items() if one.resampled is None])
def test_a_metric_without_scorer_is_no_primary_metric(name: str) -> None:
    assert not any(name in primary_metrics(task) for task in TASKS)
    with pytest.raises(ValueError, match=f"^{name}: has no scorer"):
        METRICS[name].scorer(np.zeros((1, 2)), np.zeros(1, int), "binary")


@pytest.mark.parametrize(
    ("name", "task", "targets", "why"),
    [
        ("auroc", "binary", np.zeros(9, int), "AUROC is undefined: no sample is of class 1"),
        ("auroc", "multiclass", np.arange(9) % 3, "AUROC is undefined: no sample is of class 3"),
        ("auroc", "multilabel", np.zeros((9, 5)), "AUROC is undefined: no label, or every label, is gold"),
        ("auroc", "multilabel", np.ones((9, 5)), "AUROC is undefined: no label, or every label, is gold"),
        ("micro_ap", "multilabel", np.zeros((9, 5)), "average precision is undefined: no label is gold"),
    ],
)
def test_an_undefined_metric_says_why(name: str, task: str, targets: np.ndarray, why: str) -> None:
    logits = np.full((9, LABELS[task]), -1.0)
    measured = METRICS[name].value(logits, targets, task)
    assert measured == (None, why)
    assert math.isnan(measured.number)
    if name == "micro_ap":
        assert math.isnan(score(METRICS[name].scorer(logits, targets, task), 9))


def test_without_any_gold_label_f1_is_zero_and_silence_is_right() -> None:
    measured = measures(np.full((6, 3), -1.0), np.zeros((6, 3)), dataset_task="multilabel")
    assert {measured[f"{average}_f1"].value for average in ("micro", "macro", "weighted", "samples")} == {0}
    assert measured["accuracy"].value == 1
    assert measured["micro_ap"].value is None
    spoken = METRICS["weighted_f1"].scorer(np.ones((6, 3)), np.zeros((6, 3)), "multilabel")
    assert score(spoken, 6) == 0


def test_a_requested_metric_is_measured_for_who_asks_alone() -> None:
    logits, targets = predictions("multilabel")
    plain = measures(logits, targets, dataset_task="multilabel")
    asked = measures(logits, targets, dataset_task="multilabel", further=requested_metrics("multilabel"))
    assert asked.keys() - plain.keys() == {"macro_f1_mmf"}
    assert asked["macro_f1_mmf"].value == pytest.approx(5 / 6 * plain["macro_f1"].value)
    assert [requested_metrics(task) for task in ("binary", "multiclass", "vqa")] == [(), (), ()]


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("binary", ["auroc", "accuracy"]),
        ("multiclass", ["accuracy", "macro_f1"]),
        ("multilabel", ["micro_ap", "micro_f1", "macro_f1", "weighted_f1", "samples_f1"]),
        ("vqa", ["accuracy"]),
    ],
)
def test_a_run_states_these_metrics_in_this_order(task: str, names: list[str]) -> None:
    logits, targets = predictions(task)
    values = evaluate(torch.from_numpy(logits), torch.from_numpy(targets), dataset_task=task)
    assert list(values) == names
    assert values == {name: METRICS[name].value(logits, targets, task).value for name in names}
    of_people = ["vqa_accuracy", "vqa_accuracy_normalised"] if task == "vqa" else []
    assert list(primary_metrics(task)) == names + of_people


def test_titles_and_directions() -> None:
    primary = {name for task in TASKS for name in primary_metrics(task)}
    titles = {name: one.title for name, one in METRICS.items() if name in primary}
    assert titles == {
        "auroc": "AUROC",
        "accuracy": "accuracy",
        "micro_ap": "micro-AP",
        "micro_f1": "micro-F1",
        "macro_f1": "macro-F1",
        "weighted_f1": "weighted-F1",
        "samples_f1": "samples-F1",
        "vqa_accuracy": "VQA accuracy, official",
        "vqa_accuracy_normalised": "VQA accuracy, always normalised",
    }
    assert [name for name, one in METRICS.items() if one.better == "lower"] == ["ece"]


def test_calibration_error_by_hand() -> None:
    """Eight answers at probability .8 of which four are right, two at .6 of which both are: .8·.3 + .2·.4."""
    ece = METRICS["ece"].value
    sure, unsure = np.log(0.8 / 0.2), np.log(0.6 / 0.4)
    logits = np.array([[0, sure]] * 8 + [[0, unsure]] * 2)
    targets = np.array([1, 1, 1, 1, 0, 0, 0, 0, 1, 1])
    assert ece(logits, targets, "binary").value == pytest.approx(0.8 * 0.3 + 0.2 * 0.4)
    both = np.stack([targets, 1 - targets], axis=1).astype(float)
    sided = np.stack([logits[:, 1], -logits[:, 1]], axis=1)
    assert ece(sided, both, "multilabel").value == pytest.approx(0.8 * 0.3 + 0.2 * 0.4)
    assert ece(np.array([[50.0, 0.0]]), np.array([0]), "binary").value == pytest.approx(0)


@pytest.mark.parametrize(
    ("logits", "targets", "task", "name"),
    [
        (torch.zeros(2, 2), torch.tensor([0, 1]), "ranking", "dataset_task"),
        (torch.zeros(2, 2), torch.tensor([0]), "binary", "logits"),
        (torch.zeros(0, 2), torch.zeros(0), "binary", "logits"),
        (torch.zeros(2, 3), torch.tensor([0, 1]), "binary", "logits"),
        (torch.full((1, 2), math.nan), torch.tensor([0]), "binary", "logits"),
        (torch.zeros(2, 2), torch.tensor([0, 1]), "multilabel", "targets"),
        (torch.zeros(2, 2), torch.zeros(2, 3), "vqa", "targets"),
        (torch.zeros(2, 2), torch.tensor([0, 5]), "binary", "targets"),
        (torch.zeros(2, 2), torch.tensor([0, -1]), "multiclass", "targets"),
        (torch.zeros(2, 2), torch.full((2, 2), math.nan), "multilabel", "targets"),
    ],
)
def test_bad_arguments_are_named(logits: torch.Tensor, targets: torch.Tensor, task: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        evaluate(logits, targets, dataset_task=task)


def test_the_threshold_has_the_best_micro_f1() -> None:
    rng = np.random.default_rng(0)
    gold = (rng.random((40, 5)) < 0.2).astype(np.float32)
    logits = gold + rng.normal(size=(40, 5))
    found = best_threshold(logits, gold, "multilabel")
    reached = f1_score(gold, logits > found, average="micro")
    tried = [f1_score(gold, logits > threshold, average="micro") for threshold in logits.ravel()]
    assert reached == pytest.approx(max(tried))
    assert reached > f1_score(gold, logits > 2, average="micro")


def test_a_shift_of_all_logits_shifts_the_threshold() -> None:
    gold = np.array([[1.0, 0], [0, 1], [0, 0]])
    logits = np.array([[-3.0, -5], [-5, -2], [-6, -5]])
    found = best_threshold(logits, gold, "multilabel")
    assert found == pytest.approx(-4)
    assert best_threshold(logits + 7, gold, "multilabel") == pytest.approx(3)


def test_classes_need_no_threshold_and_all_labels_may_be_gold() -> None:
    assert best_threshold(np.ones((4, 3)), np.array([0, 1, 2, 0]), "multiclass") == 0
    logits = np.array([[1.0, 2.0]])
    assert best_threshold(logits, np.ones((1, 2)), "multilabel") < 1


def test_tuned_f1_takes_its_threshold_from_validation_alone() -> None:
    logits, gold = np.array([[-3.0, -5], [-5, -2], [-6, -5]]), np.array([[1.0, 0], [0, 1], [0, 0]])
    threshold, values = tuned_f1((logits, gold), (logits + 1.5, 1 - gold))
    assert threshold == pytest.approx(-4)
    assert values == {"val": 1.0, "test": pytest.approx(f1_score(1 - gold, logits + 1.5 > -4, average="micro"))}


@pytest.mark.parametrize("task", TASKS)
def test_training_sees_the_same_scores_a_block_of_samples_after_the_other(task: str, monkeypatch) -> None:
    logits, targets = (torch.from_numpy(values) for values in predictions(task))
    whole = evaluate(logits, targets, dataset_task=task)
    monkeypatch.setattr("msd.measure.metric.BLOCK", 3 * logits.shape[1])
    assert evaluate(logits, targets, dataset_task=task) == pytest.approx(whole, abs=0, nan_ok=True)
