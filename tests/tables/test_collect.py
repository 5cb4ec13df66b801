"""Stage collect: selection on validation, merging of seed blocks, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from faults import changed_yaml, one_sentence
from safetensors.numpy import load_file

from msd.measure.metric import primary_metrics
from msd.tables.collect import choose, collect

RUN_FILES = ("metrics", "runs", "predictions")


def read_cell(study, dataset="match", method="kd"):
    return json.loads(Path(f"results/{study.study}/cells/{dataset}/{method}/cell.json").read_text())


def set_metric(study, variant, *, split, metric, value, method="kd"):
    """Give all seeds of a variant the same value."""
    for seeds in ("seeds-0-1", "seeds-2-2"):
        path = Path(f"results/{study.study}/students/match/{method}/{variant}/{seeds}/metrics.parquet")
        frame = pd.read_parquet(path)
        frame.loc[(frame["split"] == split) & (frame["metric"] == metric), "value"] = value
        frame.to_parquet(path)


def test_cell_holds_exactly_the_known_numbers(in_study):
    cell = read_cell(in_study)
    assert cell["selected"] == "l0.5"
    assert cell["selection"] == "mean validation accuracy over 3 seeds"
    # 80 % of 40 and of 120 samples, one more correct answer for each higher seed
    assert cell["metrics"]["val"]["accuracy"] == {"0": 32 / 40, "1": 33 / 40, "2": 34 / 40}
    assert cell["metrics"]["test"]["accuracy"] == {"0": 96 / 120, "1": 97 / 120, "2": 98 / 120}
    worse = cell["variants"][1]
    assert worse["variant"] == "l0.9"
    assert worse["val"]["mean"] == pytest.approx((28 + 29 + 30) / 120)
    runs = "results/tiny/students/match/kd/l0.5"
    assert cell["runs"] == [f"{runs}/seeds-0-1", f"{runs}/seeds-2-2"]


def test_predictions_of_all_seeds_come_from_the_selected_variant(in_study):
    merged = load_file("results/tiny/cells/match/kd/predictions.safetensors")
    assert len(merged) == 3 * 2 * 3
    for seed, block in ((1, "seeds-0-1"), (2, "seeds-2-2")):
        own = load_file(f"results/tiny/students/match/kd/l0.5/{block}/predictions.safetensors")
        np.testing.assert_array_equal(merged[f"seed-{seed}/test/text"], own[f"seed-{seed}/test/text"])


def test_test_scores_select_nothing(new_study):
    study = new_study()
    set_metric(study, "l0.9", split="test", metric="accuracy", value=1.0)
    collect(study.collect_job("match", "kd"))
    assert read_cell(study)["selected"] == "l0.5"


def test_the_first_seeds_choose_and_the_others_train_the_choice(new_study):
    study = new_study()
    job = study.collect_job("match", "kd", search_seeds=[0, 1])
    later = "results/tiny/students/match/kd/l0.5/seeds-2-2"
    for name in RUN_FILES:
        job.inputs[name] = [path for path in job.inputs[name] if "l0.9/seeds-2-2" not in path]
    early = replace(job, inputs={name: [p for p in job.inputs[name] if later not in p] for name in RUN_FILES})
    early = replace(early, inputs=early.inputs | {name: job.inputs[name] for name in ("val", "labels")})
    assert choose(replace(early, outputs={"choice": "choice.json"})) == pytest.approx(
        {"val/l0.5": 0.825, "val/l0.9": 0.725}
    )
    assert json.loads(Path("choice.json").read_text()) == {
        "variant": "l0.5", "parameters": {"share": 0.5}, "seeds": [0, 1]
    }  # fmt: skip
    collect(job)
    cell = read_cell(study)
    assert cell["selection"] == "mean validation accuracy over 2 seeds, the first of 3"
    assert [list(variant["val"]["values"]) for variant in cell["variants"]] == [["0", "1", "2"], ["0", "1"]]
    assert cell["teachers"] == {"0": "7", "1": "7", "2": "7"}
    for name in RUN_FILES:  # the later seed trained another point than is best now
        job.inputs[name] = [path.replace(later, later.replace("l0.5", "l0.9")) for path in job.inputs[name]]
    with one_sentence(r"match/kd/l0\.5 is the best on validation, but lacks seed 2 of l0\.9; run it"):
        collect(job)


def test_of_equal_variants_the_first_wins(new_study):
    study = new_study()
    for variant in ("l0.5", "l0.9"):
        set_metric(study, variant, split="val", metric="accuracy", value=0.5)
    collect(study.collect_job("match", "kd"))
    assert read_cell(study)["selected"] == "l0.5"


def test_undefined_values_become_null(new_study):
    study = new_study()
    set_metric(study, "l0.5", split="test", metric="auroc", value=float("nan"))
    collect(study.collect_job("match", "kd"))
    assert read_cell(study)["metrics"]["test"]["auroc"] == {"0": None, "1": None, "2": None}


def test_undefined_validation_cannot_select(new_study):
    study = new_study()
    set_metric(study, "l0.9", split="val", metric="accuracy", value=float("nan"))
    with one_sentence(r"match/kd/l0\.9 has no finite validation accuracy for seed 0"):
        collect(study.collect_job("match", "kd"))


def test_missing_seed_is_named(new_study):
    job = new_study().collect_job("match", "kd")
    for name in RUN_FILES:
        job.inputs[name].pop()  # the last block of the second variant
    with one_sentence(r"match/kd/l0\.9 lacks seed 2"):
        collect(job)


def test_seed_in_two_blocks_is_named(new_study):
    job = new_study().collect_job("match", "kd")
    for name in RUN_FILES:
        job.inputs[name].append(job.inputs[name][0])
    with one_sentence(r"holds seed 0 of 'l0\.5', which another block holds too"):
        collect(job)


def test_answers_of_people_are_measured_from_the_predictions(new_study):
    study = new_study(datasets=("answers",))
    collect(study.collect_job("answers", "kd"))
    cell = read_cell(study, dataset="answers")
    assert cell["selection"] == "mean validation vqa_accuracy over 3 seeds"
    table = pd.read_parquet("results/data/answers/prepared/test.parquet")
    gold = np.array([target[0] for target in table["target"]])
    predicted = load_file("results/tiny/cells/answers/kd/predictions.safetensors")
    for view, prefix in (("both", ""), ("text", "text/")):
        right = predicted[f"seed-1/test/{view}"].argmax(1) == gold
        found = {name: cell["metrics"]["test"][prefix + name]["1"] for name in primary_metrics("vqa")}
        assert found["accuracy"] == pytest.approx(right.mean())
        assert found["vqa_accuracy_normalised"] == pytest.approx(right.mean())
        # ten people wrote capitals: the official way compares as it is written
        assert found["vqa_accuracy"] == pytest.approx((right & (np.arange(len(gold)) % 4 > 0)).mean())


def test_a_metric_of_answers_needs_answers(new_study):
    job = new_study().collect_job("match", "kd", metric="vqa_accuracy")
    with one_sentence(r"no val value of the metric 'vqa_accuracy'.*tables hold none: .*`accuracy`"):
        collect(job)


def test_metrics_and_run_must_agree_about_seeds(new_study):
    study = new_study()
    path = Path("results/tiny/students/match/kd/l0.5/seeds-2-2/run.yaml")
    changed_yaml(path, path, lambda content: content.update(seeds=[2, 3]))
    with one_sentence("disagree about seed 3"):
        collect(study.collect_job("match", "kd"))


def test_run_of_another_dataset_is_refused(new_study):
    study = new_study(datasets=("match", "tags"))
    job = study.collect_job("match", "kd")
    job.inputs["runs"][0] = job.inputs["runs"][0].replace("match", "tags")
    with one_sentence("is a run of dataset 'tags', not of 'match'"):
        collect(job)


def test_unknown_metric_is_named(new_study):
    with one_sentence("has no val value of the metric 'acuracy'"):
        collect(new_study().collect_job("match", "kd", metric="acuracy"))
