"""What models cost: counted, timed in rounds, written for both."""

import json
from pathlib import Path

import pandas as pd
import pytest

from msd.job import Job
from msd.models.files import save_model
from msd.models.visualbert import VisualBertClassifier
from msd.training.cost import ROUNDS, cost
from msd.training.student import train_students


def test_both_models_are_measured(student_job, tmp_path: Path) -> None:
    run = student_job("finetune", {}, seeds=[0])
    train_students(run)
    sizes = {"vocabulary": 11, "labels": 3, "region_width": 6, "layers": 2}
    teacher = VisualBertClassifier({**run.params.architecture.model_dump(), **sizes})
    inputs = {"teacher": str(tmp_path / "model.safetensors"), "teacher_config": str(tmp_path / "config.json")}
    save_model(teacher, config=inputs["teacher_config"], weights=inputs["teacher"])
    path = tmp_path / "cost.json"
    job = Job("cost", run.params, {**run.inputs, **inputs, "students": run.outputs["models"]}, {"cost": str(path)})
    metrics = cost(job)
    measured = json.loads(path.read_text())["models"]
    assert measured["teacher"]["parameters"] == sum(parameter.numel() for parameter in teacher.parameters())
    assert measured["teacher"]["bytes"] == (tmp_path / "model.safetensors").stat().st_size
    assert measured["student"]["parameters"] < measured["teacher"]["parameters"]
    assert metrics["student/flops"] == measured["student"]["flops"] < measured["teacher"]["flops"]
    for entry in measured.values():
        assert len(entry["latency_ms"]) == ROUNDS
        assert min(entry["latency_ms"]) > 0
    scores = [measured[form]["score"] for form in ("student", "student-onnx", "student-int8")]
    table = pd.read_parquet(run.outputs["metrics_table"]).query("split == 'test' and metric == 'accuracy'")
    assert scores[:2] == [pytest.approx(table["value"].item())] * 2
    assert 0 <= scores[2] <= 1
    assert "score" not in measured["teacher"]
    assert {entry["run"] for name, entry in measured.items() if name != "teacher"} == {
        str(Path(run.outputs["models"]).parent)
    }
