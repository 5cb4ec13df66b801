"""Metrics of answers in people's own words: what each label would score as the answer to each question."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyarrow.parquet import read_schema  # type: ignore[import-untyped]

from msd.measure.vqa import ANSWER_METRICS, FORMS, answer_share, compared

Scores = NDArray[np.float32]


def read_answer_scores(path: str, *, labels: Sequence[str]) -> dict[str, Scores]:
    """Metric -> `answer_scores` of a prepared table; empty for one without people's answers."""
    if "answers" not in read_schema(path).names:
        return {}
    people = pd.read_parquet(path, columns=["answers"])["answers"]
    return {metric: answer_scores(people, labels, always_normalise=always) for metric, always in ANSWER_METRICS.items()}


def answer_scores(people: Iterable[Sequence[str]], labels: Sequence[str], *, always_normalise: bool) -> Scores:
    """`msd.measure.vqa.vqa_accuracy` of every label (C) for the answers of every question (N): (N, C)."""
    places: dict[tuple[object, str], list[int]] = defaultdict(list)  # a label in each form -> where it stands
    for form in FORMS:
        for index, label in enumerate(labels):
            places[form, form(label)].append(index)
    given = list(people)
    scores = np.zeros((len(given), len(labels)), dtype=np.float32)
    for row, answers in enumerate(given):
        form, others = compared(list(answers), always_normalise=always_normalise)
        for answer, matches in Counter(others).items():
            scores[row, places.get((form, answer), [])] = answer_share(matches, len(others))
    return scores


def answer_metrics(logits: NDArray[np.float32], answers: Mapping[str, Scores]) -> dict[str, float]:
    """Metric -> mean score of the most probable label. logits: (N, C). answers: metric -> scores (N, C)."""
    return {metric: float(gold_share(logits, scores).mean()) for metric, scores in answers.items()}


def gold_share(logits: NDArray[np.float32], scores: Scores) -> NDArray[np.float64]:
    """Score (N,) of the most probable label, of logits and scores (N, C)."""
    return np.asarray(scores[np.arange(len(scores)), logits.argmax(axis=1)], dtype=np.float64)
