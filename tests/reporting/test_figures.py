"""Stage figures: what is drawn, the same bytes when made twice, and densities that are densities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msd.errors import UserError
from msd.reporting.densities import best_on_validation, density
from msd.reporting.figures import density_methods, figures
from msd.reporting.results import load_results
from msd.reporting.style import PALETTE, looks
from msd.reporting.weights import learned_weights


def test_all_figures_are_written_and_the_same_twice(in_study):
    first, again = in_study.figures_job(), in_study.figures_job("again")
    assert len(first.outputs) == 16
    for name in [
        name
        for name in again.outputs
        if name.startswith(("curves", "densities-match", "densities-tags", "densities-answers"))
    ]:
        del again.outputs[name]
    assert figures(again) == {"figures": 4.0}
    for name, path in first.outputs.items():
        content = Path(path).read_bytes()
        assert content.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml"), name
        assert b"<dc:date>" not in content
        if name in again.outputs:
            assert content == Path(again.outputs[name]).read_bytes(), name


def test_unknown_figure_is_named(in_study):
    job = in_study.figures_job()
    job.outputs["x"] = "results/tiny/figures/curve.svg"
    with pytest.raises(UserError, match="no figure 'curve'; did you mean 'curves'"):
        figures(job)


def test_a_history_that_is_not_declared_is_named(in_study):
    job = in_study.figures_job()
    job.inputs["histories"] = [path for path in job.inputs["histories"] if "match/kd/l0.5" not in path]
    with pytest.raises(UserError, match=r"match/kd/l0\.5/seeds-0-1/history\.parquet"):
        figures(job)


def test_learned_weights_come_sample_by_sample(in_study):
    history = in_study.shared_inputs()["histories"]
    frame = learned_weights([path for path in history if "match/msd-instance/c0.5" in path])
    assert len(frame) == 3 * 12 * 3 * 4  # seeds, steps, views, samples
    assert frame.groupby("view")["value"].mean().round(3).to_dict() == {"both": 0.542, "image": 1.0, "text": 1.458}
    with pytest.raises(UserError, match="holds no weights of single samples"):
        learned_weights([path for path in history if "match/kd/l0.5" in path])


def test_density_figures_show_the_best_method_on_validation(in_study):
    job = in_study.figures_job()
    results = load_results(job)["match"]
    assert best_on_validation(results, ["msd-instance", "msd-uniform"]) == "msd-uniform"
    assert density_methods(job, results) == ["finetune", "kd", "msd-uniform"]
    job.params["best_of"] = []
    assert density_methods(job, results) == ["finetune", "kd"]


@pytest.mark.parametrize("values", [np.zeros(10), np.linspace(0, 1, 500), np.array([0.5, 2.0])])
def test_a_density_integrates_to_one_and_loses_nothing_at_the_ends(values):
    at, height = density(values, low=0.0, high=1.0, bandwidth=0.03)
    assert height.sum() * (at[1] - at[0]) == pytest.approx(1)
    assert (height >= 0).all()


def test_looks_differ_for_many_methods():
    styles = looks([{"name": f"m{index}"} for index in range(20)])
    assert len(set(styles.values())) == 21
    assert styles["m0"].colour == PALETTE[0]
