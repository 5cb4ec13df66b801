"""Stages `choose` and `collect`: a method's variant is chosen on validation, and all its seeds make a cell."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from msd.data.columns import read_columns
from msd.data.tensor_file import Stored, new_tensors, stored_tensors
from msd.errors import UserError
from msd.measure.metric import METRICS
from msd.tables.answer_scores import answer_metrics, read_answer_scores
from msd.tables.names import VIEWS, in_view

if TYPE_CHECKING:
    from msd.config.contracts.tables import CollectParams
    from msd.job import Job

Values = dict[str, dict[str, dict[str, float]]]
"""split -> metric -> seed -> value."""


@dataclass
class Variant:
    """One configuration with all its blocks of seeds.

    Attributes:
        name: of the configuration.   parameters: of the method.   runs: folder of each block.
        predictions: seed -> file.   teachers: seed -> seed of its teacher.   metrics: split -> metric -> seed -> value.
    """

    name: str
    parameters: dict[str, Any]
    runs: list[str] = field(default_factory=list)
    predictions: dict[str, str] = field(default_factory=dict)
    teachers: dict[str, str] = field(default_factory=dict)
    metrics: Values = field(default_factory=dict)

    def mean(self, split: str, metric: str, seeds: Iterable[int | str] | None = None) -> float:
        """Mean over seeds, all if None."""
        values = self.metrics[split][metric]
        chosen = [values[str(seed)] for seed in (values if seeds is None else seeds)]
        return math.fsum(chosen) / len(chosen)


def choose(job: Job[CollectParams]) -> dict[str, float]:
    """Write choice.json: variant and parameters of the grid's best point, which all other seeds will train."""
    variants = _read_variants(job)
    best = _best(variants, job, splits=("val",))
    choice = {"variant": best.name, "parameters": best.parameters, "seeds": job.params.search_seeds}
    Path(job.outputs["choice"]).write_text(json.dumps(choice, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return {f"val/{variant.name}": variant.mean("val", job.params.metric) for variant in variants}


def collect(job: Job[CollectParams]) -> dict[str, float]:
    """Write cell.json and the predictions of the variant with the best mean validation score.

    The primary metric (params.metric) decides, averaged over params.search_seeds; of equal variants the first listed
    wins. Raises UserError for seeds that are missing, occur twice or differ between variants.
    """
    params = job.params
    variants = _read_variants(job)
    best = _best(variants, job, splits=("val", "test"))
    _check_all_seeds(best, variants, where=f"{params.dataset}/{params.method}")
    _write_predictions(best, job.outputs["predictions"])
    cell = _describe(best, variants, params)
    Path(job.outputs["cell"]).write_text(json.dumps(cell, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return {f"{split}/{params.metric}": best.mean(split, params.metric) for split in ("val", "test")}


def _best(variants: Sequence[Variant], job: Job[CollectParams], *, splits: Sequence[str]) -> Variant:
    """The variant with the best mean validation score of the seeds that choose."""
    params = job.params
    _add_answer_metrics(variants, job, splits=splits)
    _check_seeds(variants, params, splits=splits, where=f"{params.dataset}/{params.method}")
    return max(variants, key=lambda variant: variant.mean("val", params.metric, params.search_seeds))


def _read_variants(job: Job[CollectParams]) -> list[Variant]:
    """Variants in the order of their first block."""
    variants: dict[str, Variant] = {}
    inputs = (job.inputs["metrics"], job.inputs["runs"], job.inputs["predictions"])
    for metrics_path, run_path, predictions_path in zip(*inputs, strict=True):
        run = yaml.safe_load(Path(run_path).read_text(encoding="utf-8"))
        for key in ("dataset", "method"):
            if run[key] != getattr(job.params, key):
                raise UserError(f"{run_path} is a run of {key} {run[key]!r}, not of {getattr(job.params, key)!r}")
        variant = variants.setdefault(run["variant"], Variant(run["variant"], run["parameters"]))
        if run["parameters"] != variant.parameters:
            raise UserError(f"{run_path} has other parameters than {variant.runs[0]}/run.yaml of the same variant")
        variant.runs.append(str(Path(run_path).parent))
        _add_block(variant, metrics_path, predictions_path, seeds=[str(seed) for seed in run["seeds"]])
        variant.teachers |= {str(seed): str(of) for seed, of in zip(run["seeds"], run["teachers"], strict=True)}
    if not variants:
        raise UserError(f"there are no runs of {job.params.dataset}/{job.params.method} to collect")
    return list(variants.values())


def _add_block(variant: Variant, metrics_path: str, predictions_path: str, *, seeds: Sequence[str]) -> None:
    for seed in seeds:
        if seed in variant.predictions:
            raise UserError(f"{metrics_path} holds seed {seed} of {variant.name!r}, which another block holds too")
        variant.predictions[seed] = predictions_path
    rows = read_columns(metrics_path, "seed", "split", "metric", "value").to_pylist()
    unexpected = {str(row["seed"]) for row in rows} ^ set(seeds)
    if unexpected:
        raise UserError(f"{metrics_path} and its run.yaml disagree about seed {min(unexpected)}; run it again")
    for row in rows:
        by_seed = variant.metrics.setdefault(row["split"], {}).setdefault(row["metric"], {})
        if str(row["seed"]) in by_seed:
            raise UserError(f"{metrics_path} holds {row['split']}/{row['metric']} of seed {row['seed']} twice")
        by_seed[str(row["seed"])] = math.nan if row["value"] is None else row["value"]


def _add_answer_metrics(variants: Sequence[Variant], job: Job[CollectParams], *, splits: Sequence[str]) -> None:
    """Metrics of answers as people gave them, where the prepared tables have these, from the predictions."""
    labels = json.loads(Path(job.inputs["labels"]).read_text(encoding="utf-8"))
    for split in splits:
        answers = read_answer_scores(job.inputs[split], labels=labels)
        for variant in variants if answers else []:
            for seed, path in variant.predictions.items():
                stored = stored_tensors(path)[1]
                for view in VIEWS:
                    logits = stored[f"seed-{seed}/{split}/{view}"].values()
                    for metric, value in answer_metrics(logits, answers).items():
                        variant.metrics[split].setdefault(in_view(metric, view), {})[seed] = value


def _check_seeds(variants: Sequence[Variant], params: CollectParams, *, splits: Sequence[str], where: str) -> None:
    """Every variant has the primary metric for the seeds that choose on all splits, finite on validation."""
    metric, choosing = params.metric, [str(seed) for seed in params.search_seeds]
    for variant in variants:
        for split in splits:
            values = variant.metrics.get(split, {}).get(metric)
            if values is None:
                of_answers = " of people's answers, and the prepared tables hold none: give `accuracy`"
                hint = of_answers if metric in METRICS and METRICS[metric].of_answers else ""
                raise UserError(f"{where}/{variant.name} has no {split} value of the metric {metric!r}{hint}")
            missing = [seed for seed in choosing if seed not in values]
            if missing:
                raise UserError(f"{where}/{variant.name} lacks seed {missing[0]}, which another variant has; run it")
        undefined = [seed for seed in choosing if not math.isfinite(variant.metrics["val"][metric][seed])]
        if undefined:
            raise UserError(f"{where}/{variant.name} has no finite validation {metric} for seed {undefined[0]}")


def _check_all_seeds(best: Variant, variants: Sequence[Variant], *, where: str) -> None:
    """The chosen variant has every seed that another one has."""
    for variant in variants:
        missing = sorted(variant.predictions.keys() - best.predictions.keys(), key=int)
        if missing:
            raise UserError(
                f"{where}/{best.name} is the best on validation, but lacks seed {missing[0]} of {variant.name}; run it"
            )


def _describe(best: Variant, variants: Sequence[Variant], params: CollectParams) -> dict[str, Any]:
    """cell.json; seeds in numeric order, undefined values null."""
    metric, seeds, all_seeds = params.metric, len(params.search_seeds), len(best.predictions)

    def score(variant: Variant, split: str) -> dict[str, Any]:
        mean = variant.mean(split, metric)
        return {"mean": mean if math.isfinite(mean) else None, "values": _ordered(variant.metrics[split][metric])}

    return {
        **{"dataset": params.dataset, "method": params.method, "title": params.title, "selected": best.name},
        "selection": f"mean validation {metric} over {seeds} seed{'s' if seeds > 1 else ''}"
        + (f", the first of {all_seeds}" if seeds < all_seeds else ""),
        "teachers": {seed: best.teachers[seed] for seed in sorted(best.teachers, key=int)},
        "variants": [
            {"variant": variant.name, "parameters": variant.parameters, "runs": variant.runs}
            | {split: score(variant, split) for split in ("val", "test")}
            for variant in variants
        ],
        "metrics": {
            split: {name: _ordered(values) for name, values in sorted(best.metrics[split].items())}
            for split in sorted(best.metrics)
        },
        "runs": best.runs,
    }


def _ordered(values: dict[str, float]) -> dict[str, float | None]:
    return {seed: values[seed] if math.isfinite(values[seed]) else None for seed in sorted(values, key=int)}


def _write_predictions(best: Variant, path: str) -> None:
    """Copy seed-<k>/<split>/<view> of every seed of the chosen variant into one file."""
    predictions: dict[str, Stored] = {}
    for seed in sorted(best.predictions, key=int):
        stored = stored_tensors(best.predictions[seed])[1]
        of_seed = {name: rows for name, rows in stored.items() if name.startswith(f"seed-{seed}/")}
        if not of_seed:
            raise UserError(f"{best.predictions[seed]} has no predictions of seed {seed}; run it again")
        predictions |= of_seed
    copies = new_tensors(path, {name: (rows.dtype, rows.shape) for name, rows in predictions.items()})
    for name, rows in predictions.items():
        rows.copy_to(copies[name])
