"""The table of a user's data sets: gains paired by seed, the paper's values without verdict, what is not known."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from faults import one_sentence
from stages import cell_of

from msd.config.contracts.training import EngineParams
from msd.job import Job
from msd.mfh.crossmodal.config import FILES, CrossmodalTable, read_crossmodal
from msd.mfh.crossmodal.readers.ravdess import Ravdess
from msd.mfh.crossmodal.run import crossmodal, described, read, run
from msd.mfh.crossmodal.samples import Samples
from msd.mfh.crossmodal.table import crossmodal_table
from msd.tables.render import RENDERINGS, as_markdown
from msd.tables.table import Table

SCORES = {
    ("rgb", "no-kd"): (40, 42),
    ("rgb", "teacher-regular"): (50, 52),
    ("rgb", "kd-regular"): (43, 47),
    ("both", "no-kd"): (40, 42),
    ("both", "teacher-regular"): (55, 54),
    ("both", "kd-regular"): (42, 41),
    ("both", "kd-general"): (44, 46),
}


def about(name: str) -> CrossmodalTable:
    [config] = read_crossmodal({name: "."}).values()
    changes = {"not_known": ["the networks", "the seeds"], "differs": []}
    return config.table_params(name).model_copy(update=changes)


@pytest.fixture
def frame() -> pd.DataFrame:
    rows = [(*key, seed, float(value)) for key, values in SCORES.items() for seed, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["teacher", "method", "seed", "score"])


@pytest.fixture
def table(frame: pd.DataFrame) -> dict:
    datasets, runs = {"nyu": about("nyu-depth-v2")}, {"nyu": "results/mfh/crossmodal/nyu"}
    return crossmodal_table({"nyu": frame}, datasets, runs=runs, study="mfh").to_json()


def test_every_student_is_held_against_the_one_without_a_teacher(table: dict) -> None:
    assert cell_of(table, source="none", role="kd")["mean"] == 41
    gains = {item["source"]: item["against"]["difference"] for item in table["cells"] if item["against"]}
    assert gains == {"rgb/regular": 4, "both/regular": 0.5, "both/general": 4}
    assert cell_of(table, source="rgb/regular", role="kd")["against"]["p"] == pytest.approx(
        0.1560, abs=1e-4
    )  # t(1) = 4
    assert table["family"] == 2, "where every seed gains as much, there is no p"
    assert cell_of(table, source="both/regular", role="teacher")["against"] is None


def test_the_paper_s_values_stand_by_the_teacher_s_modalities_without_verdict(table: dict) -> None:
    published = {item.title: item.values for item in about("nyu-depth-v2").published}
    values = published["MFH, NYU Depth V2, RGB student"]
    assert cell_of(table, source="none", role="kd")["paper"] == values["no-kd"][0]
    for teacher in ("rgb", "both"):
        assert cell_of(table, source=f"{teacher}/regular", role="teacher")["paper"] == values[f"teacher-{teacher}"][0]
        assert cell_of(table, source=f"{teacher}/regular", role="kd")["paper"] == values[f"kd-{teacher}"][0]
    assert cell_of(table, source="both/general", role="kd")["paper"] is None, (
        "whose teacher the value is of is not known"
    )
    assert {item["verdict"] for item in table["cells"]} == {None}
    assert "kd-general" in as_markdown(Table.from_json(table)), "but it is told below"


def test_with_one_teacher_values_go_by_its_kind(frame: pd.DataFrame) -> None:
    of_v = about("vggsound-resnet18")
    frames = {"v": frame[frame["teacher"] == "both"]}
    made = crossmodal_table(frames, {"v": of_v}, runs={"v": "r"}, study="mfh").to_json()
    for kind in ("regular", "general"):
        assert cell_of(made, source=f"both/{kind}", role="kd")["paper"] == of_v.published[0].values[f"kd-{kind}"][0]


def test_what_was_dropped_is_stated(frame: pd.DataFrame) -> None:
    datasets, where = {"nyu": about("nyu-depth-v2")}, {"runs": {"nyu": "results/nyu"}, "study": "mfh"}
    bad = {"nyu": {"dropped: no labelled pixel": 3, "dropped: cannot be read": 1}}
    text = as_markdown(crossmodal_table({"nyu": frame}, datasets, **where, findings=bad))
    assert "NYU Depth V2, records: dropped: no labelled pixel 3; dropped: cannot be read 1." in text
    assert "records:" not in as_markdown(crossmodal_table({"nyu": frame}, datasets, **where, findings={"nyu": {}}))


def test_what_is_not_known_is_stated_in_every_form(table: dict) -> None:
    texts = {form: render(Table.from_json(table)) for form, render in RENDERINGS.items()}
    assert all("45.0" in text for text in texts.values()), "the mean of the students of the teacher that sees colour"
    assert "Not known of the paper: the networks; the seeds." in texts["md"]
    assert "otherwise here" not in texts["md"]


def test_every_data_set_of_the_paper_lists_what_is_not_known() -> None:
    names = sorted(path.stem for path in FILES.glob("*.yaml") if not path.stem.startswith("tux-paint"))
    configs = read_crossmodal(dict.fromkeys(names, "."))
    assert {config.data.reader for config in configs.values()} == {"mm-imdb", "nyu-depth", "ravdess", "vggsound"}
    assert all(about(name).published for name in names), "file names are those of config/published.yaml"


def test_data_are_described_by_their_bytes() -> None:
    part = Samples({"audio": torch.zeros(2, 3)}, torch.tensor([0, 1]))
    found = described({"train": part, "test": part._replace(label=torch.tensor([1, 1]))}, 2)
    assert found["train"]["audio"] == found["test"]["audio"]
    assert found["train"]["audio"]["shape"] == [3]
    assert found["train"]["label"]["sha256"] != found["test"]["label"]["sha256"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    [config] = read_crossmodal({"ravdess": str(tmp_path)}).values()
    training = config.training.model_copy(update={"engine": EngineParams(device="cuda")})
    params = config.params(str(tmp_path)).model_copy(update={"training": training})
    with one_sentence(r"engine.device: PyTorch sees no GPU"):
        crossmodal(Job("crossmodal", params))
    assert torch.are_deterministic_algorithms_enabled(), "before anything is computed"


def test_a_training_that_runs_away_is_named_with_its_data_set() -> None:
    [config] = read_crossmodal({"tux-paint-image": "."}).values()
    shapes = {"image": (3, 16, 16), "speech": (1, 32, 32), "text": (50,)}
    inputs = {name: torch.full((4, *shape), float("nan")) for name, shape in shapes.items()}
    splits = dict.fromkeys(("train", "val", "test"), Samples(inputs, torch.arange(4) % 2))
    with one_sentence(r"^tux-paint, \w+, seed \d+, no-kd, step 0: the values of the loss are no longer finite"):
        run(splits, 2, config.params("."))


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with one_sentence(r"there is no folder .*nowhere"):
        read(Ravdess(), tmp_path / "nowhere")
