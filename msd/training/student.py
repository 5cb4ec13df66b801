"""Stage `student`: train one configuration of a method with a block of seeds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import yaml

from msd.data import SPLITS
from msd.data.columns import numbers, read_columns, write_columns
from msd.data.rows import Chained, Rows, StoredRows, new_safetensors
from msd.data.transfer import TRANSFER
from msd.distill.likeness import mean_divergence
from msd.distill.method import Setting, TeacherTargets, method_class
from msd.errors import UserError
from msd.models.build import principal_words, start_from_model
from msd.models.classifier import Classifier
from msd.models.files import load_model, load_student, save_students
from msd.models.predict import predict
from msd.models.predict import predictions as predicted
from msd.models.split import Split, with_transfer
from msd.models.views import VIEWS, View
from msd.models.visualbert import VisualBertClassifier
from msd.seeds import derive_seed
from msd.system.memory import fits_in_memory
from msd.training.cached_outputs import stored_views
from msd.training.checkpoint import Checkpoint
from msd.training.dataset import Dataset
from msd.training.descent import train
from msd.training.determinism import single_thread
from msd.training.engine import Engine
from msd.training.history import History

if TYPE_CHECKING:
    from msd.config.contracts.training import StudentParams
    from msd.job import Job

EVALUATED = ("val", "test")


def train_students(job: Job[StudentParams]) -> dict[str, float]:
    """Write metrics.parquet, predictions, history, models and run.yaml of all seeds of one run.

    The teacher is read from its cached outputs, and as a model where the job has it among its inputs. Every student is
    compared with it, that of finetune and of a method that learns from a student too.
    """
    single_thread()
    params = _chosen(job)
    dataset = Dataset.load(params, job.inputs, splits=[*SPLITS, *([TRANSFER] if TRANSFER in job.inputs else [])])
    if params.words == "pca":
        words = principal_words(job.inputs["encoder"], job.inputs["tokenizer"], width=params.architecture.width)
        dataset = replace(dataset, words=words)
    start = partial(_start, job) if params.pretrained is not None else None
    teachers = {seed: _teacher(files) for seed, files in _files_of_teachers(job).items()}
    history, scores, engine = History(), [], Engine(params.engine)
    predictions = _predictions(dataset, params.seeds, job.outputs["predictions"])
    students: dict[int, VisualBertClassifier] = {}
    for seed, of_teacher in zip(params.seeds, params.teachers, strict=True):
        targets, answers = teachers[of_teacher]
        if "teacher_students" in job.inputs:
            targets = _targets_from_student(dataset, job, seed=seed)
        how: dict[str, Any] = {"history": history, "scratch": job.scratch, "engine": engine, "start": start}
        students[seed] = train_one(dataset, targets, params, seed=seed, **how)
        by_split = {split: predictions[seed, split] for split in EVALUATED}
        for split, logits in by_split.items():
            for view, stored in logits.items():
                for rows, output in predicted(students[seed], dataset.splits[split], view, removal=params.removal):
                    stored.write(rows, output.logits)
            scores += [(seed, split, name, value) for name, value in score(dataset, logits, answers[split], split)]
        scores += [(seed, *tuned) for tuned in dataset.tuned({split: by_split[split]["both"] for split in by_split})]
    kinds: dict[str, type] = {"seed": np.int64, "split": str, "metric": str, "value": np.float64}
    columns = zip(kinds.values(), zip(*scores, strict=True), strict=True)
    write_columns(job.outputs["metrics_table"], dict(zip(kinds, columns, strict=True)))
    save_students(students, job.outputs["models"])
    history.write(job.outputs["history"])
    run = yaml.safe_dump(params.model_dump(mode="json"), sort_keys=True)
    Path(job.outputs["run"]).write_text(run, encoding="utf-8")
    return _means(scores)


def _means(scores: Iterable[tuple[int, str, str, float]]) -> dict[str, float]:
    """`<split>/<metric>` -> its mean over seeds."""
    values = defaultdict[str, list[float]](list)
    for _, split, name, value in scores:
        values[f"{split}/{name}"].append(value)
    return {name: fmean(of_seeds) for name, of_seeds in values.items()}


def _predictions(dataset: Dataset, seeds: Sequence[int], path: str) -> dict[tuple[int, str], dict[View, StoredRows]]:
    """(seed, split) -> view -> N rows (C,) of the file of predictions, `seed-<seed>/<split>/<view>`, still to fill."""
    parts = {
        (seed, split): {view: f"seed-{seed}/{split}/{view}" for view in VIEWS} for seed in seeds for split in EVALUATED
    }
    shapes = {
        name: (np.dtype("float32"), (len(dataset.splits[split]), dataset.labels))
        for (_, split), names in parts.items()
        for name in names.values()
    }
    stored = new_safetensors(path, shapes)
    return {part: {view: stored[name] for view, name in names.items()} for part, names in parts.items()}


def _chosen(job: Job[StudentParams]) -> StudentParams:
    """What the job is given, with the point of the grid that another job has chosen where there is one."""
    if "choice" not in job.inputs:
        return job.params
    choice = json.loads(Path(job.inputs["choice"]).read_text(encoding="utf-8"))
    return job.params.model_copy(update={key: choice[key] for key in ("variant", "parameters")})


def _files_of_teachers(job: Job[StudentParams]) -> dict[int, dict[str, Any]]:
    """Seed of a teacher -> the job's inputs, of a list of one for each teacher the one of this teacher."""
    return {
        seed: {name: paths[place] if isinstance(paths, list) else paths for name, paths in job.inputs.items()}
        for place, seed in enumerate(dict.fromkeys(job.params.teachers))
    }


def _teacher(files: dict[str, Any]) -> tuple[TeacherTargets, dict[str, dict[str, Rows]]]:
    """A teacher's outputs on what students train on, and by split and view its logits on the evaluated splits."""
    model = None
    splits = ["train", *([TRANSFER] if TRANSFER in files else [])]
    tables = [
        read_columns(files["saliency" if split == "train" else "transfer_saliency"], "image", "text")
        for split in splits
    ]
    logits, features = (
        [stored_views(files[f"{split}_outputs"], prepared=files[split], part=part) for split in splits]
        for part in ("logits", "features")
    )
    if "teacher_model" in files:
        _check_same_pieces(files)
        model = load_model(config=files["teacher_config"], weights=files["teacher_model"])
    answers = {split: stored_views(files[f"{split}_outputs"], prepared=files[split]) for split in EVALUATED}
    targets = TeacherTargets(
        logits=_chained(logits),
        features=_chained(features),
        saliency={
            modality: torch.tensor(np.concatenate([numbers(table[modality]) for table in tables]))
            for modality in ("image", "text")
        },
        model=model,
    )
    return targets, answers


def _check_same_pieces(files: dict[str, Any]) -> None:
    """A teacher that runs along reads the student's word pieces; UserError where its own are others."""
    own, theirs = files["tokenizer"], files.get("teacher_tokenizer")
    if theirs is not None and Path(own).read_bytes() != Path(theirs).read_bytes():
        raise UserError(f"the method runs the teacher on the student's word pieces ({own}), but they are not its own "
                        f"({theirs}); leave the method out, or take models of one vocabulary")  # fmt: skip


def _start(job: Job[StudentParams], student: Classifier) -> None:
    """Let a new student start from its pretrained model."""
    assert job.params.pretrained is not None, "or it starts from nothing"
    start_from_model(student, job.inputs["encoder"], job.inputs["tokenizer"], name=job.params.pretrained)


def _chained(splits: list[dict[str, Rows]]) -> dict[str, Rows]:
    """By view the rows of all splits, one after the other."""
    return {view: reduce(Chained, [of_split[view] for of_split in splits]) for view in splits[0]}


def _training_samples(dataset: Dataset) -> Split:
    """The training split, with the pairs for transfer behind it where there are any."""
    train, pairs = dataset.splits["train"], dataset.splits.get(TRANSFER)
    return train if pairs is None else with_transfer(train, pairs)


def _targets_from_student(dataset: Dataset, job: Job[StudentParams], *, seed: int) -> TeacherTargets:
    """Where a student of the same seed takes the teacher's place: its outputs on image and text."""
    config = dataset.config(job.params.architecture.model_dump())
    model = load_student(job.inputs["teacher_students"], seed=seed, config=config)
    samples = _training_samples(dataset)
    fits_in_memory(
        4 * len(samples) * sum(model.head.weight.shape),
        f"a student's predictions of {dataset.labels:,} labels, and its features, for {len(samples):,} samples",
        "run this job where there is more memory",
    )
    logits, features = predict(model, samples, "both", removal=job.params.removal)
    return TeacherTargets({"both": logits}, {"both": features})


def train_one(
    dataset: Dataset,
    teacher: TeacherTargets,
    params: StudentParams,
    *,
    seed: int,
    history: History,
    engine: Engine,
    scratch: str | None = None,
    start: Callable[[Classifier], None] | None = None,
) -> VisualBertClassifier:
    """A student trained from its initial weights with one seed.

    scratch: where checkpoints of the job are.   start: what gives a new student its pretrained weights.
    """
    student = dataset.new_model(params.architecture.model_dump(), seed=derive_seed(dataset.name, seed, "student"))
    assert isinstance(student, VisualBertClassifier), "as its architecture is"
    if start is not None:
        start(student)
    engine.place(student)
    if teacher.model is not None:
        teacher.model.to(engine.device)
    setting = Setting(dataset.name, seed, dataset.task, _training_samples(dataset), student, teacher, params.removal)
    torch.manual_seed(setting.stream("method"))  # of what a method adds to the student
    train(
        method_class(params.implementation)(params.parameters, setting),
        name=params.method,
        schedule=params.schedule,
        history=history,
        validate=partial(dataset.validate, student),
        checkpoint=Checkpoint(scratch, f"seed-{seed}"),
        engine=engine,
    )
    return student


def score(
    dataset: Dataset, logits: Mapping[View, StoredRows], teacher: Mapping[str, Rows], split: str
) -> list[tuple[str, float]]:
    """(metric, value) of one student on one split: each view's metrics, and its divergence from the teacher."""
    scores = []
    for view in VIEWS:
        prefix = "" if view == "both" else f"{view}/"
        scores += [(f"{prefix}{name}", value) for name, value in dataset.evaluate(logits[view], split).items()]
        divergence = mean_divergence(logits[view], teacher[view], dataset_task=dataset.dataset_task)
        scores.append((f"kl/{view}", divergence))
    return scores
