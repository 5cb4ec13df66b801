"""Students in MLflow: of each cell of a study the one that its tables speak of, as a model that MLflow loads by itself.

`mlflow.pyfunc.load_model("models:/<id>").predict(frame)` takes the columns `image` (bytes of a picture's file) and
`text`, and gives a column of probabilities for each label. This module is the loader that the model's MLmodel names.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msd.deploy.bundle import write_student
from msd.deploy.run import Run, features_of, is_whole, logits_of, open_run
from msd.deploy.student import Student, read_description, read_labels, read_tokens
from msd.system.text_file import read_json
from msd.tracking import RECORD, TrackResult, experiment_runs

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run as LoggedRun

MODEL = "msd.model"
"""Tag of a cell's run: the model that was logged for it."""
NETWORK, WEIGHTS = "extractor.json", "extractor"


def log_students(tracked: TrackResult, project: Path) -> str:
    """Log the students of a study's cells that have none in MLflow yet; a sentence on what was done.

    A cell whose student's files are not here, since DVC brought others alone, is left for a later call.
    """
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracked.uri)
    experiment = client.get_experiment_by_name(tracked.experiment)
    assert experiment is not None, "track has made it"
    runs = experiment_runs(client, experiment.experiment_id)
    logged, absent = 0, 0
    for cell in (run for run in runs if run.data.tags.get("rule") == "collect" and MODEL not in run.data.tags):
        place = _student_of(project / cell.data.tags[RECORD])
        if place is None:
            absent += 1
        else:
            _log(client, cell, open_run(place))
            logged += 1
    return f"{logged} models logged" + (f", {absent} whose files are not here were not" if absent else "")


def _student_of(record: Path) -> Path | None:
    """The run of the variant that a cell chose, where its models are here."""
    cell = read_json(record.with_name("cell.json"))
    runs = next(item["runs"] for item in cell["variants"] if item["variant"] == cell["selected"])
    return next((Path(run) for run in runs if is_whole(Path(run))), None)


def _log(client: MlflowClient, cell: LoggedRun, run: Run) -> None:
    tags = {key: cell.data.tags[key] for key in ("dataset", "method")} | {"seed": str(run.seed)}
    with tempfile.TemporaryDirectory() as folder:
        save(run, Path(folder))
        model = client.create_logged_model(cell.info.experiment_id, run.name, cell.info.run_id, tags)
        client.log_model_artifacts(model.model_id, f"{folder}/model")
    client.finalize_logged_model(model.model_id, "READY")
    client.set_tag(cell.info.run_id, MODEL, model.model_id)  # last, so that an upload that broke off is made again


def save(run: Run, folder: Path) -> None:
    """Write a run's student as a model of MLflow's flavour pyfunc into folder/model."""
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import save_model
    from mlflow.types.schema import ColSpec, Schema

    data = folder / "student"
    data.mkdir()
    write_student(run, data)
    weights = [Path(path) for path in run.features["inputs"]["weights"]]
    (data / WEIGHTS).mkdir()
    for path in weights:
        shutil.copyfile(path, data / WEIGHTS / path.name)
    network = {"module": run.features["params"]["module"], "weights": [path.name for path in weights]}
    (data / NETWORK).write_text(json.dumps(network), encoding="utf-8")
    labels = Schema([ColSpec("double", label) for label in run.labels])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*input example")  # it would be a picture of the data set
        save_model(
            folder / "model",
            loader_module=__name__,
            data_path=str(data),
            signature=ModelSignature(Schema([ColSpec("binary", "image"), ColSpec("string", "text")]), labels),
            pip_requirements=[f"{name}=={metadata.version(name)}" for name in ("msd", "torch")],
        )


class Answering:
    """What MLflow asks: `predict` of a frame with the columns image and text."""

    def __init__(self, student: Student) -> None:
        self.student = student

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Probabilities of all labels, a column each, in the order of the frame."""
        import pandas as pd

        from msd.data.pictures import rgb

        pictures = [rgb(content, name=f"row {row}") for row, content in enumerate(frame["image"])]
        answers = self.student.answers(pictures, list(frame["text"]))
        return pd.DataFrame([dict(answer.labels) for answer in answers])[self.student.labels]


def _load_pyfunc(path: str) -> Answering:
    """MLflow's way to load what `save` wrote."""
    from msd.distill.losses import DATASET_TASKS
    from msd.features.extract import find
    from msd.models.files import load_model
    from msd.models.visualbert import VisualBertClassifier

    folder = Path(path)
    how, network = read_description(folder), read_json(folder / NETWORK)
    model = load_model(config=str(folder / "config.json"), weights=str(folder / "model.safetensors"))
    assert isinstance(model, VisualBertClassifier), "as every student is"
    labels, tokenizer = read_labels(folder / "labels.json"), read_tokens(folder, how.max_tokens)
    weights = [folder / WEIGHTS / file for file in network["weights"]]
    extractor = cache(lambda: find(network["module"]).build(weights, size=how.picture.size))
    logits, features = logits_of(model.eval(), how.removal), features_of(extractor)
    return Answering(Student(how.name, labels, DATASET_TASKS[how.dataset_task], how, tokenizer, logits, features))
