"""A student of a run, read from results/<study>/students with what its records name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from msd.config.contracts.training import StudentParams
from msd.data.columns import read_columns
from msd.data.rows import npy_rows
from msd.data.tokenizer import read_tokenizer
from msd.deploy.student import Logits, Preprocessing, Student, read_labels
from msd.distill.losses import DATASET_TASKS
from msd.errors import UserError
from msd.features.extract import find
from msd.lineage.record import described_job
from msd.measure.metric import METRICS
from msd.models.files import load_student
from msd.models.views import VIEWS, Inputs
from msd.models.visualbert import VisualBertClassifier
from msd.text_file import read_json, read_text


@dataclass(frozen=True)
class Run:
    """One seed of a run.

    Attributes:
        folder: of the run.   record: its record.json.   params: as run.yaml has them, the chosen point among them.
        inputs: of its job, name -> path.   features: what made the features: the job's own parameters and inputs.
    """

    folder: Path
    record: dict[str, Any]
    params: StudentParams
    inputs: Mapping[str, Any]
    features: dict[str, Any]
    seed: int
    model: VisualBertClassifier

    @property
    def name(self) -> str:
        """Study, dataset, method and seed."""
        study = self.folder.parts[self.folder.parts.index("students") - 1] if "students" in self.folder.parts else "run"
        return f"{study}-{self.params.dataset}-{self.params.method}-seed-{self.seed}"

    @property
    def labels(self) -> list[str]:
        """In the order of the logits."""
        return read_labels(Path(self.inputs["labels"]))

    @property
    def preprocessing(self) -> Preprocessing:
        """How pictures and texts became what the student was trained on."""
        spec = read_json(self.inputs["spec"])
        return Preprocessing(
            size=spec["preprocessing"]["size"],
            regions=self.params.data.regions,
            max_tokens=self.params.data.max_tokens,
            removal=self.params.removal,
            extractor=spec["extractor"],
            weights_sha256=spec["weights_sha256"],
        )

    @cached_property
    def extractor(self) -> Callable[[Tensor], Tensor]:
        """The network of pictures."""
        return find(self.features["params"]["module"])(Path(self.features["inputs"]["weights"]))

    def student(self) -> Student:
        """It as PyTorch runs it."""

        def logits(inputs: Inputs) -> Logits:
            with torch.inference_mode():
                outputs = self.model(inputs, VIEWS, removal=self.params.removal)
            return {view: outputs[view].logits for view in VIEWS}

        def extract(pixels: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                features: np.ndarray = self.extractor(torch.from_numpy(pixels)).numpy()
            return features

        return Student(
            self.name,
            self.labels,
            DATASET_TASKS[self.params.dataset_task],
            self.preprocessing,
            read_tokenizer(self.inputs["tokenizer"], max_tokens=self.params.data.max_tokens),
            logits,
            extract,
        )


def open_run(folder: Path, *, seed: int | None = None) -> Run:
    """A run's student of one seed, of the best validation score if None; UserError where a file of it is missing."""
    record = read_json(folder / "record.json")
    params = StudentParams.model_validate(yaml.safe_load(read_text(folder / "run.yaml")))
    if seed is not None and seed not in params.seeds:
        raise UserError(f"{folder} has no seed {seed}; it has {', '.join(map(str, params.seeds))}")
    inputs = described_job(record)["inputs"]
    for name in ("labels", "tokenizer", "regions", "spec", "test"):
        if not Path(inputs[name]).is_file():
            raise UserError(f"{inputs[name]}, which the run {folder} was trained with, is not here; call from the "
                            "project's folder, or fetch it with DVC")  # fmt: skip
    features = described_job(read_json(Path(inputs["spec"]).with_name("record.json")))
    if not Path(features["inputs"]["weights"]).is_file():
        raise UserError(f"{features['inputs']['weights']}, by which pictures become features, is not here; "
                        f"`snakemake {features['inputs']['weights']}` fetches it")  # fmt: skip
    chosen = _best_seed(folder, params) if seed is None else seed
    config = {
        **params.architecture.model_dump(),
        "vocabulary": len(read_json(inputs["tokenizer"])["model"]["vocab"]),
        "labels": len(read_labels(Path(inputs["labels"]))),
        "region_width": npy_rows(inputs["regions"]).shape[2],
    }
    model = load_student(str(folder / "models.safetensors"), seed=chosen, config=config)
    return Run(folder, record, params, inputs, features, chosen, model)


def _best_seed(folder: Path, params: StudentParams) -> int:
    """The seed of the best validation score; the first one where validation was scored by another metric."""
    table = read_columns(folder / "metrics.parquet", "seed", "split", "metric", "value").to_pylist()
    scores = {row["seed"]: row["value"] for row in table if (row["split"], row["metric"]) == ("val", params.metric)}
    sign = 1 if METRICS[params.metric].better == "higher" else -1
    return max(params.seeds, key=lambda seed: sign * scores.get(seed, 0))
