"""Tables of the Gaussian study: cells, the paper's values and verdicts, the expected order, and the pages made of them."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from msd.config.contracts.tables import ResolveParams
from msd.job import Job, run
from msd.lineage.audit import audit
from msd.mfh.config import JointTraining, NetTraining
from msd.mfh.crossmodal.readers.mm_imdb import GENRES
from msd.mfh.gaussian.config import PublishedSweep
from msd.mfh.gaussian.figure import sweep_figure
from msd.mfh.gaussian.table import METHODS, experiment_table, printed
from msd.studies import open_study
from msd.tables.render import as_csv, as_latex, as_markdown
from msd.tables.table import Table

PROJECT = Path(__file__).resolve().parents[3]
PUBLISHED = PublishedSweep(
    source="a figure",
    reading_error=0.15,
    values={
        "0.25": {"kd-regular": 61.0, "no-kd": 50.0, "teacher-regular": 79.5},
        "0.66": {"kd-regular": 40.0, "no-kd": 50.0},
    },
    released_gain={"0.66": 1.5},
)
LEVELS = {"teacher-regular": 80, "teacher-general": 70, "no-kd": 59, "kd-regular": 60, "kd-general": 63}


def frame() -> pd.DataFrame:
    """Two settings with three runs; the specific teacher exists in the second alone."""
    rows = []
    for value in (0.25, 2 / 3):
        levels = LEVELS | ({"kd-specific": 59.5} if value > 0.5 else {})
        for method, level in levels.items():
            for seed in range(3):
                wobble = seed * (0.5 if method == "kd-general" else 1)
                rows.append(
                    {"setting": value, "gamma": value, "seed": seed, "method": method, "accuracy": level + wobble}
                )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def table() -> dict:
    return experiment_table("table2", frame(), published=PUBLISHED, run="r", study="mfh", kl="batch").to_json()


def cell(table: dict, setting: float, method: str) -> dict:
    [found] = [c for c in table["cells"] if (c["setting"], c["method"]) == (setting, method)]
    return found


def test_every_method_has_a_cell_in_every_setting_as_the_paper_prints_it(table: dict) -> None:
    assert [(c["setting"], c["method"]) for c in table["cells"]] == [(s, m) for s in (0.25, 0.66) for m in METHODS]
    found = cell(table, 0.66, "kd-general")
    assert (found["mean"], found["n"], found["values"]) == (63.5, 3, {"0": 63.0, "1": 63.5, "2": 64.0})
    assert found["low"] < 63.5 < found["high"]
    assert found["gamma"] == pytest.approx(2 / 3)


def test_verdicts_follow_the_interval_and_gaps_are_ours_minus_the_paper_s(table: dict) -> None:
    inside, outside = cell(table, 0.25, "kd-regular"), cell(table, 0.66, "kd-regular")
    assert (inside["verdict"], inside["gap"]) == ("within", 0.0)
    assert (outside["verdict"], outside["gap"]) == ("outside", 21.0)
    assert outside["paper_source"] == "a figure"
    unknown = cell(table, 0.25, "kd-general")
    assert [unknown[key] for key in ("paper", "paper_source", "gap", "verdict")] == [None] * 4


def test_a_net_that_cannot_exist_is_null_with_a_reason(table: dict) -> None:
    missing = cell(table, 0.25, "kd-specific")
    assert (missing["mean"], missing["n"], missing["why"]) == (None, 0, "no channel is specific at that γ")


def test_gains_are_paired_by_run_and_corrected_together(table: dict) -> None:
    gain = cell(table, 0.66, "kd-general")["against"]
    assert gain["difference"] == pytest.approx(3.5)  # 4, 3.5 and 3
    assert gain["p"] < gain["p_holm"]
    constant = cell(table, 0.66, "kd-regular")["against"]
    assert (constant["difference"], constant["p"], constant["p_holm"]) == (1.0, None, None)
    assert cell(table, 0.66, "teacher-general")["against"] is None
    assert table["family"] == 5


def test_the_paper_s_gain_is_held_against_the_paired_interval(table: dict) -> None:
    here = [cell(table, 0.25, method)["against"] for method in ("kd-regular", "kd-general")]
    assert [(gain["paper"], gain["verdict"]) for gain in here] == [(11.0, "outside"), (None, None)]
    assert "gains lie inside these paired intervals in 0 of 2 cells" in " ".join(table["notes"])


def test_the_expected_order_is_reported_where_it_fails_and_where_nothing_can_be_expected(table: dict) -> None:
    outcome = {(c["setting"], c["higher"], c["lower"]): c["holds"] for c in table["checks"]}
    assert outcome[0.25, "kd-general", "kd-regular"] is True
    assert outcome[0.66, "no-kd", "kd-specific"] is False
    assert outcome[0.25, "no-kd", "kd-specific"] is None
    assert outcome[0.66, "teacher-regular", "teacher-general"] is True
    assert outcome[0.25, "teacher-regular", "teacher-general"] is None, "no specific channel is lost"
    notes = " ".join(table["notes"])
    assert "KD, regular teacher ≥ No KD: holds in 2 of 2 settings, in the paper in 1 of 2." in notes
    assert "No KD > KD, specific teacher: holds in 0 of 1 settings." in notes
    assert "at most 0.50 points away, in 1 settings" in notes


def test_renderings_show_value_verdict_and_reason(table: dict) -> None:
    text = as_markdown(Table.from_json(table))
    assert "paper 61.00: within" in text
    assert "paper 40.00: outside, +21.00" in text
    assert "no paper value" in text
    assert "| γ = 0.66 |" in text
    assert r"\begin{tabular}{lrrrrrr}" in as_latex(Table.from_json(table))
    rows = list(csv.DictReader(io.StringIO(as_csv(Table.from_json(table)))))
    assert rows[3]["paper"] == "61.0"
    assert rows[3]["setting"] == "0.25"


def test_a_swept_value_is_printed_as_the_paper_does_or_to_four_decimals() -> None:
    assert printed(2 / 3, {"0.66": {}, "0.75": {}}) == 0.66
    assert printed(2 / 3, {"0.5": {}}) == 0.6667


def test_the_figure_has_every_method_and_marks_for_the_paper(table: dict) -> None:
    figure = sweep_figure(table)
    labels = [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]
    assert labels == [*list(METHODS.values())[:2], "paper", *list(METHODS.values())[2:], "paper"]
    hollow = [line for line in figure.axes[1].lines if line.get_markerfacecolor() == "none" and len(line.get_xdata())]
    assert [list(line.get_ydata()) for line in hollow] == [[50.0, 50.0], [61.0, 40.0]]


def drawn_digits(folder: Path) -> str:
    """Prepared digits that hold noise."""
    tensors: dict[str, torch.Tensor] = {}
    for split, count in (("train", 40), ("val", 10), ("test", 20)):
        tensors |= {f"{split}/image": torch.randn(count, 1, 28, 28), f"{split}/audio": torch.randn(count, 1, 8, 8)}
        tensors |= {f"{split}/label": torch.arange(count) % 10, f"{split}/voice": torch.arange(count) % 3}
    save_file(tensors, folder / "digits.safetensors")
    return "digits.safetensors"


def drawn_films(folder: Path) -> str:
    """The folder of a file of MM-IMDB with eight films."""
    with h5py.File(folder / "multimodal_imdb.hdf5", "w") as file:
        file["features"] = np.random.default_rng(0).normal(size=(8, 300))
        file["vgg_features"] = np.random.default_rng(1).normal(size=(8, 4096))
        file["genres"] = np.eye(8, len(GENRES), dtype=np.int32)
        file["genres"].attrs["target_names"] = json.dumps(GENRES)
        rows = [(b"train", b"features", 0, 4), (b"dev", b"features", 4, 6), (b"test", b"features", 6, 8)]
        fields = [("split", "S5"), ("source", "S8"), ("start", "<i8"), ("stop", "<i8")]
        file.attrs["split"] = np.array(rows, dtype=fields)
    return str(folder)


def test_all_stages_in_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With few runs and epochs: data to report, every file recorded."""
    gaussian = {"runs": 2, "train": 40, "test": 50, "epochs": 5}
    content = open_study(PROJECT / "config/mfh.yaml").model_dump(mode="json")["gaussian"] | gaussian
    study = open_study(
        PROJECT / "config/mfh.yaml", {"gaussian": content, "crossmodal": {"mm-imdb": drawn_films(tmp_path)}}
    )
    params = study.report_params().model_copy(update={"teachers": None})
    caption, template = (PROJECT / "workflow/report/gaussian.rst"), PROJECT / "msd/report/templates/mfh.html.j2"
    for file in (caption, template):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    top = "results/mfh"
    names = [*(f"gaussian_{name}" for name in ("exp1", "exp2", "table2", "generality")), "av_mnist", "crossmodal"]
    json_files = [f"{top}/tables/{name}.json" for name in names]
    shapes = [f"{top}/figures/{name.replace('_', '-')}" for name in names[:3]]
    channels, runs = f"{top}/generality/channels.parquet", f"{top}/gaussian/runs.parquet"
    heard, source = f"{top}/av_mnist/runs.parquet", drawn_digits(tmp_path)
    films, stored = f"{top}/crossmodal/mm-imdb", study.crossmodal_params("mm-imdb")
    described = {name: f"{films}/{name}.json" for name in ("data", "findings")}
    read = {"crossmodal": [f"{films}/runs.parquet"], "crossmodal_findings": [described["findings"]]}
    few = NetTraining(epochs=1, batch_size=4, learning_rate=0.01)
    stored = stored.model_copy(update={"student": {"image": "mlp"}, "seeds": [0, 1], "training": few})
    short = study.av_mnist.params()
    short = short.model_copy(update={"seeds": [0, 1], "training": short.training.model_copy(update={"epochs": 1})})
    training = study.gaussian.generality_params(JointTraining(epochs=20, learning_rate=0.01, momentum=0.9))
    jobs = [
        ("gaussian", study.gaussian.params(), {}, {"runs": runs}, f"{top}/gaussian"),
        ("generality", training, {}, {"channels": channels}, f"{top}/generality"),
        ("av_mnist", short, {"digits": source}, {"runs": heard}, f"{top}/av_mnist"),
        ("crossmodal", stored, {}, {"runs": read["crossmodal"][0], **described}, films),
        ("resolve", ResolveParams(study.resolved()), {}, {"study": f"{top}/config/study.yaml"}, f"{top}/config"),
        (
            "mfh_tables",
            params,
            {"runs": runs, "channels": channels, "av_mnist": heard, **read},
            {"tables": [f"{top}/tables/{name}.{form}" for name in names for form in ("json", "csv", "md", "tex")]},
            f"{top}/tables",
        ),
        (
            "mfh_figures",
            params,
            {"tables": json_files[:3]},
            {"figures": [f"{shape}.{form}" for shape in shapes for form in ("svg", "png")]},
            f"{top}/figures",
        ),
        (
            "mfh_report",
            params,
            {
                "tables": json_files,
                "figures": [f"{shape}.svg" for shape in shapes],
                "captions": ["gaussian.rst"],
                "study": f"{top}/config/study.yaml",
                "environment": f"{top}/gaussian/record.json",
                "templates": ["mfh.html.j2"],
            },
            {"report": f"{top}/report.html"},
            top,
        ),
    ]
    for rule, parameters, inputs, outputs, folder in jobs:
        recorded = {"metrics": f"{folder}/metrics.json", "record": f"{folder}/record.json"}
        run(Job(rule, parameters, inputs, outputs | recorded))
    assert not audit(Path("results"), "mfh").findings
    made = json.loads(Path(json_files[0]).read_text())
    assert [c["setting"] for c in made["cells"]][::6] == [0, 0.11, 0.25, 0.43, 0.67, 1]
    assert json.loads(Path(f"{top}/gaussian/metrics.json").read_text())["table2/0.25/kd-general"] > 0
    page = Path(f"{top}/report.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 3
    for text in (
        "Experiment 1",
        "Experiment 2",
        "Table 2",
        "Algorithm 1",
        "no paper value",
        "Spoken digits",
        "MM-IMDB",
        "kl: batch-and-classes",
    ):
        assert text in page
    assert "http" not in page.replace("https://arxiv.org/abs/2206.06487", "")
