"""Stage tables: exact values, differences and corrections."""

import csv
import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from sklearn.metrics import average_precision_score
from synthetic_study import METHODS, TASKS, find

from msd.tables.names import table_names

TABLES = table_names(list(METHODS), TASKS)
FIELDS = {"dataset", "method", "metric", "split", "mean", "low", "high", "n", "values", "selected", "runs", "against"}


@pytest.fixture(scope="module")
def made(reported_study):
    """The tables of the shared study, by file name."""
    folder = reported_study.root / "results/tiny/tables"
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    return texts | {name: json.loads(text) for name, text in texts.items() if name.endswith(".json")}


def test_cells_have_the_fields_of_the_architecture(made):
    for name in TABLES:
        table = made[f"{name}.json"]
        assert {"name", "caption", "cells"} <= set(table)
        assert table["name"] == name
        for cell in table["cells"]:
            assert set(cell) >= FIELDS
            undefined = [key for key in ("mean", "low", "high") if cell[key] is None]
            assert not undefined or cell.get("counted") or cell.get("verdict") or cell["why"]
            if cell["against"] is not None:
                assert {"method", "difference", "low", "high", "p", "p_holm"} <= set(cell["against"])


def test_main_holds_the_known_scores(made):
    cell = find(made["main.json"], dataset="relation", method="msd-uniform")
    assert cell["values"] == {"0": 102 / 120, "1": 103 / 120, "2": 104 / 120}
    assert cell["mean"] == pytest.approx(103 / 120)
    half = 4.302652729911275 * (1 / 120) / math.sqrt(3)  # t(.975, 2) · s/√n
    assert (cell["low"], cell["high"]) == pytest.approx((103 / 120 - half, 103 / 120 + half))
    assert cell["n"] == 3
    assert cell["against"]["method"] == "kd"
    assert cell["against"]["difference"] == pytest.approx(6 / 120)
    assert cell["against"]["low"] < 6 / 120 < cell["against"]["high"]


def test_references_have_one_model_and_no_interval(made):
    teacher = find(made["main.json"], dataset="match", method="teacher")
    assert teacher["values"] == {"7": 114 / 120}
    assert (teacher["low"], teacher["high"], teacher["n"], teacher["against"]) == (None, None, 1, None)
    assert find(made["main.json"], dataset="match", method="probe")["mean"] == pytest.approx(96 / 120)


def test_baseline_is_not_compared_with_itself_and_the_rest_is_exploratory(made):
    main = made["main.json"]
    assert all(find(main, dataset=name, method="kd")["against"] is None for name in ("match", "tags"))
    compared = [cell["against"] for cell in main["cells"] if cell["against"]]
    assert len(compared) == 4 * 3
    assert all(against["p"] is not None and against["p_holm"] is None for against in compared)
    assert main["notes"][-1].startswith("Exploratory: p of 12 comparisons is uncorrected")
    assert "<br>uncorrected p = " in made["main.md"]
    assert "**" not in made["main.md"]


def test_teacher_is_held_against_probe_student_and_chance(made):
    table = made["teacher.json"]
    probe = find(table, dataset="match", measure="both-probe")["against"]
    assert probe["difference"] == pytest.approx(18 / 120)
    student = find(table, dataset="match", measure="both-finetune")["against"]
    assert student["difference"] == pytest.approx((114 - 85) / 120)
    assert student["n"] == 3
    image = find(table, dataset="match", measure="image-constant")
    assert image["against"]["mean"] == 0.5
    assert image["against"]["difference"] == pytest.approx(0)
    assert image["against"]["low"] <= 0 <= image["against"]["high"]
    text = find(table, dataset="relation", measure="text-constant")
    assert text["metric"] == "text/accuracy"
    assert text["against"]["difference"] == pytest.approx(72 / 120 - 1 / 3)


def test_views_hold_divergence_and_agreement(made, fake_study):
    table = made["views.json"]
    cell = json.loads((fake_study.root / "results/tiny/cells/match/kd/cell.json").read_text())
    divergence = find(table, dataset="match", method="kd", measure="kl/text")
    assert divergence["values"] == cell["metrics"]["test"]["kl/text"]
    assert divergence["better"] == "lower"
    agreement = find(table, dataset="match", method="msd-uniform", measure="agreement/both")
    assert 0.8 < agreement["mean"] < 1
    assert agreement["against"]["difference"] > 0
    assert f"p of {4 * 3 * 6} comparisons" in table["notes"][-1]


def test_a_missing_modality_costs_what_the_predictions_say(made):
    table = made["missing.json"]
    text = find(table, dataset="match", method="msd-uniform", measure="text")
    assert text["metric"] == "text/accuracy"
    assert text["values"]["0"] == pytest.approx(round(0.58 * 120) / 120)
    assert text["against"]["method"] == "kd"
    both = find(table, dataset="match", method="msd-uniform", measure="both")
    assert both["mean"] == find(made["main.json"], dataset="match", method="msd-uniform")["mean"]
    assert both["against"] is None
    assert find(table, dataset="match", method="teacher", measure="text")["mean"] == pytest.approx(0.6)
    assert f"p of {4 * 3 * 2} comparisons" in table["notes"][-1]


def test_schemes_are_held_against_no_weighting(made):
    cell = find(made["weighting.json"], dataset="relation", comparison="msd-instance - msd-uniform")
    assert cell["against"]["method"] == "msd-uniform"
    assert cell["against"]["difference"] == pytest.approx(-3 / 120)
    assert find(made["weighting.json"], dataset="relation", comparison="msd-uniform")["against"] is None
    assert "combined.json" not in made  # no method of this study has a counterpart with MSD on top


def test_effect_and_probability_of_improvement_are_those_of_the_seeds(made):
    against = find(made["main.json"], dataset="relation", method="msd-uniform")["against"]
    assert against["effect"] is None  # its lead is the same for every seed
    assert against["improvement"] == 1
    assert against["spread"]["seeds"] == pytest.approx(0)
    assert against["spread"]["pictures"] >= 0
    assert against["high"] - against["difference"] == pytest.approx(
        scipy_stats.t.ppf(0.975, against["freedom"]) * against["error"]
    )


def test_saliency_by_class_is_the_mean_of_its_samples(made, fake_study):
    frame = pd.read_parquet(fake_study.root / "results/tiny/teachers/match/seed-7/saliency/test.parquet")
    gold = fake_study.targets("match", "test") == 1
    cell = find(made["saliency-classes.json"], dataset="match", label="label 1", modality="text")
    assert cell["mean"] == pytest.approx(frame["text"][gold].mean())
    assert cell["n"] == gold.sum()
    assert cell["low"] < cell["mean"] < cell["high"]


def test_costs_are_printed_in_full(made):
    assert find(made["cost.json"], dataset="match", method="student", measure="bytes")["mean"] == 20_500
    latency = find(made["latency.json"], dataset="match", method="teacher")
    assert (latency["mean"], latency["n"]) == (5.0, 3)
    assert "| Match | Student | 5000.0 | 20,500 | 1,000,000 |  |" in made["cost.md"].replace(
        "|  | Stu", "| Match | Stu"
    )
    assert "|  | Student, ONNX, 8 bits |  | 9500.0 |  | 0.750 |" in made["cost.md"]


def test_grid_has_every_point_and_names_the_selected_one(made):
    table = made["grid.json"]
    assert len(table["cells"]) == 4 * (1 + 2 + 1 + 2) * 2
    cell = find(table, dataset="match", method="kd", variant="l0.9", split="test")
    assert cell["point"] == "l0.9"
    assert cell["mean"] == pytest.approx(find(made["main.json"], dataset="match", method="kd")["mean"] - 0.1, abs=0.01)
    assert cell["runs"] == [f"results/tiny/students/match/kd/l0.9/seeds-{seeds}" for seeds in ("0-1", "2-2")]
    chosen = find(table, dataset="match", method="kd", variant="l0.5", split="val")
    assert chosen["point"] == "l0.5 (selected)"


def test_saliency_repeats_the_summary(made):
    cell = find(made["saliency.json"], dataset="tags", split="test", modality="text")
    assert (cell["mean"], cell["low"], cell["high"], cell["n"]) == (1.0, 0.75, 1.25, 40)


def test_flat_metrics_for_dvc(made):
    flat = made["metrics.json"]
    assert flat["match"]["kd"]["accuracy"] == pytest.approx(97 / 120)
    assert flat["match"]["teacher"]["accuracy"] == pytest.approx(114 / 120)
    assert set(flat["tags"]["finetune"]) >= {"micro_f1", "macro_f1", "text/micro_f1", "kl/image", "ece"}
    assert 0 < flat["tags"]["kd"]["agreement/text"] < 1
    for of_method in flat["tags"].values():  # the one dataset that asks for it, of 6 labels
        assert of_method["macro_f1_mmf"] == pytest.approx(6 / 7 * of_method["macro_f1"])
    assert not [name for name in flat if name != "tags" and "macro_f1_mmf" in str(flat[name])]


def test_curves_are_means_over_steps_and_seeds(made, fake_study):
    curves = pd.read_csv(fake_study.root / "results/tiny/tables/curves.csv")
    assert list(curves.columns) == ["step", "epoch", "dataset", "method", "value"]
    row = curves.query("dataset == 'match' and method == 'kd' and epoch == 1").iloc[0]
    assert row["step"] == 5
    assert row["value"] == pytest.approx(2 * (1 / 4 + 1 / 5 + 1 / 6) / 3)
    assert set(curves["method"]) == {"teacher", "finetune", "kd", "msd-uniform", "msd-instance"}


def test_csv_has_one_line_a_cell(made):
    lines = list(csv.DictReader(made["main.csv"].splitlines()))
    assert len(lines) == len(made["main.json"]["cells"])
    assert lines[2]["method"] == "finetune"
    assert float(lines[2]["mean"]) == made["main.json"]["cells"][2]["mean"]


def test_what_a_teacher_adds_to_the_labels(made):
    lesson = made["lesson.json"]
    assert find(lesson, dataset="tags", measure="off_label")["mean"] == 0.125
    assert find(lesson, dataset="match", measure="train")["mean"] == 0.99
    assert lesson["notes"][1].startswith(
        "Warning: on Match the teacher knows its training set by heart (less than 0.02"
    )
    assert "Tags" not in lesson["notes"][1]
    answers = find(lesson, dataset="answers", measure="test")
    assert (answers["metric"], answers["mean"]) == ("accuracy", 0.95)
    assert "Answers: scores are the accuracy" in " ".join(lesson["notes"])


def test_near_copies_of_training_samples_are_left_out_of_a_second_score(made, fake_study):
    table = made["near-copies.json"]
    assert {cell["dataset"] for cell in table["cells"]} == {"tags"}  # the others have none
    whole = find(made["main.json"], dataset="tags", method="kd")
    assert find(table, method="kd", measure="all")["values"] == pytest.approx(whole["values"])
    gold, logits = fake_study.targets("tags", "test"), fake_study.logits("tags", "test", "teacher", "both")
    apart = np.arange(len(gold)) % 4 != 0
    expected = average_precision_score(gold[apart].ravel(), logits[apart].ravel())
    assert find(table, method="teacher", measure="apart")["mean"] == pytest.approx(expected, rel=1e-5)
    assert f"Tags: {sum(~apart)} of {len(gold)} test samples" in " ".join(table["notes"])
    own, baseline = (find(table, method=name, measure="apart") for name in ("msd-instance", "kd"))
    assert own["against"]["difference"] == pytest.approx(own["mean"] - baseline["mean"], abs=1e-6)
    assert find(table, method="msd-instance", measure="all")["against"] is None  # it stands in the main table
    assert find(table, method="probe", measure="apart")["n"] == 1


def test_f1_stands_at_both_thresholds_beside_the_primary_metric(made):
    cells = {measure: find(made["thresholds.json"], method="kd", measure=measure) for measure in ("score", "micro_f1")}
    assert cells["score"] == find(made["main.json"], dataset="tags", method="kd") | {"measure": "score"}
    assert cells["micro_f1"]["metric"] == "micro_f1"
    tuned = find(made["thresholds.json"], method="msd-instance", measure="micro_f1_tuned")
    assert tuned["mean"] >= find(made["thresholds.json"], method="msd-instance", measure="micro_f1")["mean"] - 0.05
    assert tuned["against"]["difference"] == pytest.approx(
        tuned["mean"] - find(made["thresholds.json"], method="kd", measure="micro_f1_tuned")["mean"]
    )
