"""What models cost: counted, timed in rounds, written for both."""

import json
from pathlib import Path

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
    assert measured["student"]["run"] == str(Path(run.outputs["models"]).parent)
