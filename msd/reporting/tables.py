"""Stage `tables`: every table of a study, as JSON and in the forms rendered from it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from msd.errors import UserError
from msd.reporting.cells import Study, evaluate_metrics
from msd.reporting.comparisons import Table, main_table, saliency_table, teacher_table, views_table
from msd.reporting.render import RENDERINGS
from msd.reporting.results import DatasetResults, histories, load_results, mean_by_epoch, parallel, read_json

if TYPE_CHECKING:
    from msd.job import Job


def tables(job: Job) -> dict[str, float]:
    """Write each output by its file name: <table>.{json,csv,md,tex}, metrics.json and curves.csv.

    Returns the means of the main table as <dataset>/<method>.
    """
    check_params(job)
    study = read_study(job)
    made = build_tables(job, study)
    texts = {f"{name}.{form}": render(table) for name, table in made.items() for form, render in RENDERINGS.items()}
    texts["metrics.json"] = _json(_flat_metrics(study.datasets))
    texts["curves.csv"] = training_curves(job, study.datasets).to_csv(index=False, lineterminator="\n")
    for path in declared(job):
        name = Path(path).name
        if name not in texts:
            near = difflib.get_close_matches(name, texts, n=1) or sorted(texts)
            raise UserError(f"there is no table file {name!r}; did you mean {near[0]!r}?")
        Path(path).write_text(texts[name], encoding="utf-8")
    means = {f"{cell['dataset']}/{cell['method']}": cell["mean"] for cell in made["main"]["cells"]}
    return {name: mean for name, mean in means.items() if mean is not None}


def read_study(job: Job) -> Study:
    """The results of all datasets, with the seeds of their teachers."""
    seeds = {
        name: str(pd.read_parquet(path, columns=["seed"])["seed"].iloc[0])
        for name, path in parallel(job, "teacher_histories").items()
    }
    return Study(job.params, load_results(job), seeds)


def build_tables(job: Job, study: Study) -> dict[str, Table]:
    """Table name -> its JSON."""
    summaries = {name: read_json(path) for name, path in parallel(job, "saliency").items()}
    return {
        "main": main_table(study),
        "teacher": teacher_table(study),
        "views": views_table(study),
        "saliency": saliency_table(summaries, job.params),
    }


def training_curves(job: Job, study: Mapping[str, DatasetResults]) -> pd.DataFrame:
    """step, epoch, dataset, method, value: mean training loss per epoch of the teacher and each selected variant."""
    parts = []
    for name, path in parallel(job, "teacher_histories").items():
        parts.append(mean_by_epoch([path], "loss").assign(dataset=name, method="teacher"))
        for method, cell in study[name].cells.items():
            curve = mean_by_epoch(histories(job, name, cell), "loss")
            parts.append(curve.assign(dataset=name, method=method))
    return pd.concat(parts)[["step", "epoch", "dataset", "method", "value"]]


def check_params(job: Job) -> None:
    """Raise UserError when the baseline or another method that params name is not among the methods."""
    names = [method["name"] for method in job.params["methods"]]
    wanted = [job.params.get("baseline"), job.params.get("from_scratch"), *job.params.get("best_of", [])]
    for name in [name for name in wanted if name is not None and name not in names]:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"its methods are {', '.join(names)}"
        raise UserError(f"the study {job.params['study']} compares with {name!r}, which it does not run; {hint}")


def declared(job: Job) -> list[str]:
    """Paths of all declared outputs that the stage writes itself."""
    paths = []
    for name, value in job.outputs.items():
        if name not in ("record", "metrics"):
            paths += value if isinstance(value, list) else [value]
    return paths


def _flat_metrics(study: Mapping[str, DatasetResults]) -> dict[str, Any]:
    """dataset -> method -> metric -> mean test value (null where undefined), for DVC."""
    flat: dict[str, Any] = {}
    for name, results in study.items():
        references = {"teacher": results.teacher["both"]} | ({} if results.probe is None else {"probe": results.probe})
        flat[name] = {method: evaluate_metrics(results, logits) for method, logits in references.items()}
        for method, cell in results.cells.items():
            measured = cell.content["metrics"]["test"]
            flat[name][method] = {metric: _mean(list(values.values())) for metric, values in measured.items()}
    return flat


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
