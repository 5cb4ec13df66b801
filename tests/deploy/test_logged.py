"""A study's students in a real MLflow server: found by dataset and method, loaded back, equal to themselves."""

from collections.abc import Iterator

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from shades import RUN, Made
from tracking_server import tracking_server

from msd.cli import main
from msd.config.contracts.tables import CollectParams
from msd.data.pictures import png
from msd.deploy.student import open_student
from msd.job import Job
from msd.running.run_job import run
from msd.tracking.chart import TAG

FILES = {"val": "val.parquet", "test": "test.parquet", "labels": "labels.json"}
CELL = "results/toy/cells/shades/finetune"


@pytest.fixture(scope="module")
def client(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowClient]:
    """A server that has the study, tracked twice."""
    data = {name: f"results/data/shades/{file}" for name, file in FILES.items()}
    files = {"metrics": "metrics.parquet", "runs": "run.yaml", "predictions": "predictions.safetensors"}
    params = {"study": "toy", "dataset": "shades", "method": "finetune", "title": "Fine-tuning", "search_seeds": [0, 1]}
    outputs = {"cell": "cell.json", "predictions": "predictions.safetensors", "record": "record.json"}
    run(
        Job(
            "collect",
            CollectParams.model_validate(params | {"metric": "accuracy", "task": "multiclass"}),
            data | {name: [f"{RUN}/{file}"] for name, file in files.items()},
            {name: f"{CELL}/{file}" for name, file in outputs.items()},
        )
    )
    with tracking_server(tmp_path_factory.mktemp("server")) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", address)
        assert main(["track", "toy"]) == 0
        assert main(["track", "toy"]) == 0
        mlflow.set_tracking_uri(address)
        yield MlflowClient(tracking_uri=address)


def test_a_model_is_found_by_dataset_and_method_and_answers_as_its_student_does(
    client: MlflowClient, made: Made
) -> None:
    experiment = client.get_experiment_by_name("msd/toy").experiment_id
    wanted = "tags.dataset = 'shades' AND tags.method = 'finetune'"
    [model] = client.search_logged_models([experiment], filter_string=wanted)
    assert not client.search_logged_models([experiment], filter_string="tags.method = 'kd'")
    [cell] = client.search_runs([experiment], f"{wanted} AND tags.rule = 'collect'")
    assert (model.source_run_id, cell.data.tags["msd.model"]) == (cell.info.run_id, model.model_id)
    loaded = mlflow.pyfunc.load_model(f"models:/{model.model_id}")
    pictures, texts = list(made.pictures.values()), made.texts
    found = loaded.predict(pd.DataFrame({"image": [png(picture) for picture in pictures], "text": texts}))
    answers = open_student(RUN).answers(pictures, texts)
    assert found.to_dict("records") == [dict(answer.labels) for answer in answers]
    assert list(found.columns) == ["röt", "blau", "grün"]


def test_parents_are_found_by_dataset_and_method_and_the_chart_is_saved(client: MlflowClient) -> None:
    experiment = client.get_experiment_by_name("msd/toy")
    [parent] = client.search_runs(
        [experiment.experiment_id], "tags.datasets LIKE '%shades%' AND tags.methods LIKE '%finetune%'"
    )
    assert parent.info.run_name == "toy"
    assert not client.search_runs([experiment.experiment_id], "tags.methods LIKE '%kd%'")
    [cell] = client.search_runs([experiment.experiment_id], "tags.rule = 'collect'")
    assert 0 <= cell.data.metrics["score/shades"] <= 1
    assert '"metricKey": "score/shades"' in experiment.tags[TAG]
