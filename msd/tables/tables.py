"""Stage `tables`: every table of a study, as JSON and in the forms rendered from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from msd.config.claims import read_claims
from msd.errors import UserError, nearest
from msd.measure.intervals import mean_if_known
from msd.measure.metric import measures
from msd.system.temporary import paths_of
from msd.system.text_file import read_json
from msd.tables.claims import claims_table
from msd.tables.comparisons import (
    main_table,
    missing_table,
    pairs_table,
    teacher_table,
    thresholds_table,
    views_table,
)
from msd.tables.descriptions import classes_table, cost_table, grid_table, latency_table, lesson_table
from msd.tables.digests import prediction_digests
from msd.tables.names import VIEWS, combined_pairs, table_names, weighting_pairs
from msd.tables.near_copies import near_copies_table
from msd.tables.render import RENDERINGS
from msd.tables.results import (
    Array,
    DatasetResults,
    histories,
    load_results,
    mean_by_epoch,
    mean_saliency,
    of_teachers,
    parallel,
)
from msd.tables.saliency import saliency_table
from msd.tables.study_results import StudyResults, evaluate_metrics, method_values
from msd.tables.table import Table

if TYPE_CHECKING:
    from msd.config.contracts.tables import ReportParams
    from msd.job import Job


def tables(job: Job[ReportParams]) -> dict[str, float]:
    """Write each output by its file name: <table>.{json,csv,md,tex}, metrics.json, predictions.json and curves.csv.

    Returns the means of the main table as <dataset>/<method>.
    """
    check_params(job)
    study = read_study(job)
    made = build_tables(job, study)
    texts = {f"{name}.{form}": render(table) for name, table in made.items() for form, render in RENDERINGS.items()}
    texts["predictions.json"] = _json(prediction_digests(study.datasets))
    texts["metrics.json"] = _json(_flat_metrics(study.datasets))
    texts["curves.csv"] = training_curves(job, study.datasets).to_csv(index=False, lineterminator="\n")
    for path in declared(job):
        name = Path(path).name
        if name not in texts:
            raise UserError(f"there is no table file {name!r}{nearest(name, texts)}")
        Path(path).write_text(texts[name], encoding="utf-8")
    means = {f"{cell.dataset}/{cell.method}": cell.value.mean for cell in made["main"].cells}
    return {name: mean for name, mean in means.items() if mean is not None}


def read_study(job: Job[ReportParams]) -> StudyResults:
    """The results of all datasets."""
    return StudyResults(job.params, load_results(job))


def build_tables(job: Job[ReportParams], study: StudyResults) -> dict[str, Table]:
    """Table name -> table, for all that `table_names` lists."""
    names = [method.name for method in job.params.methods]
    summaries = {
        name: {seed: read_json(path) for seed, path in paths.items()}
        for name, paths in of_teachers(job, "saliency").items()
    }
    frames = mean_saliency(job, "test_saliency")
    costs = {name: read_json(path) for name, path in parallel(job, "costs").items()}
    answers = {
        name: {seed: read_json(path) for seed, path in paths.items()}
        for name, paths in of_teachers(job, "teacher_metrics").items()
    }
    tasks = [about.task for about in job.params.datasets]
    unweighted = "Test score of each weighting scheme of MSD, and its difference to another one."
    on_top = "Test score of other distillation losses, and what the terms of MSD on top of them change."
    makers: dict[str, Callable[[], Table]] = {
        "main": lambda: main_table(study),
        "teacher": lambda: teacher_table(study),
        "views": lambda: views_table(study),
        "missing": lambda: missing_table(study),
        "weighting": lambda: pairs_table(study, "weighting", weighting_pairs(names), caption=unweighted),
        "combined": lambda: pairs_table(study, "combined", combined_pairs(names), caption=on_top),
        "near-copies": lambda: near_copies_table(study),
        "thresholds": lambda: thresholds_table(study),
        "lesson": lambda: lesson_table(study, answers),
        "saliency": lambda: saliency_table(summaries, study),
        "saliency-classes": lambda: classes_table(study, frames),
        "cost": lambda: cost_table(costs, job.params),
        "latency": lambda: latency_table(costs, job.params),
        "grid": lambda: grid_table(study),
    }
    made = {name: makers[name]() for name in table_names(names, tasks) if name in makers}
    return made | {"claims": claims_table(read_claims(job.inputs["claims"]), made, study)}


def training_curves(job: Job[ReportParams], study: Mapping[str, DatasetResults]) -> pd.DataFrame:
    """step, epoch, dataset, method, value: mean training loss per epoch of the teacher and each selected variant."""
    parts = []
    for name, paths in of_teachers(job, "teacher_histories").items():
        parts.append(mean_by_epoch(list(paths.values()), "loss").assign(dataset=name, method="teacher"))
        for method, collected in study[name].methods.items():
            curve = mean_by_epoch(histories(job, name, collected), "loss")
            parts.append(curve.assign(dataset=name, method=method))
    return pd.concat(parts)[["step", "epoch", "dataset", "method", "value"]]


def check_params(job: Job[ReportParams]) -> None:
    """Raise UserError when the baseline or another method that params name is not among the methods."""
    names = [method.name for method in job.params.methods]
    wanted = [job.params.baseline, job.params.from_scratch, *job.params.best_of]
    for name in [name for name in wanted if name not in names]:
        hint = nearest(name, names)
        raise UserError(f"the study {job.params.study} compares with {name!r}, which it does not run{hint}")


def declared(job: Job[ReportParams]) -> list[str]:
    """Paths of all declared outputs that the stage writes itself."""
    return paths_of({name: value for name, value in job.outputs.items() if name not in ("record", "metrics")})


def _flat_metrics(study: Mapping[str, DatasetResults]) -> dict[str, Any]:
    """dataset -> method -> metric -> mean test value (null where undefined), for DVC."""
    flat: dict[str, Any] = {}
    for name, results in study.items():
        references = {"teacher": list(results.teachers["both"].values())}
        references |= {} if results.probe is None else {"probe": [results.probe]}
        flat[name] = {method: _measured(results, models) for method, models in references.items()}
        for method, models in references.items():
            scores = [evaluate_metrics(results, logits) for logits in models]
            flat[name][method] |= {metric: mean_if_known([one[metric] for one in scores]) for metric in scores[0]}
        for method, collected in results.methods.items():
            stated = collected.content["metrics"]["test"]
            predicted = {view: list(collected.logits("test", view).values()) for view in VIEWS}
            flat[name][method] = _measured(results, predicted["both"])
            flat[name][method] |= {metric: mean_if_known(list(values.values())) for metric, values in stated.items()}
            for view in VIEWS:
                alike = method_values(results, collected, view=view, kind="agreement").values()
                flat[name][method][f"agreement/{view}"] = mean_if_known(list(alike))
    return flat


def _measured(results: DatasetResults, seeds: list[Array]) -> dict[str, float | None]:
    """The mean over seeds of all further measures."""
    task, further = results.task, results.further_metrics
    by_seed = [measures(logits, results.targets, dataset_task=task, further=further) for logits in seeds]
    return {name: mean_if_known([one[name].value for one in by_seed]) for name in sorted(by_seed[0])}


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
