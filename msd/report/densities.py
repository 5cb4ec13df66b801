"""Densities of model outputs per view: the paper's figure 1, for any dataset."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit, softmax

from msd.distill.losses import DATASET_TASKS
from msd.measure.scorers import FloatArray
from msd.report.style import Look, legend, new_figure
from msd.tables.names import VIEWS
from msd.tables.results import Array, DatasetResults

BANDWIDTH = 0.03
BINS = 400
VIEW_TITLES = {"both": "image and text", "image": "image alone", "text": "text alone"}


def density(values: FloatArray, *, low: float, high: float, bandwidth: float) -> tuple[FloatArray, FloatArray]:
    """Positions and Gaussian kernel density, reflected at low and high, where what lies outside counts: integral 1."""
    counts, edges = np.histogram(np.clip(values, low, high), bins=BINS, range=(low, high), density=True)
    smooth = gaussian_filter1d(counts, bandwidth / (high - low) * BINS, mode="reflect")
    return (edges[:-1] + edges[1:]) / 2, smooth


def gold_probability(logits: Array, targets: Array, *, dataset_task: str) -> FloatArray:
    """What the density figures show: the probability of the positive class (binary) or of the gold label.

    One value a sample; for multi-label data one for each gold label of each sample. For vqa the gold label is the
    answer with the highest score, the first of equals.
    """
    z = logits.astype(np.float64)
    if DATASET_TASKS[dataset_task] == "multiclass":
        chosen = np.ones_like(targets) if dataset_task == "binary" else targets
        return np.asarray(softmax(z, axis=1)[np.arange(len(z)), chosen])
    probability = expit(z)
    if dataset_task == "vqa":
        return np.asarray(probability[np.arange(len(z)), targets.argmax(axis=1)])
    return np.asarray(probability[targets > 0.5])


def densities_figure(
    results: DatasetResults, methods: list[str], *, titles: Mapping[str, str], styles: Mapping[str, Look]
) -> Figure:
    """One panel a view: densities over the test split of the teacher and of `methods`, all seeds together."""
    figure, panels = new_figure(len(VIEWS), row_height=1.55, sharex=True)
    for view, [axes] in zip(VIEWS, panels, strict=True):
        drawn = {"teacher": list(results.teachers[view].values())}
        drawn |= {method: list(results.methods[method].logits("test", view).values()) for method in methods}
        for name, logits in drawn.items():
            values = np.concatenate(
                [gold_probability(one, results.targets, dataset_task=results.task) for one in logits]
            )
            at, height = density(values, low=0.0, high=1.0, bandwidth=BANDWIDTH)
            look = styles[name]
            above = 5 if name == "teacher" else 3  # its dots stay visible where a student copies it well
            line: dict[str, Any] = {"color": look.colour, "linestyle": look.dash, "zorder": above}
            if name != "teacher":  # marks, staggered, tell lines apart without colour
                line |= {"marker": look.marker, "markersize": 5, "markevery": (12 * len(axes.lines), 60)}
            axes.plot(at, height, label=titles[name], **line)
        axes.set_title(f"{results.title} · {VIEW_TITLES[view]}")
        axes.set_ylabel("Density")
        axes.set_ylim(bottom=0)
        axes.set_xlim(0, 1)
    panels[-1][0].set_xlabel(_what(results))
    legend(figure, panels[0][0], columns=2)
    return figure


def _what(results: DatasetResults) -> str:
    if results.task == "binary":
        return f"Probability of “{results.labels[1]}”"
    return "Probability of the gold label" + ("s" if results.task == "multilabel" else "")
