"""Import into a real MLflow database: everything once, nothing half, curves thinned, names accepted."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas
import pytest
from faults import one_sentence
from toy_jobs import run_job
from tracking_server import tracking_server

from msd.errors import UserError
from msd.job import STAGES, Job
from msd.tracking import DONE, TrackResult, track
from msd.tracking.values import MAX_POINTS, RUN_POINTS

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

RESULTS = Path("results")
STUDENT = "results/tiny/students/numbers/kd/base/seeds-0-1"
STUDENT_RUN = "student students/numbers/kd/base/seeds-0-1"
STEPS = 1300
HERE = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}


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


def step(rule: str, folder: str, inputs: list[str], **outputs: str) -> None:
    params = {"seeds": [0, 1], "student": {"layers": 2, "note": "x" * 900}, "temperature": 2.0, "pool": "first"}
    run_job(rule, folder, inputs, params, **outputs)


@pytest.fixture
def study(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for rule in ("prepare", "student", "tables"):
        monkeypatch.setitem(STAGES, rule, (f"{__name__}:learn", None))
    step("prepare", "data/numbers/prepared", [], train="train.txt")
    step("prepare", "data/unrelated/prepared", [], train="train.txt")
    files = {"metrics": "metrics.json", "history": "history.parquet"}
    step("student", STUDENT.removeprefix("results/"), ["results/data/numbers/prepared/train.txt"], **files)
    step("tables", "tiny/tables", [f"{STUDENT}/metrics.json"], main="main.json")
    Path("results/tiny/report.html").write_text("all of it")
    return working_folder


def test_a_full_disk_is_one_sentence_and_the_next_import_goes_on(
    study: Path, small_files: Callable[[], AbstractContextManager[None]]
) -> None:
    with pytest.raises(UserError, match="File too large; have the limit"), small_files():
        track("tiny", RESULTS)
    assert track("tiny", RESULTS).imported == 3
    assert track("tiny", RESULTS).imported == 0


def client_of(result: TrackResult) -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=result.uri)


def runs(result: TrackResult) -> dict[str, Run]:
    """Runs of the experiment by name."""
    client = client_of(result)
    experiment = client.get_experiment_by_name(result.experiment)
    assert experiment is not None
    everything = client.search_runs([experiment.experiment_id])
    by_name = {str(item.info.run_name): item for item in everything}
    assert len(by_name) == len(everything)
    return by_name


def test_what_is_new_is_imported_once(study: Path) -> None:
    first = track("tiny", RESULTS)
    assert (first.imported, first.present, first.experiment) == (3, 0, "msd/tiny")
    assert first.uri == f"sqlite:///{study}/results/mlflow.db"
    assert {path.name for path in study.iterdir()} == {"results"}
    before = {name: item.info.run_id for name, item in runs(first).items()}
    assert set(before) == {"tiny", "prepare numbers/prepared", STUDENT_RUN, "tables tables"}
    check_student(runs(first))
    check_curves(first)
    check_data_and_tables(first)
    second = track("tiny", RESULTS)
    assert (second.imported, second.present) == (0, 3)
    assert {name: item.info.run_id for name, item in runs(second).items()} == before
    step("tables", "tiny/figures", [f"{STUDENT}/metrics.json"], main="main.svg")
    third = track("tiny", RESULTS)
    assert (third.imported, third.present) == (1, 3)
    assert len(runs(third)) == 5
    with pytest.raises(UserError, match=r"no results of a study 'tinny'.*did you mean 'tiny'"):
        track("tinny", RESULTS)


def check_student(imported: dict[str, Run]) -> None:
    """A record is a nested run with its tags, parameters and metrics."""
    student = imported[STUDENT_RUN]
    assert student.data.tags["mlflow.parentRunId"] == imported["tiny"].info.run_id
    assert student.info.status == "FINISHED"
    tags = {"rule": "student", "dataset": "numbers", "method": "kd", "variant": "base", "git_commit": "none"}
    assert tags.items() <= student.data.tags.items()
    assert imported["prepare numbers/prepared"].data.tags["dataset"] == "numbers"
    assert "dataset" not in imported["tables tables"].data.tags
    assert {"student.layers": "2", "temperature": "2.0", "pool": "first"}.items() <= student.data.params.items()
    assert len(student.data.params["student.note"]) == 500
    assert student.data.metrics["accuracy"] == 0.75
    assert "image/auroc" not in student.data.metrics
    record = json.loads(Path(f"{STUDENT}/record.json").read_text())
    assert student.data.metrics["job/peak_memory_bytes"] == record["peak_memory_bytes"]
    assert student.info.end_time - student.info.start_time <= 1000 * record["wall_seconds"] + 2


def check_curves(result: TrackResult) -> None:
    """They are thinned and keep their ends."""
    student, client = runs(result)[STUDENT_RUN], client_of(result)
    share = (RUN_POINTS - 2) // 4  # the validation curve and the weights have one point, four others share the rest
    assert share <= MAX_POINTS
    for seed in (0, 1):
        history = client.get_metric_history(student.info.run_id, f"seed-{seed}/kd/both")
        points = {point.step: point.value for point in history}
        assert share <= len(points) <= share + 1
        assert (min(points), max(points)) == (0, STEPS - 1)
        assert all(value == step + seed for step, value in points.items())
    assert student.data.metrics["seed-0/loss"] == STEPS - 1
    assert student.data.metrics["seed-0/val/f1 _ all"] == 0.5
    assert student.data.metrics["seed-1/weight/text"] == 1.5  # of two samples


def check_data_and_tables(result: TrackResult) -> None:
    """A run names the data that it read, and the parent shows the tables."""
    imported, client = runs(result), client_of(result)
    student, text = imported[STUDENT_RUN], Path(f"{STUDENT}/record.json").read_bytes()
    sha256 = json.loads(text)["inputs"][0]["sha256"]
    assert student.data.tags["dataset_sha256.numbers/train"] == sha256
    assert student.data.tags["msd.record_sha256"] == hashlib.sha256(text).hexdigest()
    (read,) = student.inputs.dataset_inputs
    assert (read.dataset.name, read.dataset.digest) == ("numbers/train", sha256[:36])
    assert json.loads(read.dataset.source)["uri"] == "results/data/numbers/prepared/train.txt"
    assert [tag.value for tag in read.tags] == ["training"]
    parent = imported["tiny"].info.run_id
    assert {item.path for item in client.list_artifacts(parent)} == {"report.html", "tables"}
    assert Path(client.download_artifacts(parent, "report.html")).read_text() == "all of it"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tracking_server(tmp_path_factory.mktemp("server")) as address:
        yield address


def test_a_remote_server_gets_the_same_once(study: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    first = track("tiny", RESULTS)
    assert (first.imported, first.present, first.uri) == (3, 0, server)
    before = {name: item.info.run_id for name, item in runs(first).items()}
    check_data_and_tables(first)
    second = track("tiny", RESULTS)
    assert (second.imported, second.present) == (0, 3)
    assert {name: item.info.run_id for name, item in runs(second).items()} == before
    assert {path.name for path in study.iterdir()} == {"results"}
    here = {path.name for path in RESULTS.iterdir() if not path.name.startswith(".hashes")}
    assert here == {"data", "tiny", ".mlflow.lock"}, "no database and no store of its own"


def test_a_half_imported_run_is_dropped_and_made_again(study: Path) -> None:
    first = track("tiny", RESULTS)
    half = runs(first)[STUDENT_RUN].info.run_id
    client_of(first).delete_tag(half, DONE)
    second = track("tiny", RESULTS)
    assert (second.imported, second.present, len(runs(second))) == (1, 2, 4)
    assert runs(second)[STUDENT_RUN].info.run_id != half
    assert "seed-1/loss" in runs(second)[STUDENT_RUN].data.metrics


@pytest.mark.parametrize(
    ("file", "damage", "sentence"),
    [
        (
            "history.parquet",
            lambda whole: whole[:100],
            r"is damaged \(.*Parquet.*\); remove it, and run the study again",
        ),
        ("metrics.json", lambda whole: whole[:20], r"is damaged \(Expecting .*\); remove it"),
        ("metrics.json", lambda _: b'{"accuracy": "high"}', r"is damaged \(could not convert .*\); remove it"),
        ("metrics.json", lambda _: b"[]", r"is damaged \(damaged content\); remove it"),
        ("record.json", lambda _: b"{}", r"is no readable record \(damaged content\); `msd audit` says more"),
        (
            "record.json",
            lambda whole: whole.replace(b"started", b"begun"),
            r"is no readable record \(damaged content\)",
        ),
    ],
)
def test_a_damaged_file_is_named_and_imported_once_it_is_whole(
    study: Path, file: str, damage: Callable[[bytes], bytes], sentence: str
) -> None:
    path = Path(STUDENT, file)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    with one_sentence(f"^{path} {sentence}"):
        track("tiny", RESULTS)
    path.write_bytes(whole)
    assert len(runs(track("tiny", RESULTS))) == 4


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda _: b"no database" * 99])
def test_a_damaged_database_is_named_and_made_anew_once_it_is_gone(
    study: Path, damage: Callable[[bytes], bytes]
) -> None:
    database = Path(track("tiny", RESULTS).uri.removeprefix("sqlite:///"))
    database.write_bytes(damage(database.read_bytes()))
    program = "import sys; from msd.cli import main; sys.exit(main(['track', 'tiny']))"  # another process: MLflow keeps it open

    def again() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", program], env=HERE, capture_output=True, text=True, check=False)

    done = again()
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"{database} is damaged" in done.stderr
    database.unlink()
    assert again().stdout.startswith("3 runs imported")


def test_several_imports_into_a_fresh_database_do_not_disturb_each_other(study: Path) -> None:
    program = "from pathlib import Path; from msd.tracking import track; print(track('tiny', Path('results')).imported)"
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=HERE) for _ in range(3)
    ]
    assert sorted(int(process.communicate()[0]) for process in running) == [0, 0, 3]
    assert len(runs(track("tiny", RESULTS))) == 4


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
