"""Metrics of answers in people's own words, where a prepared table has these."""

from collections.abc import Mapping, Sequence

from msd.data.prepared_table import read_answers
from msd.measure.metric import METRICS
from msd.measure.scorers import Array
from msd.measure.vqa import answer_scores


def read_answer_scores(path: str, *, labels: Sequence[str]) -> dict[str, Array]:
    """Metric -> `answer_scores` of a prepared table; empty for one without people's answers."""
    people = read_answers(path)
    return {
        one.name: answer_scores(people, labels, always_normalise=one.always_normalise)
        for one in METRICS.values()
        if people is not None and one.always_normalise is not None
    }


def answer_metrics(logits: Array, answers: Mapping[str, Array]) -> dict[str, float]:
    """Metric -> its value. logits: (N, C). answers: metric -> scores (N, C) of the labels as answers."""
    return {name: METRICS[name].value(logits, scores, "vqa").number for name, scores in answers.items()}
