"""A student of a run, or a teacher, read from results/<study> with what its records name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from msd.config.contracts.training import StudentParams, TeacherParams
from msd.config.yaml_file import read_yaml, validated
from msd.data.columns import read_columns
from msd.data.rows import npy_rows
from msd.data.tokenizer import read_tokenizer
from msd.deploy.student import NO_RUN, Logits, Preprocessing, Student, read_labels
from msd.distill.losses import DATASET_TASKS
from msd.errors import UserError, decoding, made_anew
from msd.features.extract import find
from msd.features.reading import PictureReading
from msd.lineage.record import as_recorded, described_job, read_record, relative, seal
from msd.measure.metric import METRICS
from msd.models.files import load_model, load_student
from msd.models.views import VIEWS, Inputs, Removal
from msd.models.visualbert import VisualBertClassifier
from msd.system.text_file import read_json

ADVICE = "remove it, and run the study again"
OF_STUDENTS, OF_TEACHER = ("models.safetensors", "run.yaml", "metrics.parquet"), ("model.safetensors", "config.json")
"""Files of a run of students and of a teacher that are read here, beside its record."""
READ = ("labels", "tokenizer", "regions", "spec")
"""Inputs of a job without which no answer of its model can be made."""
Params = TypeVar("Params", bound=StudentParams | TeacherParams)


@dataclass(frozen=True)
class Run:
    """One seed of a run of students, or a teacher.

    Attributes:
        folder: of the run.   record: its record.json.   params: a student's as run.yaml has them, with its point.
        inputs: of its job, name -> path.   features: what made the features: the job's own parameters and inputs.
    """

    folder: Path
    record: dict[str, Any]
    params: StudentParams | TeacherParams
    inputs: Mapping[str, Any]
    features: dict[str, Any]
    seed: int
    model: VisualBertClassifier

    @property
    def name(self) -> str:
        """Study, dataset, method and seed."""
        kind = next((part for part in ("students", "teachers") if part in self.folder.parts[1:]), None)
        study = self.folder.parts[self.folder.parts.index(kind) - 1] if kind else "run"
        method = self.params.method if isinstance(self.params, StudentParams) else "teacher"
        return f"{study}-{self.params.dataset}-{method}-seed-{self.seed}"

    @property
    def labels(self) -> list[str]:
        """In the order of the logits."""
        return read_labels(Path(self.inputs["labels"]))

    @property
    def preprocessing(self) -> Preprocessing:
        """How pictures and texts became what the student was trained on."""
        spec = read_json(self.inputs["spec"])
        return Preprocessing(
            picture=PictureReading.of(spec["preprocessing"], Path(self.inputs["spec"])),
            regions=self.params.data.regions,
            max_tokens=self.params.data.max_tokens,
            removal=self.params.removal,
            extractor=spec["extractor"],
            weights_sha256=spec["weights_sha256"],
        )

    @cached_property
    def extractor(self) -> Callable[[Tensor], Tensor]:
        """The network of pictures."""
        weights = [Path(path) for path in self.features["inputs"]["weights"]]
        network: Callable[[Tensor], Tensor] = find(self.features["params"]["module"]).build(
            weights, size=self.preprocessing.picture.size
        )
        return network

    def student(self) -> Student:
        """It as PyTorch runs it."""
        return Student(
            self.name,
            self.labels,
            DATASET_TASKS[self.params.dataset_task],
            self.preprocessing,
            read_tokenizer(self.inputs["tokenizer"], max_tokens=self.params.data.max_tokens),
            logits_of(self.model, self.params.removal),
            features_of(lambda: self.extractor),
        )


def logits_of(model: VisualBertClassifier, removal: Removal) -> Callable[[Inputs], Logits]:
    """Inputs -> view -> (B, C) of a model in eval mode."""

    def logits(inputs: Inputs) -> Logits:
        with torch.inference_mode():
            outputs = model(inputs, VIEWS, removal=removal)
        return {view: outputs[view].logits for view in VIEWS}

    return logits


def features_of(extractor: Callable[[], Callable[[Tensor], Tensor]]) -> Callable[[np.ndarray], np.ndarray]:
    """Pictures (B, size, size, 3) -> features, of a network that is read when it is first asked."""

    def extract(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            features: np.ndarray = extractor()(torch.from_numpy(pixels)).numpy()
        return features

    return extract


def open_run(folder: Path, *, seed: int | None = None) -> Run:
    """A run's student of one seed, of the best validation score if None.

    Raises:
        UserError: the folder is no run of students, or lacks a file of it or has another than its records name.
    """
    if not is_run(folder):
        raise UserError(f"{folder} holds {NO_RUN}")
    record, inputs, features = _origins(folder, OF_STUDENTS)
    params = _of_this_version(StudentParams, folder / "run.yaml", read_yaml)
    if seed is not None and seed not in params.seeds:
        raise UserError(f"{folder} has no seed {seed}; it has {', '.join(map(str, params.seeds))}")
    chosen = _best_seed(folder, params) if seed is None else seed
    config = {
        **params.architecture.model_dump(),
        "vocabulary": len(read_json(inputs["tokenizer"])["model"]["vocab"]),
        "labels": len(read_labels(Path(inputs["labels"]))),
        "region_width": npy_rows(inputs["regions"]).shape[2],
    }
    with decoding(f"{folder}/models.safetensors is damaged", ADVICE):
        model = load_student(str(folder / "models.safetensors"), seed=chosen, config=config)
    return Run(folder, record, params, inputs, features, chosen, model)


def open_teacher(folder: Path) -> Run:
    """A teacher; raises UserError where a file of it is missing or another than its records name."""
    record, inputs, features = _origins(folder, OF_TEACHER)
    params = _of_this_version(TeacherParams, folder / "record.json", lambda place: read_record(place)["params"])
    with decoding(f"{folder}/model.safetensors is damaged", ADVICE):
        model = load_model(config=str(folder / "config.json"), weights=str(folder / "model.safetensors"))
    assert isinstance(model, VisualBertClassifier), "those that read pixels are refused above"
    return Run(folder, record, params, inputs, features, params.seed, model)


def _of_this_version(model: type[Params], place: Path, read: Callable[[Path], dict[str, Any]]) -> Params:
    """The parameters that a file of a run holds; UserError where it is damaged, or another version wrote it."""
    try:
        return validated(model, read(place), place)
    except UserError as error:
        raise UserError(f"{error}; {ADVICE}, or take the version of msd that made it") from error


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run of students, though it may lack some of its files."""
    return any((folder / name).is_file() for name in ("models.safetensors", "run.yaml"))


def is_whole(folder: Path) -> bool:
    """Whether all that `open_run` reads of a run of students is here; UserError where it is not as its records say."""
    return _lack(folder, OF_STUDENTS) is None


def hold(place: Path, files: Iterable[Path]) -> None:
    """Raise UserError for a file that is missing or not the one which a record names.

    place: of the record, beside which lies what its job wrote, in a copy of its folder too.
    """
    record = read_record(place)
    if seal(record) != record.get("seal"):
        raise UserError(f"{place} was altered after its job wrote it; `msd audit` says more")
    recorded = {item["path"]: item["sha256"] for item in record["inputs"]}
    recorded |= {relative(place.with_name(Path(item["path"]).name)): item["sha256"] for item in record["outputs"]}
    as_recorded(({"path": name, "sha256": recorded.get(name)} for name in map(relative, files)), Path("results"))


def _lack(folder: Path, own: Iterable[str]) -> str | None:
    """What to do about the first file that is not here, of its `own` or of those it was made with; None where all are.

    Raises UserError for one that is not as its record says.
    """
    paths = [folder / name for name in own]
    for path in paths:
        if not path.is_file():
            return f"there is no file {path}; fetch it with DVC, or {made_anew(path)}"
    inputs = _job(folder / "record.json")["inputs"]
    if not inputs.keys() >= {*READ}:
        return f"{folder}/record.json is of no student and no teacher of this version of msd; {ADVICE}"
    if inputs.get("pictures"):
        return f"{folder} is a model that reads pixels, which is neither exported nor shown; name a student"
    for name in READ:
        if not Path(inputs[name]).is_file():
            return (
                f"{inputs[name]}, which {folder} was trained with, is not here; call from the project's folder, "
                "or fetch it with DVC"
            )
    hold(folder / "record.json", [*paths, *(Path(inputs[name]) for name in READ)])
    spec = read_json(inputs["spec"])
    if spec["preprocessing"] is None:
        return (
            f"{folder} was trained on boxes of {spec['extractor']}, published for the pictures of its data set alone: "
            "there is no network here that makes them of another picture"
        )
    weights = [Path(path) for path in _features(inputs)["inputs"]["weights"]]
    for path in weights:
        if not path.is_file():
            return f"{path}, by which pictures become features, is not here; `snakemake {path}` fetches it"
    hold(Path(inputs["spec"]).with_name("record.json"), weights)
    return None


def _features(inputs: dict[str, Any]) -> dict[str, Any]:
    """The job that made the features which a job reads."""
    return _job(Path(inputs["spec"]).with_name("record.json"))


def _job(record: Path) -> dict[str, Any]:
    """What `described_job` says of a record; UserError for one that is damaged or of another version."""
    content = read_record(record)
    with decoding(f"{record} does not describe its job", ADVICE):
        return described_job(content)


def _origins(folder: Path, own: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Its record, the inputs of its job, and the job that made the features; UserError as `_lack` says."""
    lack = _lack(folder, own)
    if lack is not None:
        raise UserError(lack)
    inputs = _job(folder / "record.json")["inputs"]
    return read_record(folder / "record.json"), inputs, _features(inputs)


def _best_seed(folder: Path, params: StudentParams) -> int:
    """The seed of the best validation score; the first one where validation was scored by another metric."""
    table = read_columns(folder / "metrics.parquet", "seed", "split", "metric", "value").to_pylist()
    scores = {row["seed"]: row["value"] for row in table if (row["split"], row["metric"]) == ("val", params.metric)}
    sign = 1 if METRICS[params.metric].better == "higher" else -1
    return max(params.seeds, key=lambda seed: sign * scores.get(seed, 0))
