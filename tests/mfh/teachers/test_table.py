"""Tables of the vision-language teachers: ranks, gains and verdicts of made-up scores, and all stages in a row."""

import copy
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from scipy.stats import spearmanr
from stages import cell_of, run_stage

from msd.job import Job
from msd.lineage.audit import audit
from msd.measure.scorers import mean_scorer
from msd.measure.stats import Resampling
from msd.mfh.study import ReportParams
from msd.mfh.teachers.config import StudentsParams, TeacherDataset, TeacherTables, VariantsParams
from msd.mfh.teachers.figure import gain_figure
from msd.mfh.teachers.gain_rank import gain_rank_table, spearman
from msd.mfh.teachers.predictions import predictions_table
from msd.mfh.teachers.results import TransferResults
from msd.mfh.teachers.table import gamma_table, teacher_tables, titles, variants_table
from msd.mfh.teachers.variants import DIRECTIONS, Variant, variants_of
from msd.tables.render import RENDERINGS
from msd.tables.table import Table

SHARES, SEEDS, DRAWS, SAMPLES = [0.25, 0.5, 0.75], [0, 1, 2], 100, 80
ABOUT = [
    TeacherDataset(name=name, title=name.title(), task="multiclass", metric="accuracy") for name in ("toys", "pets")
]
PARAMS = TeacherTables(datasets=ABOUT, shares=SHARES, seeds=SEEDS, draws=DRAWS)
GAINS = {"regular": 0.04, "random": 0.02, "specific": 0.0}
TEACHERS = {"regular": 0.8, "random": 0.65, "specific": 0.7, "general": 0.5}


def gain_of(variant: Variant) -> float:
    """As the hypothesis has it: general above regular above random above specific, best at the middle r."""
    if variant.teacher == variant.student:
        return 0.05
    if variant.kind == "general":
        return 0.05 + 0.06 * (0.5 - abs(variant.share - 0.5))
    return GAINS[variant.kind]


def gamma_of(variant: Variant) -> float:
    return 0.2 + 4 * gain_of(variant)


def made_up(about: TeacherDataset, *, gain=gain_of, gamma=gamma_of, noise: float = 0.02) -> TransferResults:
    """Scores around a level; every student of a seed shares its noise, so that gains are sharp."""
    resampling = Resampling(np.arange(SAMPLES), draws=DRAWS, rng_name=about.name)
    random = np.random.default_rng(1)
    shared = [random.normal(0, 0.3, SAMPLES) for _ in SEEDS]

    def scores(level: float) -> list[np.ndarray]:
        return [resampling.scores(mean_scorer(level + part + random.normal(0, noise, SAMPLES))) for part in shared]

    def teacher(variant: Variant) -> list[np.ndarray]:
        runs = scores(TEACHERS[variant.kind])
        return runs if variant.kind == "random" else runs[:1]

    variants = [variant for way in DIRECTIONS for variant in variants_of(way, SHARES)]

    def measured(variant: Variant) -> dict:
        value = gamma(variant)
        parts = dict.fromkeys(("both", "first", "second", "chance", "synergy"), (0.1, 0.05, 0.15))
        found = {"value": value, "low": value - 0.1, "high": value + 0.1, "parts": parts}
        return {"counts": found, "information": {**found, "value": None, "low": None, "high": None}}

    return TransferResults(
        about,
        f"results/mfh/teachers/{about.name}",
        {modality: f"results/mfh/unimodal/{about.name}/{modality}" for modality in ("image", "text")},
        resampling,
        {variant: measured(variant) for variant in variants},
        {variant: teacher(variant) for variant in variants},
        {variant: scores(0.5 + gain(variant)) for variant in variants},
        {modality: scores(0.5) for modality in ("image", "text")},
        {modality: resampling.scores(mean_scorer(np.full(SAMPLES, 0.1))) for modality in ("image", "text")},
    )


@pytest.fixture(scope="module")
def results() -> dict[str, TransferResults]:
    return {about.name: made_up(about) for about in ABOUT}


@pytest.fixture(scope="module")
def ranks(results: dict[str, TransferResults]) -> dict:
    return gain_rank_table(results, PARAMS, study="mfh").to_json()


def predicted(results: dict[str, TransferResults]) -> dict:
    """The table of predictions."""
    ranks = gain_rank_table(results, PARAMS, study="mfh")
    return predictions_table(results, ranks, SHARES, titles=titles(results, PARAMS)).to_json()


def verdicts(table: dict, claim: str, dataset: str) -> dict[str, str]:
    cells = [cell for cell in table["cells"] if cell["claim"].startswith(claim) and cell["dataset"] == dataset]
    return {cell["test"]: cell["verdict"] for cell in cells}


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


def test_predictions_are_supported_where_scores_are_as_predicted(results: dict[str, TransferResults]) -> None:
    table = predicted(results)
    for claim, dataset in itertools.product(("P1", "P3", "P5"), ("toys", "pets", "all")):
        assert set(verdicts(table, claim, dataset).values()) == {"supported"}
    assert verdicts(table, "P2", "toys") == {"regular > general": "supported", "specific > general": "supported"}
    assert verdicts(table, "P4", "all")["γ by counts, all marks"] == "supported"
    cell = cell_of(table, test="general ≥ regular", dataset="toys")
    expected = np.mean([gain_of(Variant("both", "image", "general", share)) for share in SHARES]) - GAINS["regular"]
    assert cell["mean"] == pytest.approx(expected, abs=0.01)
    assert cell["evidence"].startswith("+0.0")
    assert table["family"] == sum(cell["against"]["p"] is not None for cell in table["cells"])


def test_predictions_are_refuted_by_scores_the_other_way_and_open_without_a_difference() -> None:
    other = {about.name: made_up(about, gain=lambda variant: -gain_of(variant)) for about in ABOUT}
    table = predicted(other)
    assert set(verdicts(table, "P1", "toys").values()) == {"not supported"}
    assert set(verdicts(table, "P3", "all").values()) == {"not supported"}
    none = {about.name: made_up(about, gain=lambda variant: 0.0) for about in ABOUT}
    table = predicted(none)
    for claim in ("P1", "P3", "P5"):
        assert set(verdicts(table, claim, "toys").values()) == {"inconclusive"}


def test_every_student_has_a_cell_with_its_gain(results: dict[str, TransferResults]) -> None:
    table = variants_table(results, PARAMS, study="mfh", titles=titles(results, PARAMS)).to_json()
    assert len(table["cells"]) == 2 * 6 * 11
    assert {cell["method"] for cell in table["cells"] if "teachers" not in cell} == {"no-kd"}
    cell = cell_of(table, dataset="toys", direction="text-image", method="general", share="0.5")
    assert cell["against"]["difference"] == pytest.approx(0.08, abs=0.01)
    assert cell["against"]["p"] < cell["against"]["p_holm"] < 0.05
    assert set(cell["values"]) == {"0", "1", "2"}
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


def test_all_stages_in_a_row(teacher_files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a teacher's outputs to tables, every file recorded; then twice the same bytes."""
    monkeypatch.chdir(tmp_path)
    inputs = {name: Path(path).name for name, path in teacher_files.items()}
    shared = {"dataset": "toy", "dataset_task": "multiclass", "metric": "accuracy", "removal": "mask"}
    shared |= {"data": {"regions": 2, "max_tokens": 8}, "shares": SHARES, "seeds": SEEDS, "draws": DRAWS}
    student = {"hidden": 8, "steps": 20, "batch_size": 16, "learning_rate": 0.01, "weight_decay": 0.01}
    student |= {"kd_weight": 0.5, "temperature": 2.0}
    of_variants = VariantsParams(**shared, generality={"epochs": 50, "learning_rate": 0.01, "momentum": 0.9})
    read = {name: inputs[name] for name in inputs if name.startswith(("train", "val", "test", "labels"))}
    scores = {"scores": "scores.safetensors"}

    def make(top: str) -> list[str]:
        files = {"channels": "channels.parquet", "gamma": "gamma.json"}
        teacher = run_stage("teacher_variants", of_variants, read, f"{top}/teachers/toy", **files, **scores)
        made = [teacher["gamma"], teacher["scores"]]
        for modality in ("image", "text"):
            params = StudentsParams(**shared, modality=modality, student=student)
            ranked, folder = inputs | {"channels": teacher["channels"]}, f"{top}/unimodal/toy/{modality}"
            students = run_stage("unimodal_students", params, ranked, folder, **scores, metrics_table="metrics.parquet")
            made.append(students["scores"])
        return made

    files = make("results/mfh")
    assert not audit(Path("results"), "mfh").findings
    assert [Path(file).read_bytes() for file in files] == [Path(file).read_bytes() for file in make("results/again")]

    metrics = json.loads(Path("results/mfh/teachers/toy/metrics.json").read_text())
    assert 0.3 < metrics["text-image/counts"] <= 1
    assert metrics["both-text/information"] > 0
    students = safetensors.torch.load_file(files[2])
    assert len(students) == 3 * (1 + 3 * 10) + 1
    assert float(students["no-kd/0"][0]) > float(students["constant"][0])

    about = TeacherDataset(name="toy", title="Toy", task="multiclass", metric="accuracy")
    params = ReportParams.model_construct(study="mfh", teachers=PARAMS.model_copy(update={"datasets": [about]}))
    found = {"teacher_gamma": [files[0]], "teacher_scores": [files[1]], "teacher_prepared": [inputs["test"]]}
    made = teacher_tables(Job("mfh_tables", params, found | {"student_scores": files[2:]}))
    texts = {table.name: [render(table) for render in RENDERINGS.values()] for table in made}
    assert list(texts) == ["predictions", "gain_rank", "variants", "gamma"]
    for name, words in (("variants", "image and text → text"), ("predictions", "P1: students"), ("gamma", "Toy (acc")):
        assert any(words in text for text in texts[name])
