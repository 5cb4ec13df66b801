"""Finished results of a study, read for tables and figures: one object a dataset, one a method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import safe_open

from msd.data.prepared_table import near_copies, picture_groups, read_targets
from msd.distill.losses import DATASET_TASKS
from msd.distill.top_logits import TopLogits, all_logits
from msd.errors import UserError
from msd.system.text_file import read_json
from msd.tables.answer_scores import read_answer_scores
from msd.tables.names import VIEWS

if TYPE_CHECKING:
    from msd.config.contracts.tables import ReportParams
    from msd.job import Job

Array = NDArray[Any]


@dataclass(frozen=True)
class StoredLogits(Mapping[str, Array]):
    """Seed -> logits (N, C), read each time that they are asked for: memory need not hold those of all models.

    Attributes:
        places: seed -> file and key.
    """

    places: Mapping[str, tuple[str, str]]

    def __getitem__(self, seed: str) -> Array:
        return read_logits(*self.places[seed])

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True)
class MethodResults:
    """What `collect` wrote of one method on one dataset."""

    content: dict[str, Any]
    predictions: str

    @property
    def seeds(self) -> list[str]:
        """Seeds of the selected variant, in order."""
        return list(self.content["teachers"])

    @property
    def teachers(self) -> dict[str, str]:
        """Seed -> the seed of the teacher that the student learned from, or is compared with."""
        teachers: dict[str, str] = self.content["teachers"]
        return teachers

    def values(self, split: str, metric: str) -> dict[str, float | None]:
        """Seed -> value; raises UserError for a metric that was never measured."""
        measured = self.content["metrics"][split]
        if metric not in measured:
            where = f"{self.content['dataset']}/{self.content['method']}"
            raise UserError(f"{where} has no {split} metric {metric!r}; it has {', '.join(sorted(measured))}")
        values: dict[str, float | None] = measured[metric]
        return values

    def logits(self, split: str, view: str) -> StoredLogits:
        """Seed -> logits (N, C)."""
        return StoredLogits({seed: (self.predictions, f"seed-{seed}/{split}/{view}") for seed in self.seeds})


@dataclass(frozen=True)
class DatasetResults:
    """All that is known of one dataset: gold targets, the teacher's and the probe's outputs, the methods' results.

    Attributes:
        name, title, task, metric, further_metrics: of the dataset's file.   labels: C names.
        targets: (N,) classes or (N, C) scores of the test split.
        teachers: view -> seed of a teacher -> logits (N, C) of the test split.   methods: name -> results.
        groups: (N,) number of each test sample's picture.
        near_copies: (N,) whether training has nearly seen a test sample.
        answers: metric -> scores (N, C) of the labels as answers; empty where people gave none.
        probe: logits (N, C) of the test split by the linear probe, if there is one.
    """

    name: str
    title: str
    task: str
    metric: str
    labels: Sequence[str]
    targets: Array
    teachers: Mapping[str, Mapping[str, Array]]
    methods: Mapping[str, MethodResults]
    groups: NDArray[np.int64]
    near_copies: NDArray[np.bool_]
    answers: Mapping[str, Array]
    probe: Array | None = None
    further_metrics: Sequence[str] = ()

    def best_on_validation(self, methods: Sequence[str]) -> str | None:
        """Of some methods the one with the best mean validation score, the first of equals; never chosen on test."""

        def score(method: str) -> float:
            known = [value for value in self.methods[method].values("val", self.metric).values() if value is not None]
            return sum(known) / len(known)

        return max((name for name in methods if name in self.methods), key=score, default=None)

    @property
    def gold(self) -> Array:
        """What the primary metric compares with: the targets, or the scores of the labels as answers."""
        return self.answers.get(self.metric, self.targets)


def parallel(job: Job[ReportParams], name: str) -> dict[str, str]:
    """Dataset -> path of an input list that runs parallel to params.datasets."""
    paths = job.inputs[name]
    paths = [paths] if isinstance(paths, str) else paths
    datasets = [about.name for about in job.params.datasets]
    if len(paths) != len(datasets):
        raise UserError(f"the {job.rule} job has {len(paths)} inputs {name!r} for {len(datasets)} datasets")
    return dict(zip(datasets, paths, strict=True))


def of_teachers(job: Job[ReportParams], name: str) -> dict[str, dict[str, str]]:
    """Dataset -> seed of a teacher -> path of an input list that runs parallel to all teachers of params.datasets."""
    paths = job.inputs[name]
    paths = [paths] if isinstance(paths, str) else paths
    places = [(about.name, str(seed)) for about in job.params.datasets for seed in about.teachers]
    if len(paths) != len(places):
        raise UserError(f"the {job.rule} job has {len(paths)} inputs {name!r} for {len(places)} teachers")
    by_dataset: dict[str, dict[str, str]] = {about.name: {} for about in job.params.datasets}
    for (dataset, seed), path in zip(places, paths, strict=True):
        by_dataset[dataset][seed] = path
    return by_dataset


def load_results(job: Job[ReportParams]) -> dict[str, DatasetResults]:
    """Dataset -> results, from the inputs cells, cell_predictions, prepared, labels, teacher_outputs (and probes)."""
    methods = _load_methods(job)
    prepared, labels = (parallel(job, name) for name in ("prepared", "labels"))
    outputs = of_teachers(job, "teacher_outputs")
    probes = parallel(job, "probes") if "probes" in job.inputs else {}
    results = {}
    for about in job.params.datasets:
        name = about.name
        names = read_json(labels[name])
        teachers = {
            view: StoredLogits({seed: (path, f"{view}/logits") for seed, path in outputs[name].items()})
            for view in VIEWS
        }
        probe = read_tensors(probes[name], {"both": "test/both"})["both"] if name in probes else None
        results[name] = DatasetResults(
            *(name, about.title, about.task, about.metric),
            labels=names,
            targets=read_targets(prepared[name], labels=len(names), task=DATASET_TASKS[about.task]),
            teachers=teachers,
            methods=methods[name],
            answers=read_answer_scores(prepared[name], labels=names),
            groups=picture_groups(prepared[name]),
            near_copies=near_copies(prepared[name]),
            probe=probe,
            further_metrics=about.further_metrics,
        )
        _check_rows(results[name], prepared[name])
    return results


def _load_methods(job: Job[ReportParams]) -> dict[str, dict[str, MethodResults]]:
    """Dataset -> method -> its results, for the methods that run on it, in their order; a missing one is an error."""
    collected = {}
    for path, predictions in zip(job.inputs["cells"], job.inputs["cell_predictions"], strict=True):
        content = read_json(path)
        collected[content["dataset"], content["method"]] = MethodResults(content, predictions)
    results: dict[str, dict[str, MethodResults]] = {}
    for about in job.params.datasets:
        results[about.name] = {}
        for method in about.methods:
            if (about.name, method) not in collected:
                raise UserError(f"the {job.rule} job has no cell of {about.name}/{method} among its inputs")
            results[about.name][method] = collected[about.name, method]
    return results


def _check_rows(results: DatasetResults, prepared: str) -> None:
    """Raise unless every prediction has one row per prepared sample."""
    rows = len(results.targets)
    models = {f"the teacher's {view}": by_seed for view, by_seed in results.teachers.items()}
    models |= {f"{method}'s": collected.logits("test", "both") for method, collected in results.methods.items()}
    models |= {} if results.probe is None else {"the probe's": {"0": results.probe}}
    for what, by_seed in models.items():
        for seed, logits in by_seed.items():
            if logits.shape != (rows, len(results.labels)):
                raise UserError(
                    f"{results.name}: {what} predictions (seed {seed}) have shape {logits.shape}, but {prepared} has "
                    f"{rows} rows and {len(results.labels)} labels; run the workflow again"
                )


def mean_by_epoch(paths: Sequence[str], term: str) -> pd.DataFrame:
    """One training curve of history.parquet files: per epoch its last step and the mean over steps and seeds."""
    history = pd.concat([pd.read_parquet(path, filters=[("term", "==", term)]) for path in paths])
    return history.groupby("epoch", as_index=False).agg(step=("step", "max"), value=("value", "mean"))


def histories(job: Job[ReportParams], dataset: str, collected: MethodResults) -> list[str]:
    """The histories of a method's selected runs; raises UserError when the job does not declare one of them."""
    paths = [f"{folder}/history.parquet" for folder in collected.content["runs"]]
    for path in paths:
        if path not in job.inputs["histories"]:
            raise UserError(f"the {job.rule} job lacks {path}, the history of a selected run of {dataset}")
    return paths


def mean_saliency(job: Job[ReportParams], name: str) -> dict[str, pd.DataFrame]:
    """Dataset -> columns uid, image and text: the saliency of each sample, its mean over teachers."""
    saliency = {}
    for dataset, paths in of_teachers(job, name).items():
        frames = [pd.read_parquet(path) for path in paths.values()]
        means = {key: np.mean([frame[key] for frame in frames], axis=0) for key in ("image", "text")}
        saliency[dataset] = frames[0][["uid"]].assign(**means)
    return saliency


def read_tensors(path: str, keys: Mapping[str, str]) -> dict[str, Array]:
    """Name -> float32 tensor, for names -> keys of a safetensors file."""
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(key).astype(np.float32) for name, key in keys.items()}


def read_logits(path: str, key: str) -> Array:
    """Float32 logits (N, C), also those of a teacher of which the largest alone were kept."""
    with safe_open(path, framework="pt") as file:
        if key in file.keys():  # noqa: SIM118 - no mapping
            return np.asarray(file.get_tensor(key).float().numpy())
        view = key.removesuffix("/logits")
        tops = TopLogits(*(file.get_tensor(f"{view}/top/{name}") for name in TopLogits._fields))
        return np.asarray(all_logits(tops, len(file.get_tensor("head/bias"))).numpy())
