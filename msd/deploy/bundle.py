"""An exported student: a folder in the layout of the Hugging Face hub that needs nothing else of its study."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image
from torch import Tensor

from msd.config.contracts.training import StudentParams
from msd.deploy.run import Run, hold, open_run
from msd.deploy.student import AGAIN, Student, read_description, read_labels, read_tokens, written
from msd.distill.losses import DATASET_TASKS
from msd.errors import UserError, decoding
from msd.features.reading import PictureReading
from msd.models.files import save_model
from msd.models.onnx_model import export_extractor, export_student, onnx_student, open_session, quantise
from msd.models.predict import predict
from msd.models.views import VIEWS
from msd.training.dataset import Dataset

CHECKED, TOLERANCE = 100, 1e-4
"""Test samples by which ONNX is compared with PyTorch, and the largest difference of a logit."""
LONGEST = 4096
"""Words of the text that an export is tried with, which it cuts to its own length."""


@dataclass(frozen=True)
class Exported:
    """What `msd export` made.

    Attributes:
        folder: of it.   metric: of the test scores.   scores: form of the model -> test score.
        sizes: form -> bytes.   difference: the largest one of a logit between PyTorch and ONNX.
    """

    folder: Path
    metric: str
    scores: dict[str, float]
    sizes: dict[str, int]
    difference: float

    def __str__(self) -> str:
        lines = [f"{self.folder}"]
        lines += [
            f"  {form:<8}{self.sizes[form] / 1e6:6.1f} MB   test {self.metric} {self.scores[form]:.4f}"
            for form in self.scores
        ]
        return "\n".join([*lines, f"  ONNX and PyTorch differ by {self.difference:.1e} in a logit at most"])


def export(place: str, *, seed: int | None = None, out: str | None = None) -> Exported:
    """Write a run's student as PyTorch and ONNX models, the latter in 8 bits too, with all that asking it takes.

    seed: the one of the best validation score if None.   out: a new folder, exports/<its name> if None.

    Raises:
        UserError: there is no such run, the folder exists, or ONNX gives other logits than PyTorch.
    """
    run = open_run(Path(place), seed=seed)
    target = Path(out or f"exports/{run.name}")
    if target.exists():
        raise UserError(f"{target} exists already; name another folder with --out, or remove it")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as temporary:
        folder = Path(temporary) / target.name
        folder.mkdir()
        _write(run, folder)
        exported = _judged(run, folder)
        (folder / "scores.json").write_text(written(asdict(exported) | {"folder": target.name}), encoding="utf-8")
        (folder / "README.md").write_text(_card(run, exported), encoding="utf-8")
        shutil.move(folder, target)
    return Exported(target, exported.metric, exported.scores, exported.sizes, exported.difference)


def write_student(run: Run, folder: Path) -> None:
    """The student of PyTorch with all that asking it takes but the network of pictures."""
    save_model(run.model, config=str(folder / "config.json"), weights=str(folder / "model.safetensors"))
    shutil.copyfile(run.inputs["tokenizer"], folder / "tokenizer.json")
    (folder / "labels.json").write_text(written(run.labels), encoding="utf-8")
    described = run.preprocessing.model_dump() | {"name": run.name, "dataset_task": run.params.dataset_task}
    (folder / "preprocessor_config.json").write_text(written(described), encoding="utf-8")


def _write(run: Run, folder: Path) -> None:
    write_student(run, folder)
    regions = run.preprocessing.regions**2
    export_student(run.model, folder / "model.onnx", regions=regions, removal=run.params.removal)
    quantise(folder / "model.onnx", folder / "model.int8.onnx")
    export_extractor(run.extractor, folder / "extractor.onnx", size=run.preprocessing.picture.size)


def _judged(run: Run, folder: Path) -> Exported:
    """The scores of all forms on test, and how far ONNX is from PyTorch."""
    hold(run.folder / "record.json", [Path(run.inputs["test"])])
    dataset = Dataset.load(run.params, run.inputs, splits=("test",))
    split = dataset.splits["test"]
    logits = {"torch": predict(run.model, split, "both", removal=run.params.removal)[0]}
    for form, file in (("onnx", "model.onnx"), ("int8", "model.int8.onnx")):
        ask = onnx_student(folder / file)
        parts = [ask(split.inputs(rows))["both"] for rows in torch.arange(len(split)).split(256)]
        logits[form] = torch.cat(parts)
    difference = _difference(run, folder, split.rows_by_length(min(CHECKED, len(split))), dataset)
    if difference > TOLERANCE:
        raise UserError(f"{run.folder}: ONNX and PyTorch differ by {difference:.1e} in a logit; it is not exported")
    metrics = {form: dataset.evaluate(values, "test") for form, values in logits.items()}
    metric = run.params.metric if run.params.metric in metrics["torch"] else "accuracy"
    scores = {form: values[metric] for form, values in metrics.items()}
    files = {"torch": "model.safetensors", "onnx": "model.onnx", "int8": "model.int8.onnx"}
    sizes = {form: (folder / file).stat().st_size for form, file in files.items()}
    return Exported(folder, metric, scores, sizes, difference)


def _difference(run: Run, folder: Path, rows: Tensor, dataset: Dataset) -> float:
    inputs = dataset.splits["test"].inputs(rows)
    ours, theirs = run.student().logits(inputs), onnx_student(folder / "model.onnx")(inputs)
    return max(float((ours[view] - theirs[view]).abs().max()) for view in VIEWS)


def _card(run: Run, exported: Exported) -> str:
    """The model card, in the form of the Hugging Face hub."""
    assert isinstance(run.params, StudentParams), "of a run of students"
    about = {"library_name": "onnxruntime", "tags": ["knowledge-distillation", "vision-language", run.params.method]}
    how = run.preprocessing
    rows = "\n".join(f"| {form} | {exported.sizes[form]:,} | {exported.scores[form]:.4f} |" for form in exported.scores)
    parameters = ", ".join(f"{name} {value}" for name, value in run.params.parameters.items()) or "none"
    commit = (run.record.get("git") or {}).get("commit") or "unknown"
    return f"""---
{yaml.safe_dump(about, sort_keys=False).strip()}
---
# {run.name}
A student of `{run.params.dataset}` ({len(run.labels)} labels), trained by the method `{run.params.method}`
({parameters}), seed {run.seed}: the one of the best validation score, unless another was named.

| form | bytes | {exported.metric} on the test split |
|---|---:|---:|
{rows}

A picture is made RGB (what is transparent white), {_framed(how.picture)} and turned into features by
`{how.extractor}` (`extractor.onnx`, weights {how.weights_sha256[:12]}), averaged to {how.regions}×{how.regions}
regions; a text is cut to {how.max_tokens} word pieces of `tokenizer.json`. `msd predict` does all of it. It was tested
on data like those that it was trained on, and on no other. Data and extractor have licences of their own.

Trained at commit {commit}; the record of its training is sealed as {run.record.get("seal", "unknown")}.
"""


def _framed(how: PictureReading) -> str:
    """What becomes of a picture, in words."""
    square = f"{how.size}×{how.size} pixels"
    if how.edge is None:
        return f"stretched to {square}"
    return f"made {how.edge} pixels on its shorter side, cut to the {square} of its middle"


def open_bundle(folder: Path) -> Student:
    """An exported student, as onnxruntime runs it; UserError for a folder that lacks a file, or has a damaged one."""
    import onnxruntime  # type: ignore[import-untyped]

    onnxruntime.set_default_logger_severity(4)  # fatal: of other faults a sentence tells
    how = read_description(folder)
    student = Student(
        how.name,
        read_labels(folder / "labels.json"),
        DATASET_TASKS[how.dataset_task],
        how,
        read_tokens(folder, how.max_tokens),
        onnx_student(folder / "model.onnx"),
        partial(_features, open_session(folder / "extractor.onnx")),
    )
    _try(student, folder)
    return student


def _try(student: Student, folder: Path) -> None:
    """Ask for a blank picture and a long text; UserError where the files of an export do not fit each other."""
    with decoding(f"the files of {folder} do not fit each other", AGAIN):
        inputs = student.inputs([Image.new("RGB", (8, 8))], ["a " * LONGEST])
        answered = student.logits(inputs)["both"].shape[1]
    if answered != (named := len(student.labels)):
        raise UserError(f"{folder}/labels.json names {named} labels, where its model answers with {answered}; {AGAIN}")


def _features(session: Any, pixels: np.ndarray) -> np.ndarray:
    features: np.ndarray = session.run(None, {"pictures": pixels})[0]
    return features
