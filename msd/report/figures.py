"""Stage `figures`: every figure of a study as SVG and PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from msd.errors import UserError, nearest
from msd.measure.scorers import FloatArray
from msd.report.densities import densities_figure
from msd.report.examples import examples, examples_figure
from msd.report.plots import curves_figure, main_figure, saliency_figure, saliency_scatter_figure
from msd.report.sensitivity import searched, sensitivity_figure
from msd.report.style import SETTINGS, looks, save
from msd.report.weights import learned_weights, weights_figure
from msd.tables.comparisons import titles
from msd.tables.results import (
    DatasetResults,
    histories,
    load_results,
    mean_by_epoch,
    mean_saliency,
    of_teachers,
    parallel,
)
from msd.tables.table import read_table
from msd.tables.tables import check_params, declared

if TYPE_CHECKING:
    from msd.config.contracts.tables import ReportParams
    from msd.job import Job

UNITS = {"kl": "nats", "js": "nats"}  # of a saliency measure
Curves = dict[str, dict[str, dict[str, pd.DataFrame]]]


def figures(job: Job[ReportParams]) -> dict[str, float]:
    """Write each output by its file name, as .svg or .png.

    main, curves, saliency, saliency-scatter; densities-<dataset> and examples-<dataset>; sensitivity-<parameter>, where
    a method searches that parameter; and weights, where params.learned names a method that learns them.
    """
    check_params(job)
    study = load_results(job)
    makers = _makers(job, study)
    by_name: dict[str, list[str]] = {}
    for path in declared(job):
        name = Path(path).stem
        if name not in makers:
            raise UserError(f"there is no figure {name!r}{nearest(name, makers)}")
        by_name.setdefault(name, []).append(path)
    for name, paths in by_name.items():
        with mpl.rc_context(SETTINGS):
            figure = makers[name]()
        for path in paths:
            save(figure, path)
    return {"figures": float(len(by_name))}


def _makers(job: Job[ReportParams], study: Mapping[str, DatasetResults]) -> dict[str, Callable[[], Figure]]:
    """Figure name -> what draws it."""
    named, styles = titles(job.params), looks(job.params.methods)

    def densities(results: DatasetResults) -> Figure:
        return densities_figure(results, density_methods(job, results), titles=named["method"], styles=styles)

    makers: dict[str, Callable[[], Figure]] = {
        f"densities-{name}": partial(densities, results) for name, results in study.items()
    }
    makers |= {f"examples-{name}": partial(_examples, job, results) for name, results in study.items()}
    makers |= {
        f"sensitivity-{name}": partial(sensitivity_figure, study, name, titles=named, styles=styles)
        for results in study.values()
        for method in results.methods
        for name in searched(results, method)
    }
    makers["main"] = lambda: main_figure(read_table(job.inputs["main"]), styles=styles)
    makers["saliency"] = lambda: saliency_figure(
        _saliency(job, "saliency"), titles=named["dataset"], measure=job.params.saliency_measure
    )
    makers["saliency-scatter"] = lambda: saliency_scatter_figure(
        _saliency(job, "saliency"), titles=named["dataset"], measure=job.params.saliency_measure
    )
    makers["curves"] = lambda: curves_figure(_curves(job, study), titles=named, styles=styles)
    learned = job.params.learned
    if learned is not None:
        makers["weights"] = lambda: weights_figure(
            _weights(job, study, learned), _saliency(job, "train_saliency"), titles=named["dataset"]
        )
    return makers


def _examples(job: Job[ReportParams], results: DatasetResults) -> Figure:
    """Examples of one dataset, answered by the teacher, the baseline and the best method on validation."""
    name, params = results.name, job.params
    methods = list(dict.fromkeys([params.baseline, *filter(None, [results.best_on_validation(params.best_of)])]))
    prepared, pictures = (parallel(job, files)[name] for files in ("prepared", "pictures"))
    moves = mean_saliency(job, "saliency")[name]
    shown = examples(results, methods, prepared=prepared, saliency=moves, titles=titles(params)["method"])
    return examples_figure(shown, pictures=pictures, title=results.title, unit=UNITS.get(params.saliency_measure, ""))


def _weights(job: Job[ReportParams], study: Mapping[str, DatasetResults], learned: str) -> dict[str, pd.DataFrame]:
    """Dataset -> the learned weights of the selected variant, where that method runs."""
    return {
        name: learned_weights(histories(job, name, results.methods[learned]))
        for name, results in study.items()
        if learned in results.methods
    }


def density_methods(job: Job[ReportParams], results: DatasetResults) -> list[str]:
    """From-scratch student, baseline, and the method of params.best_of that is best on validation."""
    params = job.params
    wanted = [params.from_scratch, params.baseline, results.best_on_validation(params.best_of)]
    return list(dict.fromkeys(name for name in wanted if name is not None))


def _saliency(job: Job[ReportParams], files: str) -> dict[str, dict[str, FloatArray]]:
    """Dataset -> modality -> (N,), from the input list `files`."""
    frames = mean_saliency(job, files)
    return {
        name: {modality: frame[modality].to_numpy(dtype=float) for modality in ("image", "text")}
        for name, frame in frames.items()
    }


def _curves(job: Job[ReportParams], study: Mapping[str, DatasetResults]) -> Curves:
    """dataset -> method -> loss and validation score over epochs."""
    teachers = of_teachers(job, "teacher_histories")
    curves: Curves = {}
    for name, results in study.items():
        paths = {"teacher": list(teachers[name].values())}
        paths |= {method: histories(job, name, collected) for method, collected in results.methods.items()}
        curves[name] = {
            method: {"loss": mean_by_epoch(files, "loss"), "score": mean_by_epoch(files, f"val/{results.metric}")}
            for method, files in paths.items()
        }
    return curves
