"""Digits seen and heard: the job on prepared digits and on the published archive, its table, and faults of a study."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from faults import changed_yaml, one_sentence
from safetensors.torch import save_file
from stages import cell_of, run_stage

from msd.lineage.audit import audit
from msd.mfh.av_mnist.config import AvMnistParams, AvMnistTable, PublishedDigits
from msd.mfh.av_mnist.table import ORDER, TITLES, av_mnist_table
from msd.mfh.config import Distillation, NetTraining
from msd.studies import open_study
from msd.tables.render import RENDERINGS
from msd.tables.table import Table

MFH = Path("config/mfh.yaml")
SHORT = AvMnistParams(
    seeds=[0, 1],
    teacher_width=4,
    student_width=1,
    share=0.5,
    training=NetTraining(epochs=2, batch_size=16, learning_rate=0.05),
    distillation=Distillation(task_weight=1, kd_weight=1, temperature=2),
)
METHODS = TITLES.keys() - {"teacher-none", "kd-none"}
PAPER = PublishedDigits(source="a table", values={"no-kd": 60.0, "kd-audio": 61.0})
ABOUT = AvMnistTable(dataset="spoken-digits", title="Spoken digits", is_embedded=True, share=0.5, paper=PAPER)


def digits(path: Path, counts: dict[str, int]) -> Path:
    """Prepared digits: the picture's row and the sound's column say which one it is."""
    generator, tensors = torch.Generator().manual_seed(0), {}
    for split, count in counts.items():
        label = torch.arange(count) % 10
        picture, sound = torch.zeros(count, 1, 28, 28), torch.zeros(count, 1, 32, 32)
        for row, digit in enumerate(label.tolist()):
            picture[row, 0, 2 * digit : 2 * digit + 3] = 1
            sound[row, 0, :, 3 * digit : 3 * digit + 3] = 1
        tensors |= {f"{split}/image": picture.half(), f"{split}/label": label, f"{split}/voice": label // 2}
        tensors[f"{split}/audio"] = (sound + 0.5 * torch.randn(sound.shape, generator=generator)).half()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path


def test_the_job_answers_every_test_sample_by_every_method_and_seed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = digits(Path("results/data/spoken-digits/prepared/digits.safetensors"), {"train": 80, "val": 10, "test": 20})
    frame, again = (pd.read_parquet(run_av_mnist(SHORT, {"digits": str(path)})) for _ in range(2))
    pd.testing.assert_frame_equal(frame, again)
    assert set(frame["method"]) == METHODS
    assert (frame.groupby(["method", "seed"]).size() == 20).all()
    assert frame.loc[:19, "group"].tolist() == [row % 10 // 2 for row in range(20)]
    assert frame.groupby("method")["right"].mean()["teacher-both"] > 0.5, "it learns"
    assert torch.are_deterministic_algorithms_enabled()


def run_av_mnist(params: AvMnistParams, inputs: dict) -> str:
    return run_stage("av_mnist", params, inputs, "results/mfh/av_mnist", runs="runs.parquet", findings="findings.json")[
        "runs"
    ]


def test_a_training_that_runs_away_is_named_with_its_data_set(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = digits(Path("results/data/spoken-digits/prepared/digits.safetensors"), {"train": 80, "val": 10, "test": 20})
    runaway = NetTraining(epochs=3, batch_size=16, learning_rate=10, weight_decay=1e6)
    with one_sentence(r"spoken-digits, seed 0, teacher-audio, step \d+: the values of the loss are no longer finite"):
        run_av_mnist(SHORT.model_copy(update={"training": runaway}), {"digits": str(path)})


def test_the_published_archive_feeds_the_same_job(tmp_path: Path, monkeypatch) -> None:
    for part, count in (("train", 48), ("test", 10)):
        label = np.arange(count) % 10
        sound = np.zeros((count, 112, 112), np.uint8)
        sound[:, 0, 0] = label
        pictures = np.random.default_rng(0).integers(0, 255, (count, 784)).astype(np.float64)
        arrays = {f"image/{part}_data": pictures, f"audio/{part}_data": sound, f"{part}_labels": label}
        for name, array in arrays.items():
            (tmp_path / "avmnist" / name).parent.mkdir(parents=True, exist_ok=True)
            np.save(tmp_path / "avmnist" / name, array)
    shutil.copytree("config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    study = open_study(changed_yaml(MFH, MFH, lambda content: content["av_mnist"].update(source="avmnist")))
    assert study.datasets == []
    assert study.av_mnist.table_params().dataset == "av-mnist"
    one_seed = SHORT.model_copy(update={"seeds": [0]})
    frame = pd.read_parquet(run_av_mnist(one_seed, {"archive": study.av_mnist.archive}))
    assert (frame.groupby("method").size() == 10).all()
    assert frame["group"].nunique() == 10
    assert not audit(Path("results"), "mfh").findings


def frame() -> pd.DataFrame:
    """Three seeds of ten samples by two voices; every method is right as often as its level says, one more by seed."""
    levels = {"no-kd": 4, "kd-audio": 6, "kd-general": 7, "teacher-audio": 5, "teacher-both": 7}
    rows = [
        (method, seed, sample, 7 * (sample % 2), sample < level + (seed == 1))
        for method, level in (dict.fromkeys(METHODS, 5) | levels).items()
        for seed in range(3)
        for sample in range(10)
    ]
    columns = ["method", "seed", "sample", "group", "right"]
    return pd.DataFrame(rows, columns=columns).sample(frac=1, random_state=0)


@pytest.fixture(scope="module")
def table() -> dict:
    return av_mnist_table(frame(), ABOUT, run="results/mfh/av_mnist", study="mfh").to_json()


def test_every_teacher_stands_beside_its_student_whose_gain_is_over_no_teacher(table: dict) -> None:
    assert {item["method"] for item in table["cells"]} == METHODS
    student = cell_of(table, method="kd-audio")
    assert [student[key] for key in ("teacher", "role", "n")] == ["audio", "kd", 3]
    assert student["values"] == {"0": 60.0, "1": 70.0, "2": 60.0}
    assert student["mean"] == pytest.approx(63.333, abs=1e-3)
    assert student["low"] < student["mean"] < student["high"]
    gain = cell_of(table, method="kd-general")["against"]
    assert (gain["method"], gain["n"]) == ("no-kd", 3)
    assert gain["difference"] == pytest.approx(30)
    assert gain["low"] <= gain["difference"] <= gain["high"]
    assert [cell_of(table, method=name)["against"] for name in ("no-kd", "teacher-audio")] == [None, None]
    assert table["family"] == 6


def test_the_paper_s_values_stand_beside_ours_without_a_verdict(table: dict) -> None:
    alone = cell_of(table, method="no-kd")
    assert (alone["paper"], alone["paper_source"]) == (60.0, "a table")
    assert cell_of(table, method="kd-both")["paper"] is None
    assert all(item["verdict"] is None and item["gap"] is None for item in table["cells"])
    texts = {form: render(Table.from_json(table)) for form, render in RENDERINGS.items()}
    assert all(texts.values())
    assert "within" not in texts["md"]
    for words in ("paper 60.00: no verdict", "is not AV-MNIST", "2 groups"):
        assert words in texts["md"]
    [row] = [line for line in texts["md"].splitlines() if line.startswith("| No teacher")]
    assert row.endswith("paper 60.00: no verdict |  |"), "where there is no teacher there is none to show"


def test_the_expected_order_is_checked(table: dict) -> None:
    outcome = {(check["higher"], check["lower"]): check for check in table["checks"]}
    assert len(outcome) == len(ORDER)
    assert outcome["kd-audio", "no-kd"]["holds"] is True
    assert outcome["kd-random", "kd-specific"]["holds"] is False, "they are equal"
    assert outcome["kd-regular", "kd-random"]["holds"] is True, "equal is enough"
    assert outcome["teacher-both", "teacher-audio"]["difference"] == pytest.approx(20)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"source": "spoken-digit"}, r"neither a data set nor a folder; did you mean 'spoken-digits'\?"),
        ({"source": "config"}, r"the folder config has no file image/train_data.npy"),
        ({"seeds": [1, 1]}, r"av_mnist.seeds: a value is given twice"),
        ({"seeds": [1]}, r"av_mnist.seeds: .*at least 2"),
        ({"share": 1.5}, r"av_mnist.share: .*less than 1"),
        ({"with": 3}, r"unknown key 'av_mnist.with'"),
    ],
)
def test_a_fault_of_the_study_is_one_sentence(tmp_path: Path, change: dict, sentence: str) -> None:
    path = changed_yaml(MFH, tmp_path / "study.yaml", lambda content: content["av_mnist"].update(change))
    with one_sentence(sentence):
        open_study(path)
