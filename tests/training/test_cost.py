"""What models cost: counted exactly, timed in rounds, written for both."""

import json
from pathlib import Path

from msd.job import Job
from msd.models.files import save_model
from msd.models.sizes import flops
from msd.models.visualbert import VisualBertClassifier
from msd.training.cost import ROUNDS, cost
from msd.training.dataset import Dataset
from msd.training.student import train_students


def model(job: Job, *, layers: int) -> VisualBertClassifier:
    sizes = {"vocabulary": 11, "labels": 3, "region_width": 6, "layers": layers}
    return VisualBertClassifier({**job.params.architecture.model_dump(), **sizes}).eval()


def test_a_layer_costs_its_matrix_products(student_job) -> None:
    job = student_job("finetune", {})
    samples = Dataset.load(job.params, job.inputs, splits=("test",)).splits["test"]
    one, two, three = (flops(model(job, layers=layers), samples) for layers in (1, 2, 3))
    tokens = int(samples.lengths.sort().values[len(samples) // 2]) + 4  # a 3×3 grid in windows of 2: 4 regions
    width, inner = 16, 32
    projections, attention = 4 * width**2 + 2 * width * inner, 2 * tokens * width
    assert two - one == three - two == 2 * tokens * (projections + attention)


def test_both_models_are_measured(student_job, tmp_path: Path) -> None:
    run = student_job("finetune", {}, seeds=[0])
    train_students(run)
    teacher = model(run, layers=2)
    inputs = {"teacher": str(tmp_path / "model.safetensors"), "teacher_config": str(tmp_path / "config.json")}
    save_model(teacher, config=inputs["teacher_config"], weights=inputs["teacher"])
    path = tmp_path / "cost.json"
    job = Job("cost", run.params, {**run.inputs, **inputs, "students": run.outputs["models"]}, {"cost": str(path)})
    metrics = cost(job)
    found = json.loads(path.read_text())["models"]
    assert found["teacher"]["parameters"] == sum(parameter.numel() for parameter in teacher.parameters())
    assert found["teacher"]["bytes"] == (tmp_path / "model.safetensors").stat().st_size
    assert found["student"]["parameters"] < found["teacher"]["parameters"]
    assert metrics["student/flops"] == found["student"]["flops"] < found["teacher"]["flops"]
    for entry in found.values():
        assert len(entry["latency_ms"]) == ROUNDS
        assert min(entry["latency_ms"]) > 0
    assert found["student"]["run"] == str(Path(run.outputs["models"]).parent)
