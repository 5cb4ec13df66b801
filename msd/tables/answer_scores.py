"""Metrics of answers in people's own words, from what each label would score as the answer to each question."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from msd.measure.vqa import Scores


def answer_metrics(logits: NDArray[np.float32], answers: Mapping[str, Scores]) -> dict[str, float]:
    """Metric -> mean score of the most probable label. logits: (N, C). answers: metric -> scores (N, C)."""
    return {metric: float(gold_share(logits, scores).mean()) for metric, scores in answers.items()}


def gold_share(logits: NDArray[np.float32], scores: Scores) -> NDArray[np.float64]:
    """Score (N,) of the most probable label, of logits and scores (N, C)."""
    return np.asarray(scores[np.arange(len(scores)), logits.argmax(axis=1)], dtype=np.float64)
