"""The learned weights of MSD: how they move in training, and how they go with saliency."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from msd.errors import UserError
from msd.measure.scorers import FloatArray
from msd.report.densities import VIEW_TITLES
from msd.report.style import INK, PALETTE, legend, new_figure
from msd.tables.names import VIEWS

BINS = 10
LOOKS: dict[str, dict[str, Any]] = {
    "both": {"color": INK, "marker": "o", "linestyle": "-"},
    "image": {"color": PALETTE[0], "marker": "s", "linestyle": "-"},
    "text": {"color": PALETTE[3], "marker": "^", "linestyle": (0, (5, 1.5))},
}


def learned_weights(paths: Sequence[str]) -> pd.DataFrame:
    """step, view, sample, value: the weights by sample in histories of all seeds; UserError where they hold none."""
    terms = {f"weight/{view}": view for view in VIEWS}
    read = [pd.read_parquet(path, filters=[("term", "in", list(terms))]) for path in paths]
    kept = pd.concat(read).dropna(subset="sample")
    if kept.empty:
        raise UserError(f"{paths[0]} holds no weights of single samples; report.learned must name a method that learns")
    return kept.assign(view=kept["term"].map(terms))[["step", "view", "sample", "value"]]


def weights_figure(
    weights: Mapping[str, pd.DataFrame],
    saliency: Mapping[str, Mapping[str, FloatArray]],
    *,
    titles: Mapping[str, str],
) -> Figure:
    """One row a dataset: weights over training (left), and in its last tenth by the sample's saliency (right).

    Lines are medians, bands hold the middle 80 % of samples. Pairs of `transfer.pairs`, which are numbered after the
    training split, have no saliency and are in the left panel alone.

    weights: dataset -> `learned_weights`.   saliency: dataset -> modality -> (N,) of the training split.
    """
    figure, panels = new_figure(len(weights), 2, row_height=1.9, sharey=True)
    for (dataset, frame), (left, right) in zip(weights.items(), panels, strict=True):
        steps = frame["step"].max() + 1
        late = frame[frame["step"] >= min(0.9 * steps, steps - 1)]  # of a short training the last step
        for view in VIEWS:
            own = frame[frame["view"] == view]
            _bands(left, own["step"] / steps * 100, own["value"], view=view)
            if view in saliency[dataset]:
                own = late[(late["view"] == view) & (late["sample"] < len(saliency[dataset][view]))]
                rank = pd.Series(saliency[dataset][view]).rank(pct=True).to_numpy() * 100
                _bands(right, rank[own["sample"].to_numpy(dtype=int)], own["value"], view=view)
        left.set_title(f"{titles[dataset]}\nduring training")
        right.set_title("\nnear the end, by saliency")
        left.set_ylabel("Weight")
        left.set_ylim(-0.05, 2.05)
        for axes in (left, right):
            axes.set_xlim(0, 100)
    panels[-1][0].set_xlabel("Training, % of steps")
    panels[-1][1].set_xlabel("Saliency of the modality, rank %")
    legend(figure, panels[0][0])
    return figure


def _bands(axes: Any, at: Any, values: Any, *, view: str) -> None:
    """Median and middle 80 % of `values` in bins of `at`, which is in percent."""
    edges = np.linspace(0, 100, BINS + 1)
    bins = np.clip(np.digitize(at, edges) - 1, 0, BINS - 1)
    table = pd.Series(np.asarray(values)).groupby(bins).quantile(np.array([0.1, 0.5, 0.9])).unstack()
    centres = (edges[table.index] + edges[table.index + 1]) / 2
    axes.plot(centres, table[0.5], label=VIEW_TITLES[view].capitalize(), markersize=4, **LOOKS[view])
    axes.fill_between(centres, table[0.1], table[0.9], color=LOOKS[view]["color"], alpha=0.12, linewidth=0)
