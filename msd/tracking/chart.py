"""A view of MLflow's page, saved with the experiment: the test scores of all methods, a chart for each dataset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHART = "scores-by-method"
TAG = f"mlflow.sharedViewState.{CHART}"
"""Where MLflow's page keeps a view that is shared, as JSON."""


MOST = 20  # charts: MLflow takes no tag of more than 5,000 characters


def score_name(dataset: str) -> str:
    """The metric of a cell that its dataset's chart shows."""
    return f"score/{dataset}"


def save_chart(client: MlflowClient, experiment: str, datasets: list[str]) -> None:
    """Save the view with an experiment, unless it is there."""
    section = {"uuid": CHART, "name": "Test score by method", "display": True, "isReordered": False}
    bars = [
        {
            "type": "BAR",
            "uuid": f"{CHART}-{dataset}",
            "metricKey": score_name(dataset),
            "metricSectionId": CHART,
            "runsCountToCompare": 50,
            "deleted": False,
            "isGenerated": False,
        }
        for dataset in datasets[:MOST]
    ]
    view = {
        "searchFilter": "tags.rule = 'collect'",
        "groupBy": {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": "method"}]},
        "hideEmptyCharts": True,
        "compareRunSections": [section],
        "compareRunCharts": bars,
    }
    text = json.dumps(view)
    if client.get_experiment(experiment).tags.get(TAG) != text:
        client.set_experiment_tag(experiment, TAG, text)
