"""What the trainings of a study take on a GPU, by the speeds that were measured on one (`make bench-gpu`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msd.system.text_file import read_text

if TYPE_CHECKING:
    from msd.config.contracts.training import Schedule
    from msd.config.grid import Run
    from msd.config.models import Role
    from msd.config.study import Study

SPEEDS = Path("bench/gpu-nvidia-h100-80gb-hbm3.md")
COLUMNS = ("model", "method", "batch", "regions", "tokens", "precision", "compiled", "jobs", "samples")
LEARNING = 2.6
"""Of a step of msd-learned, what a meta step takes more: config/methods/msd-learned.yaml, on the embedded tasks."""


@dataclass(frozen=True)
class Speed:
    """Samples a second, as measured, or as stated from what was."""

    samples: float
    measured: bool


def gpu_hours(study: Study) -> list[str]:
    """GPU-hours of each dataset's teachers and students, in lines for `msd plan`; none where nothing is known.

    Of datasets whose published number of training samples is known, and models whose speed was measured. Validation and
    the teacher's answers are not counted.
    """
    if study.devices == {"cpu"} or not SPEEDS.is_file():
        return []
    lines, total = [], 0.0
    for dataset, config in study.dataset_configs.items():
        if config.samples is None:
            continue
        teachers = [_teacher(study, dataset)] * len(study.teacher_seeds(dataset))
        students = [_student(study, run) for run in study.runs if run.dataset == dataset for _ in study.block(run)]
        speeds_of: dict[Role, list[Speed | None]] = {"teacher": teachers, "student": students}
        for role, speeds in speeds_of.items():
            seen = _samples_seen(study.training(role, dataset), config.samples)
            for mark in ("measured", "stated"):
                own = [
                    speed.samples for speed in speeds if speed is not None and speed.measured == (mark == "measured")
                ]
                hours = seen * sum(1 / samples for samples in own) / 3600
                total += hours
                if own:
                    rates = f"{min(own):,.0f} to {max(own):,.0f} a second ({mark})"
                    lines.append(f"  {dataset:<18}{len(own):>5} {role}s of {seen:>9,} samples, {rates}: {hours:,.1f} h")
            if None in speeds:
                lines.append(f"  {dataset:<18}{speeds.count(None):>5} {role}s of {seen:>9,} samples, never measured: ?")
    if not lines:
        return []
    head = (
        f"GPU-hours, {total:,.0f} of one {read_text(SPEEDS).partition(',')[0]}, one training after another; {SPEEDS}:"
    )
    return [
        head,
        *lines,
        "  measured: this model, batch and number of regions, 128 word pieces; stated: the slower of the nearest rows",
        "  Without validation, the teachers' answers and what a method computes besides its views",
    ]


def gpu_seconds(study: Study, dataset: str) -> dict[str, list[float]]:
    """Stage -> seconds of each of a dataset's jobs on a GPU: teachers, their answers to all samples, and students.

    Raises ValueError where the number of samples or the speed of a model is not known.
    """
    samples, teacher = study.dataset_configs[dataset].samples, _teacher(study, dataset)
    speeds = [(run, _student(study, run)) for run in study.runs if run.dataset == dataset]
    if samples is None or teacher is None:
        raise ValueError(f"nobody measured how long a teacher of {dataset} takes")
    seen = {role: _samples_seen(study.training(role, dataset), samples) for role in ("teacher", "student")}
    students = []
    for run, speed in speeds:
        if speed is None:
            raise ValueError(f"nobody measured how long a student of {dataset} takes")
        students.append(len(study.block(run)) * seen["student"] / speed.samples)
    count = len(study.teacher_seeds(dataset))
    answers = samples / teacher.samples  # to three views, each a third of a step
    return {
        "teacher": [seen["teacher"] / teacher.samples] * count,
        "teacher_outputs": [answers] * count,
        "student": students,
    }


def _samples_seen(schedule: Schedule, samples: int) -> int:
    """Samples of all steps of a training."""
    seen = samples * (schedule.stop or schedule.epochs)
    return seen if schedule.max_steps is None else min(seen, schedule.max_steps * schedule.batch_size)


def _teacher(study: Study, dataset: str) -> Speed | None:
    return _speed(study, "teacher", dataset, "finetune")


def _student(study: Study, run: Run) -> Speed | None:
    """Of a student: one view or all three; methods that do more are stated."""
    from msd.distill.method import method_class  # loads torch

    config = study.cell_configs[run.dataset, run.method]
    code = method_class(config.implementation)
    has_views = len(code.views) > 1 or "weighting" in config.parameters
    speed, plain = _speed(study, "student", run.dataset, "msd" if has_views else "kd"), {"kd", "msd", "finetune"}
    if speed is None:
        return None
    seconds = 1 / speed.samples
    if (every := config.parameters.get("meta_every")) is not None:
        fewest = min(every) if isinstance(every, list) else every
        seconds *= 1 + LEARNING / float(fewest)
    if code.live_teacher:
        teacher = _teacher(study, run.dataset)
        if teacher is None:
            return None
        seconds += 1 / (3 * teacher.samples)  # a forward pass is a third of a step
    return Speed(1 / seconds, speed.measured and config.implementation in plain)


def _speed(study: Study, role: Role, dataset: str, method: str) -> Speed | None:
    """The row with a training's sizes and batch, else the slower of the nearest by batch and the nearest by regions."""
    training, model = study.training(role, dataset), study.training(role, dataset).model
    rows = [row for row in _rows() if (row["model"], row["method"]) == (model, method)]
    rows = [row for row in rows if row["precision"] == study.engine_of(role, dataset).precision]
    if not rows:
        return None
    regions = study.data.regions**2
    distances = [(abs(math.log(row["batch"] / training.batch_size)), abs(row["regions"] - regions)) for row in rows]
    first = min(zip(distances, rows, strict=True), key=lambda pair: pair[0])
    second = min(zip(distances, rows, strict=True), key=lambda pair: pair[0][::-1])
    return Speed(min(first[1]["samples"], second[1]["samples"]), measured=first[0] == (0, 0))


def _rows() -> list[dict[str, Any]]:
    """The measured speeds of one training at a time that was not compiled, models by their files' names."""
    rows = []
    for line in read_text(SPEEDS).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) < len(COLUMNS) or not cells[2].isdecimal():
            continue
        row: dict[str, Any] = dict(zip(COLUMNS, cells, strict=False))
        row["model"] = row["model"].lower().replace(" ", "-")
        row |= {key: float(row[key].replace(",", "")) for key in ("batch", "regions", "tokens", "jobs", "samples")}
        if row["jobs"] == 1 and row["compiled"] == "no":
            rows.append(row)
    return rows
