"""Import into a real MLflow database: everything once, nothing half, curves thinned, names accepted."""

from __future__ import annotations

import hashlib
import json
import math
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas
import pytest

from msd.errors import UserError
from msd.job import STAGES, Job, run
from msd.tracking import TrackResult, track
from msd.tracking.values import MAX_POINTS, RUN_POINTS

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

RESULTS = Path("results")
STUDENT = "results/tiny/students/numbers/kd/base/seeds-0-1"
STEPS = 1300


def learn(job: Job) -> dict[str, float]:
    """Stage: writes curves of two seeds with known values where asked for, and two metrics."""
    for name, path in job.outputs.items():
        if name == "history":
            rows = [
                {"seed": seed, "step": step, "epoch": step // 100, "term": term, "value": float(step + seed)}
                for seed in (0, 1)
                for term in ("loss", "kd/both")
                for step in range(STEPS)
            ]
            rows.append({"seed": 0, "step": 0, "epoch": 0, "term": "val/f1 @ all", "value": 0.5})
            rows.append({"seed": 0, "step": 1, "epoch": 0, "term": "val/f1 @ all", "value": math.nan})
            kept = {"seed": 1, "step": 4, "epoch": 0, "term": "weight/text"}
            rows += [{**kept, "value": value, "sample": sample} for sample, value in enumerate((1.0, 2.0))]
            pandas.DataFrame(rows).to_parquet(path)
        elif name not in ("record", "metrics"):
            Path(path).write_text("7")
    return {"accuracy": 0.75, "image/auroc": math.nan}


def step(rule: str, folder: str, inputs: list[str], outputs: dict[str, str]) -> None:
    named = {name: f"results/{folder}/{file}" for name, file in {**outputs, "record": "record.json"}.items()}
    params = {"seeds": [0, 1], "student": {"layers": 2, "note": "x" * 900}, "temperature": 2.0, "pool": "first"}
    run(Job(rule, params, {"all": inputs}, named, ["msd.errors"]))


def train_student() -> None:
    outputs = {"metrics": "metrics.json", "history": "history.parquet"}
    step("student", STUDENT.removeprefix("results/"), ["results/data/numbers/prepared/train.txt"], outputs)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    for rule in ("prepare", "student", "tables"):
        monkeypatch.setitem(STAGES, rule, f"{__name__}:learn")
    step("prepare", "data/numbers/prepared", [], {"train": "train.txt"})
    step("prepare", "data/unrelated/prepared", [], {"train": "train.txt"})
    train_student()
    step("tables", "tiny/tables", [f"{STUDENT}/metrics.json"], {"main": "main.json"})
    return tmp_path


def client_of(result: TrackResult) -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=result.uri)


def runs(result: TrackResult) -> dict[str, Run]:
    """Runs of the experiment by name."""
    client = client_of(result)
    experiment = client.get_experiment_by_name(result.experiment)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    names = Counter(str(item.info.run_name) for item in found)
    assert max(names.values()) == 1, names
    return {str(item.info.run_name): item for item in found}


def test_every_record_is_one_nested_run_with_params_tags_metrics_and_curves(study: Path) -> None:
    result = track("tiny", RESULTS)
    assert (result.imported, result.present, result.experiment) == (3, 0, "msd/tiny")
    assert result.uri == f"sqlite:///{study}/results/mlflow.db"
    found = runs(result)
    name = "student students/numbers/kd/base/seeds-0-1"
    assert set(found) == {"tiny", "prepare numbers/prepared", name, "tables tables"}
    parent, student = found["tiny"], found[name]
    assert student.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert student.info.status == "FINISHED"
    tags = {"rule": "student", "dataset": "numbers", "method": "kd", "variant": "base", "git_commit": "none"}
    assert tags.items() <= student.data.tags.items()
    assert found["prepare numbers/prepared"].data.tags["dataset"] == "numbers"
    assert "dataset" not in found["tables tables"].data.tags
    assert student.data.params["student.layers"] == "2"
    assert student.data.params["temperature"] == "2.0"
    assert student.data.params["pool"] == "first"
    assert len(student.data.params["student.note"]) == 500
    assert student.data.metrics["accuracy"] == 0.75
    assert "image/auroc" not in student.data.metrics
    record = json.loads(Path(f"{STUDENT}/record.json").read_text())
    assert student.data.metrics["job/peak_memory_bytes"] == record["peak_memory_bytes"]
    assert student.info.end_time - student.info.start_time <= 1000 * record["wall_seconds"] + 2


def test_a_run_names_the_data_that_it_read_and_the_parent_shows_the_tables(study: Path) -> None:
    Path("results/tiny/report.html").write_text("all of it")
    result = track("tiny", RESULTS)
    assert_data_and_tables_are_there(result)


def assert_data_and_tables_are_there(result: TrackResult) -> None:
    found, client = runs(result), client_of(result)
    student = found["student students/numbers/kd/base/seeds-0-1"]
    record = json.loads(Path(f"{STUDENT}/record.json").read_text())
    sha256 = record["inputs"][0]["sha256"]
    assert student.data.tags["dataset_sha256.numbers/train"] == sha256
    assert (
        student.data.tags["msd.record_sha256"]
        == hashlib.sha256(Path(f"{STUDENT}/record.json").read_bytes()).hexdigest()
    )
    (read,) = student.inputs.dataset_inputs
    assert (read.dataset.name, read.dataset.digest) == ("numbers/train", sha256[:36])
    assert json.loads(read.dataset.source)["uri"] == "results/data/numbers/prepared/train.txt"
    assert [tag.value for tag in read.tags] == ["training"]
    parent = found["tiny"].info.run_id
    assert {item.path for item in client.list_artifacts(parent)} == {"report.html", "tables"}
    page = client.download_artifacts(parent, "report.html")
    assert Path(page).read_text() == "all of it"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A tracking server of this machine alone, with its own database and store."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/server.db",
        "--artifacts-destination",
        str(folder / "store"),
    ]
    quiet = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=quiet) as process,
    ):
        try:
            deadline = time.monotonic() + 300
            while not _answers(f"http://127.0.0.1:{port}/health"):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def test_a_remote_server_gets_the_same_once(study: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("results/tiny/report.html").write_text("all of it")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    first = track("tiny", RESULTS)
    assert (first.imported, first.present, first.uri) == (3, 0, server)
    before = {name: item.info.run_id for name, item in runs(first).items()}
    assert_data_and_tables_are_there(first)
    second = track("tiny", RESULTS)
    assert (second.imported, second.present) == (0, 3)
    assert {name: item.info.run_id for name, item in runs(second).items()} == before
    assert {path.name for path in study.iterdir()} == {"results"}
    here = {path.name for path in RESULTS.iterdir() if not path.name.startswith(".hashes")}
    assert here == {"data", "tiny", ".mlflow.lock"}, "no database and no store of its own"


def test_curves_are_thinned_and_keep_their_ends(study: Path) -> None:
    result = track("tiny", RESULTS)
    student = runs(result)["student students/numbers/kd/base/seeds-0-1"]
    client = client_of(result)
    share = (RUN_POINTS - 2) // 4  # the validation curve and the weights have one point, four others share the rest
    assert share <= MAX_POINTS
    for seed in (0, 1):
        points = {
            point.step: point.value for point in client.get_metric_history(student.info.run_id, f"seed-{seed}/kd/both")
        }
        assert share <= len(points) <= share + 1
        assert min(points) == 0
        assert max(points) == STEPS - 1
        assert all(value == step + seed for step, value in points.items())
    assert student.data.metrics["seed-0/loss"] == STEPS - 1
    assert student.data.metrics["seed-0/val/f1 _ all"] == 0.5
    assert student.data.metrics["seed-1/weight/text"] == 1.5  # of two samples


def test_a_second_import_brings_nothing_and_a_new_record_is_brought(study: Path) -> None:
    first = track("tiny", RESULTS)
    before = {name: item.info.run_id for name, item in runs(first).items()}
    second = track("tiny", RESULTS)
    assert (second.imported, second.present) == (0, 3)
    assert {name: item.info.run_id for name, item in runs(second).items()} == before
    step("tables", "tiny/figures", [f"{STUDENT}/metrics.json"], {"main": "main.svg"})
    third = track("tiny", RESULTS)
    assert (third.imported, third.present) == (1, 3)
    assert len(runs(third)) == 5


def test_a_half_imported_run_is_dropped_and_made_again(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = Path(f"{STUDENT}/history.parquet")
    whole = history.read_bytes()
    history.write_bytes(whole[:100])
    with pytest.raises(Exception, match=r"[Pp]arquet"):
        track("tiny", RESULTS)
    history.write_bytes(whole)
    result = track("tiny", RESULTS)
    assert result.imported >= 1
    assert len(runs(result)) == 4
    metrics = runs(result)["student students/numbers/kd/base/seeds-0-1"].data.metrics
    assert metrics["accuracy"] == 0.75
    assert "seed-1/loss" in metrics


def test_several_imports_into_a_fresh_database_do_not_disturb_each_other(study: Path) -> None:
    program = "from pathlib import Path; from msd.tracking import track; print(track('tiny', Path('results')).imported)"
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=_environment())
        for _ in range(3)
    ]
    counts = sorted(int(process.communicate()[0]) for process in running)
    assert counts == [0, 0, 3]
    assert len(runs(track("tiny", RESULTS))) == 4


def _environment() -> dict[str, str]:

    return os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}


def test_nothing_is_written_outside_results(study: Path) -> None:
    track("tiny", RESULTS)
    assert {path.name for path in study.iterdir()} == {"results"}


def test_the_tracking_uri_of_the_environment_is_used(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{study}/elsewhere.db")
    assert track("tiny", RESULTS).uri.endswith("elsewhere.db")
    assert (study / "elsewhere.db").exists()
    assert not (study / "results/mlflow.db").exists()


def test_a_moved_project_gets_a_new_experiment_beside_the_old_one(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the old one's artefacts lie where the project was."""
    old = track("tiny", RESULTS)
    before = client_of(old).get_experiment_by_name("msd/tiny")
    (study / "moved").mkdir()
    (study / "results").rename(study / "moved/results")
    monkeypatch.chdir(study / "moved")
    new = track("tiny", RESULTS)
    assert (new.imported, new.present) == (3, 0)
    names = {item.name for item in client_of(new).search_experiments()}
    assert names == {"Default", "msd/tiny", f"msd/tiny (moved, {before.experiment_id})"}
    assert not (study / "results").exists()


def test_a_study_without_records_is_refused(study: Path) -> None:
    with pytest.raises(UserError, match="no records of a study 'tinny'"):
        track("tinny", RESULTS)
