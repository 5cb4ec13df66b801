"""The chance level of a metric: the best answer that does not look at the sample."""

from collections.abc import Iterator

import numpy as np

from msd.measure.metric import METRICS
from msd.measure.scorers import Array, Scorer, score


def best_constant(metric: str, targets: Array, *, labels: int, dataset_task: str) -> Scorer:
    """Scorer of the best answer that does not look at the sample, chosen on the test split itself (so: generous).

    One class or answer always; for multi-label data always the same set, the k most frequent labels for the best k.
    """
    candidates = (
        METRICS[metric].scorer(np.broadcast_to(logits, (len(targets), labels)), targets, dataset_task)
        for logits in _constants(targets, labels=labels, dataset_task=dataset_task)
    )
    return max(candidates, key=lambda scorer: score(scorer, len(targets)))


def _constants(targets: Array, *, labels: int, dataset_task: str) -> Iterator[Array]:
    """Logits (C,) of the constant answers to try."""
    if dataset_task == "vqa":  # thousands of answers, one of which is clearly best
        yield np.eye(labels, dtype=np.float32)[targets.sum(axis=0).argmax()]
        return
    if dataset_task != "multilabel":
        yield from np.eye(labels, dtype=np.float32)
        return
    yield (targets > 0.5).mean(axis=0)  # the best order of labels
    frequent = np.argsort(-(targets > 0.5).sum(axis=0), kind="stable")
    for k in range(1, labels + 1):
        logits = np.full(labels, -1.0, dtype=np.float32)
        logits[frequent[:k]] = 1.0
        yield logits
