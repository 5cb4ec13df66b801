"""Comparison of two results: the verdict on each cell and the cause that the records name, from folders and commits."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_jobs import edit_record, run_job

from msd.cli import main
from msd.errors import UserError
from msd.job import STAGES, Job
from msd.lineage.compare import CellComparison, compare
from msd.measure.intervals import mean_interval
from msd.measure.stats import generator
from msd.tables.digests import digest

DVC = str(Path(sys.executable).parent / "dvc")
KD, FINETUNE = "numbers/kd/test/accuracy", "numbers/finetune/test/accuracy"


def prepare(job: Job) -> dict[str, float]:
    Path(job.outputs["table"]).write_text(str(job.params["number"]))
    return {}


def teach(job: Job) -> dict[str, float]:
    Path(job.outputs["model"]).write_text(str(float(Path(job.inputs["table"]).read_text()) + job.params["bias"]))
    return {}


def learn(job: Job) -> dict[str, float]:
    model = float(Path(job.inputs["model"]).read_text()) if "model" in job.inputs else 0.5
    values = {str(seed): model * job.params["gain"] + seed / 100 for seed in job.params["seeds"]}
    Path(job.outputs["values"]).write_text(json.dumps(values))
    return {}


def collect(job: Job) -> dict[str, float]:
    shutil.copy(job.inputs["values"], job.outputs["cell"])
    return {}


def tabulate(job: Job) -> dict[str, float]:
    cells = []
    for path in job.inputs["all"]:
        values = json.loads(Path(path).read_text())
        method = Path(path).parent.name
        cell: dict[str, Any] = {
            "dataset": "numbers",
            "method": method,
            "metric": "accuracy",
            "split": "test",
            "selected": "base",
        }
        cell |= dict(zip(("mean", "low", "high"), mean_interval(list(values.values())), strict=True))
        cell |= {"n": len(values), "values": values}
        runs = [f"results/toy/students/numbers/{method}/base/{job.params['blocks']}"]
        cells.append(cell | {"runs": runs, "against": None})
    Path(job.outputs["main"]).write_text(json.dumps({"name": "main", "cells": cells}))
    return {}


def make(folder: Path, *, number: float = 1, bias: float = 0, gain: float = 1, seeds: tuple[int, ...] = (0, 1)) -> Path:
    """A study of one teacher and two students in `folder`; fine-tuning has no teacher."""
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    data, teacher, block = "data/numbers/prepared", "toy/teachers/numbers", f"seeds-0-{seeds[-1]}"

    run_job("prepare", data, {}, {"number": number}, table="train.txt")
    run_job("teacher", teacher, {"table": f"results/{data}/train.txt"}, {"bias": bias}, model="model.txt")
    cells = []
    for method, inputs in (("finetune", {}), ("kd", {"model": f"results/{teacher}/model.txt"})):
        place, cell = f"toy/students/numbers/{method}/base/{block}", f"toy/cells/numbers/{method}"
        settings = {"gain": gain if method == "kd" else 1, "seeds": list(seeds)}
        run_job("student", place, inputs, settings, values="values.json")
        run_job("collect", cell, {"values": f"results/{place}/values.json"}, cell="cell.json")
        cells.append(f"results/{cell}/cell.json")
    run_job("tables", "toy/tables", cells, {"blocks": block}, main="main.json")
    return folder / "results/toy"


@pytest.fixture
def study(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A function that makes a study in a folder of that name."""
    stages = {"prepare": prepare, "teacher": teach, "student": learn, "collect": collect, "tables": tabulate}
    for rule, function in stages.items():
        monkeypatch.setitem(STAGES, rule, (f"{__name__}:{function.__name__}", None))
    return lambda name, **settings: make(working_folder / name, **settings)


def cells(before: Path, after: Path) -> dict[str, CellComparison]:
    return {cell.cell: cell for cell in compare(str(before), str(after), study="toy").cells}


@pytest.mark.parametrize(
    ("change", "verdict", "causes"),
    [
        ({}, "identical", {}),
        ({"gain": 1.02}, "within interval", {"parameters": ["gain 1 → 1.02"]}),
        ({"gain": 2}, "changed", {"parameters": ["gain 1 → 2"]}),
        ({"bias": 3}, "changed", {"parameters": ["bias 0 → 3"]}),
        ({"number": 3}, "changed", {"parameters": ["number 1 → 3"]}),
    ],
)
def test_a_cell_names_the_changed_parameter_wherever_it_is_and_the_other_cell_is_the_same(
    study: Callable[..., Path], change: dict[str, float], verdict: str, causes: dict[str, list[str]]
) -> None:
    compared = cells(study("one"), study("two", **change))
    assert {name: (cell.verdict, cell.causes) for name, cell in compared.items()} == {
        KD: (verdict, causes),
        FINETUNE: ("identical", {}),
    }


def test_the_cells_of_a_table_that_only_one_side_has_are_seen(study: Callable[..., Path]) -> None:
    one, two = study("one"), study("two")
    further = json.loads((two / "tables/main.json").read_text()) | {"name": "further"}
    (two / "tables/further.json").write_text(json.dumps(further))
    compared = compare(str(one), str(two), study="toy").cells
    assert {(cell.table, cell.verdict) for cell in compared} == {("main", "identical"), ("further", "only in B")}
    compared = compare(str(two), str(one), study="toy").cells
    assert sorted(cell.cell for cell in compared if cell.verdict == "only in A") == sorted([KD, FINETUNE])


@pytest.mark.parametrize("content", ["{", "[]", "3", "{}", '{"inputs": [], "outputs": []}'])
def test_a_damaged_record_is_one_sentence(
    study: Callable[..., Path], capsys: pytest.CaptureFixture[str], content: str
) -> None:
    before, after = study("before"), study("after", gain=2)
    (after / "tables/record.json").write_text(content)
    assert main(["compare", str(before), str(after), "--study", "toy"]) == 1
    assert re.fullmatch(r"msd compare: \S+/record.json of \S+ is no readable .*\n", capsys.readouterr().err)


def test_more_seeds_are_the_cause(study: Callable[..., Path]) -> None:
    cell = cells(study("one"), study("two", seeds=(0, 1, 2)))[FINETUNE]
    assert cell.verdict == "within interval"
    assert cell.causes["seeds"] == ["0, 1 → 0, 1, 2", "[0, 1] → [0, 1, 2]"]


def test_code_environment_and_data_are_causes_where_files_differ(study: Callable[..., Path]) -> None:
    """The records of the second study say that another machine with other code made its teacher from other data."""
    one, two = study("one"), study("two", bias=3)
    teacher = two / "teachers/numbers/record.json"
    edit_record(teacher, lambda content: content["code"]["modules"].update({"msd.models": "other"}))
    edit_record(teacher, lambda content: content["versions"].update(torch="1.0"))
    edit_record(teacher, lambda content: content["inputs"][0].update(sha256="other", record=None))
    tables = two / "tables/record.json"
    edit_record(tables, lambda content: content["versions"].update(matplotlib="1.0"))
    causes = cells(one, two)[KD].causes
    assert causes["code"] == ["msd.models"]
    assert causes["data"] == ["results/data/numbers/prepared/train.txt"]
    assert causes["parameters"] == ["bias 0 → 3"]
    torch = json.loads((one / "teachers/numbers/record.json").read_text())["versions"]["torch"]
    assert f"torch {torch} → 1.0" in causes["environment"]


def test_a_cell_of_one_side_is_named_and_the_command_prints_lines_or_json(
    study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = study("one"), study("two", gain=2)
    table = one / "tables/main.json"
    content = json.loads(table.read_text())
    table.write_text(json.dumps(content | {"cells": content["cells"][1:]}))
    assert main(["compare", str(one), str(two)]) == 0
    text = capsys.readouterr().out
    assert f"main {FINETUNE}: undefined → 0.505, only in B" in text
    assert f"main {KD}: 1.005 → 2.005, changed (parameters: gain 1 → 2)" in text
    assert text.endswith("1 changed, 1 only in B\n")
    assert main(["compare", str(one), str(two), "--json"]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert {cell["cell"]: cell["verdict"] for cell in reply["cells"]} == {KD: "changed", FINETUNE: "only in B"}


def several(seed: int) -> dict[str, Any]:
    """Parameters of two datasets, and five more, that depend on a seed."""
    datasets = [{"name": "left", "seeds": [1]}, {"name": "right", "choices": {"seed": seed}}]
    return {"datasets": datasets} | {f"part_{number}": seed for number in range(5)}


def test_a_parameter_of_one_of_several_datasets_is_named_and_a_line_names_the_first_few_causes(
    study: Callable[..., Path],
) -> None:
    one, two = study("one"), study("two", gain=2)
    edit_record(one / "tables/record.json", lambda content: content["params"].update(several(1)))
    edit_record(two / "tables/record.json", lambda content: content["params"].update(several(2)))
    cell = cells(one, two)[KD]
    assert cell.causes["parameters"][:2] == ["datasets.right.choices.seed 1 → 2", "gain 1 → 2"]
    assert len(cell.causes["parameters"]) == 7
    assert str(cell).endswith("gain 1 → 2, part_0 1 → 2, part_1 1 → 2 and 3 more)")


def call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def commit() -> None:
    call("git", "add", "-A")
    call("git", "commit", "-qm", "results")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to another account")
def test_a_repository_of_another_account_is_one_sentence(
    study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    call("git", "init", "-q")
    call(DVC, "init", "-q")
    for path in (Path(), Path(".git")):
        os.chown(path, 12345, 12345)
    assert main(["compare", str(study("one")), "HEAD"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("msd compare: 'HEAD' cannot be read: ")
    assert error.endswith("is not owned by current user; `git status` says what to do\n")


def test_commits_are_compared_by_dvc_s_files_or_by_the_published_tables(study: Callable[..., Path]) -> None:
    tables = study("one")
    call("git", "init", "-q")
    call(DVC, "init", "-q")
    call(DVC, "config", "core.analytics", "false")
    Path(".gitignore").write_text("/results/toy\n/results/data\n/results/.hashes*\n")
    shutil.copytree(tables / "tables", "results/published/toy")
    commit()
    study("one", gain=2)
    call(DVC, "add", "-q", "results/toy")
    shutil.rmtree("results/published")
    commit()
    compared = compare("HEAD~1", "HEAD", study="toy")
    assert {cell.cell: cell.verdict for cell in compared.cells} == {KD: "changed", FINETUNE: "identical"}
    shutil.rmtree("results/toy")
    study("one", gain=4)
    compared = compare("HEAD", "toy")  # a side that is a study says whose results the commit is asked for
    assert {cell.cell: cell.causes for cell in compared.cells} == {KD: {"parameters": ["gain 2 → 4"]}, FINETUNE: {}}
    with pytest.raises(UserError, match="commit HEAD has no tables of other here"):
        compare("HEAD", "toy", study="other")
    with pytest.raises(UserError, match="'nothing' is no folder, no study in results/ and no git commit"):
        compare("nothing", "toy", study="toy")


def test_published_tables_are_not_explained_by_records_that_are_of_later_results(study: Callable[..., Path]) -> None:
    shutil.copytree(study("one") / "tables", "results/published/toy")
    cell = cells(Path("results/published/toy"), study("one", gain=2))[KD]
    assert (cell.before, cell.after, cell.verdict) == (1.005, 2.005, "changed")
    assert list(cell.causes) == ["records"]
    assert cell.causes["records"][0].startswith("only one side has results/toy/students/numbers/kd")


def test_a_folder_without_tables_is_refused(study: Callable[..., Path], tmp_path: Path) -> None:
    one = study("one")
    with pytest.raises(UserError, match="there are no tables in"):
        compare(str(one), str(tmp_path / "one/results/data"), study="toy")


def test_predictions_are_equal_to_the_byte_or_to_rounding_or_of_another_training(study: Callable[..., Path]) -> None:
    rng = generator("logits")
    logits = {view: rng.normal(size=(50, 3)).astype(np.float32) for view in ("both", "image", "text")}
    near = {view: values * np.float32(1 + 1e-6) for view, values in logits.items()}
    other = {view: rng.normal(size=(50, 3)).astype(np.float32) for view in logits}
    folders = study("one"), study("two")
    for folder, models in zip(folders, ((logits,) * 3, (logits, near, other)), strict=True):
        content = {"models": {f"d/kd/{seed}": digest(model) for seed, model in enumerate(models)}}
        (folder / "tables/predictions.json").write_text(json.dumps(content))
    compared = compare(*map(str, folders))
    assert compared.predictions == {"d/kd/0": "equal bytes", "d/kd/1": "equal to rounding", "d/kd/2": "other"}
    assert "predictions of 3 models: 1 equal bytes, 1 equal to rounding, 1 other\n" in str(compared)
