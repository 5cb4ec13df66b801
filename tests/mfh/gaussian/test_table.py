"""Tables of the Gaussian study: cells, the paper's values and verdicts, the expected order, and the pages made of them."""

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
from stages import cell_of, run_stage

from msd.config.contracts.tables import ResolveParams
from msd.lineage.audit import audit
from msd.mfh.config import JointTraining, NetTraining
from msd.mfh.crossmodal.readers.mm_imdb import GENRES
from msd.mfh.gaussian.config import PublishedSweep
from msd.mfh.gaussian.figure import sweep_figure
from msd.mfh.gaussian.table import METHODS, experiment_table, printed
from msd.mfh.study import MfhStudy
from msd.studies import open_study
from msd.tables.render import as_csv, as_latex, as_markdown
from msd.tables.table import Table

PROJECT = Path(__file__).resolve().parents[3]
TOP = "results/mfh"
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
    rows = [
        (value, value, seed, method, level + seed * (0.5 if method == "kd-general" else 1))
        for value in (0.25, 2 / 3)
        for method, level in {**LEVELS, **({"kd-specific": 59.5} if value > 0.5 else {})}.items()
        for seed in range(3)
    ]
    return pd.DataFrame(rows, columns=["setting", "gamma", "seed", "method", "accuracy"])


@pytest.fixture(scope="module")
def table() -> dict:
    return experiment_table("table2", frame(), published=PUBLISHED, run="r", study="mfh", kl="batch").to_json()


def test_every_method_has_a_cell_in_every_setting_as_the_paper_prints_it(table: dict) -> None:
    assert [(c["setting"], c["method"]) for c in table["cells"]] == [(s, m) for s in (0.25, 0.66) for m in METHODS]
    found = cell_of(table, setting=0.66, method="kd-general")
    assert (found["mean"], found["n"], found["values"]) == (63.5, 3, {"0": 63.0, "1": 63.5, "2": 64.0})
    assert found["low"] < 63.5 < found["high"]
    assert found["gamma"] == pytest.approx(2 / 3)
    missing = cell_of(table, setting=0.25, method="kd-specific")
    assert (missing["mean"], missing["n"], missing["why"]) == (None, 0, "no channel is specific at that γ")
    assert printed(2 / 3, {"0.66": {}, "0.75": {}}) == 0.66
    assert printed(2 / 3, {"0.5": {}}) == 0.6667, "four decimals where the paper prints none"


def test_verdicts_follow_the_interval_and_gaps_are_ours_minus_the_paper_s(table: dict) -> None:
    inside, outside = (cell_of(table, setting=setting, method="kd-regular") for setting in (0.25, 0.66))
    assert (inside["verdict"], inside["gap"]) == ("within", 0.0)
    assert [outside[key] for key in ("verdict", "gap", "paper_source")] == ["outside", 21.0, "a figure"]
    unknown = cell_of(table, setting=0.25, method="kd-general")
    assert [unknown[key] for key in ("paper", "paper_source", "gap", "verdict")] == [None] * 4


def test_gains_are_paired_by_run_corrected_together_and_held_against_the_paper_s(table: dict) -> None:
    gain = cell_of(table, setting=0.66, method="kd-general")["against"]
    assert gain["difference"] == pytest.approx(3.5)  # 4, 3.5 and 3
    assert gain["p"] < gain["p_holm"]
    constant = cell_of(table, setting=0.66, method="kd-regular")["against"]
    assert (constant["difference"], constant["p"], constant["p_holm"]) == (1.0, None, None)
    assert cell_of(table, setting=0.66, method="teacher-general")["against"] is None
    assert table["family"] == 5
    here = [cell_of(table, setting=0.25, method=method)["against"] for method in ("kd-regular", "kd-general")]
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
    for part in ("paper 61.00: within", "paper 40.00: outside, +21.00", "no paper value", "| γ = 0.66 |"):
        assert part in text
    assert r"\begin{tabular}{lrrrrrr}" in as_latex(Table.from_json(table))
    rows = list(csv.DictReader(io.StringIO(as_csv(Table.from_json(table)))))
    assert (rows[3]["paper"], rows[3]["setting"]) == ("61.0", "0.25")


def test_the_figure_has_every_method_and_marks_for_the_paper(table: dict) -> None:
    figure = sweep_figure(Table.from_json(table))
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


def small_study(folder: Path) -> MfhStudy:
    """The study with few runs and epochs, a data set of the user's, and no vision-language teachers."""
    of_file = open_study(PROJECT / "config/mfh.yaml").model_dump(mode="json")["gaussian"]
    changes = {"gaussian": of_file | {"runs": 2, "train": 40, "test": 50, "epochs": 5}, "teachers": None}
    study = open_study(PROJECT / "config/mfh.yaml", changes | {"crossmodal": {"mm-imdb": drawn_films(folder)}})
    assert isinstance(study, MfhStudy)
    return study


def trained(study: MfhStudy, folder: Path) -> dict[str, str | list[str]]:
    """Every net, in results/mfh: what the tables read."""
    few, parquet, found = NetTraining(epochs=1, batch_size=4, learning_rate=0.01), "runs.parquet", "findings.json"
    films = study.crossmodal_params("mm-imdb")
    films = films.model_copy(update={"student": {"image": "mlp"}, "seeds": [0, 1], "training": few})
    digits = study.av_mnist.params().model_copy(update={"seeds": [0, 1], "training": few})
    ranking = study.gaussian.generality_params(JointTraining(epochs=20, learning_rate=0.01, momentum=0.9))
    gaussian = run_stage("gaussian", study.gaussian.params(), {}, f"{TOP}/gaussian", runs=parquet)
    assert torch.are_deterministic_algorithms_enabled()
    ranked = run_stage("generality", ranking, {}, f"{TOP}/generality", channels="channels.parquet")
    read = {"digits": drawn_digits(folder)}
    heard = run_stage("av_mnist", digits, read, f"{TOP}/av_mnist", runs=parquet, findings=found)
    crossed = run_stage(
        "crossmodal", films, {}, f"{TOP}/crossmodal/mm-imdb", runs=parquet, findings=found, data="data.json"
    )
    return {
        **{"runs": gaussian["runs"], "channels": ranked["channels"]},
        **{"av_mnist": heard["runs"], "av_mnist_findings": [heard["findings"]]},
        **{"crossmodal": [crossed["runs"]], "crossmodal_findings": [crossed["findings"]]},
    }


def test_all_stages_in_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With few runs and epochs: data to report, every file recorded."""
    study = small_study(tmp_path)
    params = study.report_params()
    for file in ("workflow/report/gaussian.rst", "msd/report/templates/mfh.html.j2"):
        shutil.copy(PROJECT / file, tmp_path)
    monkeypatch.chdir(tmp_path)
    read = trained(study, tmp_path)
    resolved = run_stage("resolve", ResolveParams(study.resolved()), {}, f"{TOP}/config", study="study.yaml")["study"]
    names = [*(f"gaussian_{name}" for name in ("exp1", "exp2", "table2", "generality")), "av_mnist", "crossmodal"]
    forms = [f"{name}.{form}" for name in names for form in ("json", "csv", "md", "tex")]
    run_stage("mfh_tables", params, read, f"{TOP}/tables", tables=forms)
    tables = [f"{TOP}/tables/{name}.json" for name in names]
    shapes = [f"{name.replace('_', '-')}.{form}" for name in names[:3] for form in ("svg", "png")]
    drawn = run_stage("mfh_figures", params, {"tables": tables[:3]}, f"{TOP}/figures", figures=shapes)["figures"]
    shown = {"tables": tables, "figures": drawn[::2], "captions": ["gaussian.rst"], "study": resolved}
    shown |= {"environment": f"{TOP}/gaussian/record.json", "templates": ["mfh.html.j2"]}
    page = Path(run_stage("mfh_report", params, shown, TOP, report="report.html")["report"]).read_text()
    assert not audit(Path("results"), "mfh").findings
    made = json.loads(Path(tables[0]).read_text())
    assert [c["setting"] for c in made["cells"]][::6] == [0, 0.11, 0.25, 0.43, 0.67, 1]
    assert json.loads(Path(f"{TOP}/gaussian/metrics.json").read_text())["table2/0.25/kd-general"] > 0
    assert page.count("data:image/svg+xml;base64,") == 3
    for text in ("Experiment 1", "Experiment 2", "Table 2", "Algorithm 1", "Spoken digits", "MM-IMDB"):
        assert text in page
    assert "no paper value" in page
    assert "kl: batch-and-classes" in page
    assert "http" not in page.replace("https://arxiv.org/abs/2206.06487", "")
