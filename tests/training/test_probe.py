"""The probe is logistic regression, as scikit-learn fits it."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from msd.errors import UserError
from msd.system.memory import free_memory
from msd.training.probe import _product, check_memory, fit


@pytest.mark.parametrize("strength", [0.03, 1.0])
def test_multiclass_equals_scikit_learn(strength: float) -> None:
    generator = np.random.default_rng(0)
    features, labels = generator.normal(size=(200, 12)), generator.integers(0, 3, 200)
    features[:, 0] += labels
    ours = fit(features, torch.from_numpy(labels), task="multiclass", labels=3, strength=strength)(features)
    theirs = LogisticRegression(C=strength, tol=1e-8, max_iter=1000).fit(features, labels)
    assert ours.softmax(1).numpy() == pytest.approx(theirs.predict_proba(features), abs=1e-3)


def test_multilabel_equals_one_scikit_learn_model_a_label() -> None:
    generator = np.random.default_rng(1)
    features = generator.normal(size=(150, 8))
    gold = (features[:, :2] + generator.normal(size=(150, 2))) > 0.3
    ours = fit(features, torch.from_numpy(gold).float(), task="multilabel", labels=2, strength=0.3)(features)
    for label in range(2):
        theirs = LogisticRegression(C=0.3, tol=1e-8, max_iter=1000).fit(features, gold[:, label])
        assert ours[:, label].sigmoid().numpy() == pytest.approx(theirs.predict_proba(features)[:, 1], abs=1e-3)


def test_a_training_set_of_fewer_samples_than_components_has_a_product_too() -> None:
    generator = np.random.default_rng(0)
    frozen = {name: (generator.normal(size=(10, 50)), generator.normal(size=(10, 7))) for name in ("train", "val")}
    assert {name: features.shape for name, features in _product(frozen).items()} == dict.fromkeys(frozen, (10, 10 * 7))


def test_what_does_not_fit_into_memory_is_refused_before_it_is_made() -> None:
    labels = free_memory() // 8  # a row of targets alone would fill it
    with pytest.raises(UserError, match=r"of 2 samples, for the logistic probe, need .* GB of memory"):
        check_memory(2, width=3, labels=labels)
