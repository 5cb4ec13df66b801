"""Tables of the vision-language teachers: ranks and gains of made-up scores, and all stages in a row."""

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
from made_up_transfer import ABOUT, PARAMS, SEEDS, SHARES, made_up
from scipy.stats import spearmanr
from stages import cell_of, run_stage
from teacher_files import write_outputs

from msd.job import Job
from msd.lineage.audit import audit
from msd.mfh.study import ReportParams
from msd.mfh.teachers.config import StudentsParams, TeacherDataset, VariantsParams
from msd.mfh.teachers.figure import gain_figure
from msd.mfh.teachers.gain_rank import gain_rank_table, seed_weights, spearman
from msd.mfh.teachers.results import TransferResults
from msd.mfh.teachers.table import gamma_table, teacher_tables, titles, variants_table
from msd.tables.render import RENDERINGS
from msd.tables.table import Table


@pytest.fixture(scope="module")
def results() -> dict[str, TransferResults]:
    return {about.name: made_up(about) for about in ABOUT}


@pytest.fixture(scope="module")
def ranks(results: dict[str, TransferResults]) -> dict:
    return gain_rank_table(results, PARAMS, study="mfh").to_json()


def test_rank_correlation_is_scipy_s() -> None:
    random = np.random.default_rng(0)
    x, y = random.integers(0, 5, (3, 20)).astype(float), random.normal(size=(3, 20))
    assert spearman(x, y) == pytest.approx([spearmanr(a, b).statistic for a, b in zip(x, y, strict=True)])
    assert np.isnan(spearman(np.ones((1, 4)), np.arange(4.0)[None]))


def test_gains_that_follow_gamma_have_rank_correlation_one_and_beat_the_teacher_s_score(ranks: dict) -> None:
    assert len(ranks["marks"]) == 2 * 4 * 10
    for scope, count in (("all", 80), ("within", 80), ("regular", 8), ("telling", 80)):
        found, score = (cell_of(ranks, scope=scope, predictor=name) for name in ("counts", "score"))
        assert found["n"] == score["n"] == count
        if scope != "regular":  # whose gains are all alike
            assert found["mean"] > 0.9
            assert found["low"] - 1e-12 <= found["mean"] <= found["high"] + 1e-12  # a quantile of equal draws
            assert score["mean"] < found["mean"]
            assert found["against"]["difference"] == pytest.approx(found["mean"] - score["mean"])
            assert found["against"]["low"] > 0
    undefined = cell_of(ranks, scope="all", predictor="information")
    assert (undefined["mean"], undefined["against"]["difference"]) == (None, None)  # undefined everywhere: all zero


def test_students_at_chance_are_left_out_of_the_last_row_alone(results: dict[str, TransferResults]) -> None:
    pets = copy.copy(results["pets"])
    object.__setattr__(pets, "constant", {modality: runs[0] for modality, runs in pets.no_kd.items()})
    ranks = gain_rank_table({"toys": results["toys"], "pets": pets}, PARAMS, study="mfh").to_json()
    assert cell_of(ranks, scope="all", predictor="counts")["n"] == 80
    assert cell_of(ranks, scope="telling", predictor="counts")["n"] == 40
    assert {mark["dataset"] for mark in ranks["marks"] if mark["telling"]} == {"toys"}


def test_resampled_seeds_are_those_of_resampled_teachers() -> None:
    """Of three teachers one has four students and two have one: a seed that is drawn brings others of its teacher."""
    weights = seed_weights([*"aaaabc"], draws=4000, name="toys")
    assert weights.sum(axis=1) == pytest.approx(1)
    whole = weights[:, :4].sum(axis=1)
    assert set(np.unique(whole.round(3))) == {0, 0.667, 0.889, 1}  # teacher a drawn 0 to 3 times: 0, 4/6, 8/9, 1
    assert (whole == 0).mean() == pytest.approx((2 / 3) ** 3, abs=0.03)
    assert seed_weights([*"aa"], draws=1000, name="toys").std(axis=0) == pytest.approx(0.5 / np.sqrt(2), abs=0.02)


def test_every_student_has_a_cell_with_its_gain(results: dict[str, TransferResults]) -> None:
    table = variants_table(results, PARAMS, study="mfh", titles=titles(results, PARAMS)).to_json()
    assert len(table["cells"]) == 2 * 6 * 11
    assert {cell["method"] for cell in table["cells"] if "teachers" not in cell} == {"no-kd"}
    cell = cell_of(table, dataset="toys", direction="text-image", method="general", share="0.5")
    assert cell["teachers"] == {"0": "0", "1": "1", "2": "0", "3": "1"}
    assert (cell["against"]["n"], cell["against"]["improvement"]) == (4, None)
    assert cell["against"]["difference"] == pytest.approx(0.08, abs=0.01)
    assert cell["against"]["p"] < 0.05
    assert cell["against"]["p_holm"] is None, "exploratory"
    assert list(cell["values"]) == [str(seed) for seed in SEEDS]
    assert cell["teacher_score"] == pytest.approx(0.5, abs=0.1)


def test_an_undefined_gamma_is_null_with_a_reason(results: dict[str, TransferResults]) -> None:
    table = gamma_table(results, PARAMS, study="mfh", titles=titles(results, PARAMS)).to_json()
    cells = [cell for cell in table["cells"] if cell["dataset"] == "toys" and cell["direction"] == "text-image"]
    assert {cell["measure"] for cell in cells} == {"counts", "information", "synergy", "score"}
    undefined = next(cell for cell in cells if cell["measure"] == "information")
    assert undefined["mean"] is None
    assert "neither view tells more" in undefined["why"]
    assert "synergy" not in {cell["measure"] for cell in table["cells"] if cell["direction"] == "both-image"}


def test_the_figure_has_every_mark_twice_a_row(ranks: dict) -> None:
    figure = gain_figure(Table.from_json(ranks))
    drawn = [len(axes.collections) for axes in figure.axes]
    regular = sum(mark["kind"] == "regular" for mark in ranks["marks"])
    assert drawn == [len(ranks["marks"])] * 2 + [len(ranks["marks"]) - regular] * 2
    assert figure.axes[0].get_title().startswith("ρ = ")
    assert "γ by counts, all marks: " in figure.get_label()


SHARED = {"dataset": "toy", "dataset_task": "multiclass", "metric": "accuracy", "removal": "mask", "draws": 100}
SHARED |= {"data": {"regions": 2, "max_tokens": 8}, "shares": SHARES}
STUDENT = {"hidden": 8, "steps": 20, "batch_size": 16, "learning_rate": 0.01, "weight_decay": 0.01}
STUDENT |= {"kd_weight": 0.5, "temperature": 2.0}
DEALT = [0, 1, 0, 1]


@pytest.fixture
def two_teachers(
    teacher_files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, str]]:
    """The inputs of two teachers of one dataset, of which the second answers without being sure."""
    monkeypatch.chdir(tmp_path)
    first = {name: Path(path).name for name, path in teacher_files.items()}
    second = dict(first)
    for split in ("train", "val", "test"):
        name = f"{split}_outputs"
        tensors = safetensors.torch.load_file(first[name])
        unsure = {key: values if key.endswith("features") else 0.1 * values for key, values in tensors.items()}
        write_outputs(unsure, f"second-{first[name]}", prepared=first[split])
        second[name] = f"second-{first[name]}"
    return [first, second]


def ask(teachers: list[dict[str, str]], top: str) -> dict[str, list[str]]:
    """The stage `teacher_variants` of each teacher: its files by name."""
    files = {"channels": "channels.parquet", "gamma": "gamma.safetensors", "scores": "scores.safetensors"}
    made = []
    for number, inputs in enumerate(teachers):
        seeds = [seed for seed, teacher in zip(SEEDS, DEALT, strict=True) if teacher == number]
        params = VariantsParams(
            **SHARED, seeds=seeds, generality={"epochs": 50, "learning_rate": 0.01, "momentum": 0.9}
        )
        read = {name: inputs[name] for name in inputs if name.startswith(("train", "val", "test", "labels"))}
        made.append(run_stage("teacher_variants", params, read, f"{top}/teachers/toy/seed-{number}", **files))
    return {name: [one[name] for one in made] for name in files}


def teach(
    teachers: list[dict[str, str]], channels: list[str], folder: str, *, modality: str = "image", seeds=SEEDS
) -> str:
    """The stage `unimodal_students`: its scores."""
    dealt = [DEALT[seed] for seed in seeds]
    params = StudentsParams(**SHARED, seeds=seeds, teachers=dealt, modality=modality, student=STUDENT)
    read = {
        name: [one[name] for one in teachers] if name.endswith("outputs") else teachers[0][name] for name in teachers[0]
    }
    files = {"scores": "scores.safetensors", "metrics_table": "metrics.parquet"}
    return run_stage("unimodal_students", params, read | {"channels": channels}, folder, **files)["scores"]


def test_a_student_learns_from_the_teacher_that_its_seed_was_dealt_to(two_teachers: list[dict[str, str]]) -> None:
    channels = ask(two_teachers, "results/mfh")["channels"]
    both = safetensors.torch.load_file(teach(two_teachers, channels, "results/both"))
    alone = safetensors.torch.load_file(teach(two_teachers[1:], channels[1:], "results/alone", seeds=[1, 3]))
    assert set(alone) < set(both)
    assert all(both[name].equal(scores) for name, scores in alone.items())
    shutil.copy(channels[0], "other.parquet")
    frame = pd.read_parquet("other.parquet")
    frame.assign(score=-frame["score"]).to_parquet("other.parquet")  # the first teacher's general channels are specific
    other = safetensors.torch.load_file(teach(two_teachers, ["other.parquet", channels[1]], "results/other"))
    changed = {name.rpartition("/")[2] for name, scores in other.items() if not scores.equal(both[name])}
    assert changed == {"0", "2"}


def test_all_stages_in_a_row(two_teachers: list[dict[str, str]]) -> None:
    """From teachers' outputs to tables, every file recorded; then twice the same bytes."""

    def make(top: str) -> dict[str, list[str]]:
        asked = ask(two_teachers, top)
        students = [
            teach(two_teachers, asked["channels"], f"{top}/unimodal/toy/{modality}", modality=modality)
            for modality in ("image", "text")
        ]
        return asked | {"students": students}

    files = make("results/mfh")
    assert not audit(Path("results"), "mfh").findings
    for name, again in make("results/again").items():
        assert [Path(file).read_bytes() for file in files[name]] == [Path(file).read_bytes() for file in again]
    metrics = json.loads(Path("results/mfh/teachers/toy/seed-0/metrics.json").read_text())
    assert 0.3 < metrics["text-image/counts"] <= 1
    assert metrics["both-text/information"] > 0
    students = safetensors.torch.load_file(files["students"][1])
    assert len(students) == 4 * (1 + 3 * 10) + 1
    assert float(students["no-kd/0"][0]) > float(students["constant"][0])

    about = TeacherDataset(name="toy", title="Toy", task="multiclass", metric="accuracy", teachers=DEALT)
    params = ReportParams.model_construct(study="mfh", teachers=PARAMS.model_copy(update={"datasets": [about]}))
    found = {"teacher_gamma": files["gamma"], "teacher_scores": files["scores"], "student_scores": files["students"]}
    made = teacher_tables(Job("mfh_tables", params, found | {"teacher_prepared": [two_teachers[0]["test"]]}))
    texts = {table.name: [render(table) for render in RENDERINGS.values()] for table in made}
    assert list(texts) == ["predictions", "gain_rank", "variants", "gamma"]
    for name, words in (("variants", "image and text → text"), ("predictions", "P1: students"), ("gamma", "Toy (acc")):
        assert any(words in text for text in texts[name])
