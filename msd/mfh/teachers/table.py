"""Tables of the hypothesis on vision-language teachers: γ of each variant, and the students that it taught."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msd.measure.stats import mean_interval
from msd.mfh.teachers.gain_rank import PREDICTORS, gain_rank_table
from msd.mfh.teachers.predictions import predictions_table
from msd.mfh.teachers.results import TaughtDataset, drawn_interval, load_taught, whole
from msd.mfh.teachers.variants import DIRECTIONS, Direction, Variant, variants_of
from msd.tables.cells import correct

if TYPE_CHECKING:
    from msd.job import Job

Table = dict[str, Any]
VIEW_TITLES = {"both": "image and text", "image": "image", "text": "text"}
METRICS = {"auroc": "AUROC", "accuracy": "accuracy", "micro_f1": "micro-F1", "macro_f1": "macro-F1"}
MEASURES = {**PREDICTORS, "synergy": "Synergy"}
KINDS = {
    "no-kd": "No KD",
    "regular": "Regular teacher",
    "general": "General teacher",
    "specific": "Specific teacher",
    "random": "Random channels",
}
UNDEFINED = {
    "counts": "undefined: both views together find no more than chance does",
    "information": "undefined: neither view tells more of the labels than how frequent they are",
}


def teacher_tables(job: Job) -> list[Table]:
    """The tables `predictions`, `gain_rank`, `variants` and `gamma`; none where the study has no such teachers."""
    if "teacher_gamma" not in job.inputs:
        return []
    taught, params = load_taught(job), job.params["teachers"]
    shared = {"study": job.params["study"], "titles": _titles(taught, params), "checks": []}
    ranks = gain_rank_table(taught, params) | {"study": job.params["study"], "checks": []}
    return [
        predictions_table(taught, ranks, params) | shared,
        ranks,
        variants_table(taught, params) | shared,
        gamma_table(taught, params) | shared,
    ]


def direction_name(direction: Direction | Variant) -> str:
    """text-image for a teacher of texts and a student of images."""
    return f"{direction.teacher}-{direction.student}"


def _titles(taught: Mapping[str, TaughtDataset], params: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    directions = {direction_name(way): way for way in DIRECTIONS}
    return {
        "dataset": {name: results.about["title"] for name, results in taught.items()} | {"all": "All"},
        "metric": {
            name: METRICS.get(results.about["metric"], results.about["metric"]) for name, results in taught.items()
        },
        "direction": {
            name: f"{VIEW_TITLES[way.teacher]} → {VIEW_TITLES[way.student]}" for name, way in directions.items()
        },
        "share": {f"{share:g}": f"r = {share:g}" for share in [0, *params["shares"]]},
        "method": KINDS,
        "measure": MEASURES,
    }


def variants_table(taught: Mapping[str, TaughtDataset], params: Mapping[str, Any]) -> Table:
    """Test score of every student, and its gain over the one without a teacher, paired over seeds and pictures."""
    cells: list[dict[str, Any]] = []
    for name, results in taught.items():
        for way in DIRECTIONS:
            about = {"dataset": name, "direction": direction_name(way), "runs": [results.runs[way.student]]}
            metric = results.about["metric"]
            cells.append(_student(about, metric, "no-kd", 0, results.no_kd[way.student], params) | {"against": None})
            for variant in variants_of(way, params["shares"]):
                found = results.gain(variant)
                against = {
                    "method": "no-kd",
                    "difference": found.difference,
                    "low": found.low,
                    "high": found.high,
                    "p": found.p,
                }
                runs = results.students[variant]
                cell = _student(about, metric, variant.kind, variant.share, runs, params)
                teacher = float(whole(results.teachers[variant]).mean())
                cells.append(cell | {"against": against, "teacher_score": teacher})
    correct(cells)
    return {
        "name": "variants",
        "caption": "Students of every teacher: test score of a student of one modality, and its gain over no KD.",
        "notes": [
            "Teacher → student. A regular teacher has all channels; a general one lacks the share r of its channels "
            "that is least general, a specific one the most general share, the last a random share, drawn a seed.",
            "± is half a 95 % t-interval over seeds. Below: gain over no KD, paired over seeds and test pictures, with "
            "95 % interval and Holm-corrected p.",
            "A single view of the two matching tasks is at chance by construction, and so is a student that reads it.",
            "Where teacher and student have the same view, no modality is crossed: the hypothesis is silent there.",
        ],
        "family": sum(cell["against"] is not None for cell in cells),
        "layout": {"rows": ["dataset", "direction", "share"], "columns": ["method"]},
        "folded": True,
        "cells": cells,
    }


def _student(
    about: Mapping[str, Any], metric: str, kind: str, share: float, runs: list[Any], params: Mapping[str, Any]
) -> dict[str, Any]:
    values = dict(zip(map(str, params["seeds"]), whole(runs).tolist(), strict=True))
    mean, low, high = mean_interval(list(values.values()))
    score = {"metric": metric, "split": "test", "mean": mean, "low": low, "high": high, "n": len(values)}
    return {**about, "method": kind, "share": f"{share:g}", **score, "values": values, "selected": "default"}


def gamma_table(taught: Mapping[str, TaughtDataset], params: Mapping[str, Any]) -> Table:
    """γ of every variant whose direction crosses modalities, its synergy and its own score."""
    cells = []
    for name, results in taught.items():
        for way in [way for way in DIRECTIONS if way.crosses]:
            for variant in variants_of(way, params["shares"]):
                found, runs = results.gamma[variant], results.teachers[variant]
                about = {
                    "dataset": name,
                    "direction": direction_name(way),
                    "share": f"{variant.share:g}",
                    "teacher": KINDS[variant.kind],
                    "method": variant.kind,
                    "runs": [results.folder],
                }
                values = {measure: _gamma(found[measure], measure) for measure in ("counts", "information")}
                if way.teacher != "both":
                    values["synergy"] = _bounds(*found["counts"]["parts"]["synergy"])
                values["score"] = _bounds(*drawn_interval(runs, draws=params["draws"]))
                shared = {"split": "test", "n": len(results.resampling.groups), "values": {}, "selected": "default"}
                cells += [
                    about | {"measure": measure, "metric": measure} | shared | value | {"against": None}
                    for measure, value in values.items()
                ]
    return {
        "name": "gamma",
        "caption": "γ of every teacher: how much of what it knows the student's modality tells too.",
        "notes": [
            "± is half a 95 % percentile interval over resampled test pictures; n is the number of test samples.",
            "By counts: gold labels that both the teacher and its regular self on the student's modality alone find, "
            "of those that either finds, less what both would find by chance. By information: the same in nats, with "
            "probabilities calibrated on validation.",
            "Synergy: gold labels found with image and text together and by neither alone; no part of γ.",
        ],
        "family": 0,
        "layout": {"rows": ["dataset", "direction", "share", "teacher"], "columns": ["measure"]},
        "folded": True,
        "cells": cells,
    }


def _gamma(found: Mapping[str, Any], measure: str) -> dict[str, Any]:
    why = {"why": UNDEFINED[measure]} if found["value"] is None else {}
    return _bounds(found["value"], found["low"], found["high"]) | {"parts": found["parts"]} | why


def _bounds(mean: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    return {"mean": mean, "low": low, "high": high}
