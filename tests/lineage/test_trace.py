"""msd trace: from a result back to raw files by records alone, and what it says when there is no such result."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from msd.cli import main
from msd.errors import UserError
from msd.lineage.identity import cell_name
from msd.lineage.record import producing_record
from msd.lineage.trace import trace
from msd.lineage.tree import as_tree

TABLE = "results/s/tables/main.json"


def write(path: str, content: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content)
    return path


def job(rule: str, folder: str, outputs: list[str], inputs: dict[str, str] | None = None, **more: Any) -> str:
    """`folder`/record.json; `inputs` maps a path to the record that made it. A file's digest is its own name here."""
    content = {
        "rule": rule,
        "params": more.pop("params", {}),
        "seeds": more.pop("seeds", []),
        "code": {"digest": f"code of {rule}", "modules": {f"msd.{rule}": "m"}},
        "git": {"commit": "c0ffee", "dirty": False},
        **dict.fromkeys(("lock_sha256", "versions", "cpu", "gpu")),
        "started": "a",
        "ended": "b",
        "outputs": [{"path": path, "sha256": f"sha of {path}", "bytes": 1} for path in outputs],
        "inputs": [
            {"path": path, "sha256": more.get("read", {}).get(path, f"sha of {path}"), "bytes": 1, "record": record}
            for path, record in (inputs or {}).items()
        ],
    }
    return write(f"{folder}/record.json", json.dumps(content))


def cell(method: str, **more: Any) -> dict[str, Any]:
    base = {"dataset": "d", "method": method, "metric": "accuracy", "split": "test", "mean": 0.5, "low": 0.4}
    base |= {"high": 0.6, "n": 2, "values": {"0": 0.4, "1": 0.6}, "selected": "v", "against": None}
    return base | {"runs": [f"results/s/students/d/{method}/v/seeds-0-1"]} | more


def against(method: str) -> dict[str, Any]:
    return {"method": method, "difference": 0.1, "low": 0.0, "high": 0.2, "p": 0.5, "p_holm": 1.0}


@pytest.fixture
def study(working_folder: Path) -> dict[str, str]:
    """fetch → prepare → teacher → two students → collect → tables → figures, in the working folder."""
    raw, source = "results/data/d/raw/d.zip", "results/data/d/source.json"
    file = {"file": "d.zip", "package": "d", "version": "1.0", "bytes": 7, "sha256": "ab", "origin": "x"}
    write(source, json.dumps({"name": "d", "date": "today", "licence": {"name": "CC0"}, "files": [file]}))
    made = {"fetch": job("fetch", "results/data/d", [raw, source])}
    test = "results/data/d/prepared/test.parquet"
    made["prepare"] = job("prepare", "results/data/d/prepared", [test], {raw: made["fetch"]})
    model = "results/s/teachers/d/model"
    made["teacher"] = job("teacher", "results/s/teachers/d", [model], {test: made["prepare"]}, seeds=[7])
    inputs: dict[str, str] = {}
    for method in ("kd", "msd", "unused"):
        folder = f"results/s/students/d/{method}/v/seeds-0-1"
        parameters = {"parameters": {"lambda": 0.5}}
        given = {model: made["teacher"], test: made["prepare"]}
        made[method] = job("student", folder, [f"{folder}/metrics"], given, seeds=[0, 1], params=parameters)
        cells = f"results/s/cells/d/{method}"
        made[f"collect {method}"] = job("collect", cells, [f"{cells}/cell.json"], {f"{folder}/metrics": made[method]})
        inputs[f"{cells}/cell.json"] = made[f"collect {method}"]
    table = {"name": "main", "layout": {"rows": ["method"], "columns": ["dataset"]}}
    table |= {"cells": [cell("kd"), cell("msd", against=against("kd"))]}
    write(TABLE, json.dumps(table))
    judged = {"claim": "C1", "table": "main", "verdict": "inconclusive", "evidence": "+0.1"}
    cells = [cell("msd", against=against("kd")) | judged, cell("kd") | judged | {"claim": "C2"}]
    cells.append(cell("msd") | judged | {"dataset": "e", "runs": [], "verdict": "not run"})
    claims = {"name": "claims", "layout": {"rows": ["claim"], "columns": ["dataset"]}, "cells": cells}
    claims["claims"] = {"C1": {"statement": "It helps", "against": "kd", "verdicts": {"inconclusive": 1, "not run": 1}}}
    write("results/s/tables/claims.json", json.dumps(claims))
    made["tables"] = job("tables", "results/s/tables", [TABLE, "results/s/tables/claims.json"], inputs)
    write("results/s/figures/main.svg", "")
    made["figures"] = job("figures", "results/s/figures", ["results/s/figures/main.svg"], {TABLE: made["tables"]})
    return made


def test_a_cell_leads_to_its_own_runs_and_what_they_were_made_from(study: dict[str, str]) -> None:
    traced = trace(f"{TABLE}#d/kd")
    assert (traced["runs"], traced["against"], traced["via"]) == ([study["kd"]], [], [study["collect kd"]])
    names = ("tables", "collect kd", "kd", "teacher", "prepare", "fetch")
    assert set(traced["records"]) == {study[name] for name in names}
    assert traced["records"][study["kd"]]["params"]["parameters"] == {"lambda": 0.5}
    assert traced["records"][study["kd"]]["seeds"] == [0, 1]
    raw = "results/data/d/raw/d.zip"
    assert traced["files"][raw] == {"sha256": f"sha of {raw}", "bytes": 1, "record": study["fetch"]}
    assert traced["sources"][study["fetch"]]["files"][0]["version"] == "1.0"
    assert traced["code"]["code of student"] == {"msd.student": "m"}
    assert len(traced["environments"]) == 1
    assert traced["problems"] == []


def test_a_difference_leads_to_both_sides(study: dict[str, str]) -> None:
    traced = trace(f"{TABLE}#d/msd")
    assert (traced["runs"], traced["against"]) == ([study["msd"]], [study["kd"]])
    assert traced["via"] == [study["collect msd"], study["collect kd"]]
    assert "against kd: 0.1 [0.0, 0.2], p (Holm) 1.0" in as_tree(traced)
    uncorrected = traced["cell"] | {"against": against("kd") | {"p_holm": None}}
    assert "against kd: 0.1 [0.0, 0.2], p 0.5" in as_tree(traced | {"cell": uncorrected})
    assert study["unused"] not in traced["records"]


def test_a_figure_leads_to_everything_and_a_claim_to_its_cells(study: dict[str, str]) -> None:
    assert set(trace("results/s/figures/main.svg")["records"]) == set(study.values())
    traced = trace("results/s/tables/claims.json#C1")
    assert (traced["runs"], traced["against"]) == ([study["msd"]], [study["kd"]])
    assert "It helps: 1 inconclusive, 1 not run" in as_tree(traced)
    one = trace("results/s/tables/claims.json#d/C1")
    assert (one["runs"], one["against"]) == (traced["runs"], traced["against"])
    assert "verdict: inconclusive" in as_tree(one)
    assert trace("results/s/tables/claims.json#e/C1")["runs"] == []


def test_the_tree_shows_each_job_once(study: dict[str, str]) -> None:
    tree = as_tree(trace(f"./{TABLE}#d/msd"))
    for name in ("collect msd", "collect kd", "msd", "teacher", "prepare"):
        assert tree.count(f"{Path(study[name]).parent}  code") == 1, name
    assert tree.count(f"{Path(study['kd']).parent}  (compared with)  code") == 1
    assert tree.count("fetch  results/data/d  code") == 1
    assert "d.zip  d 1.0  7 bytes" in tree
    assert "sha256 ab" in tree
    assert "CC0" in tree
    assert "by seed: 0: 0.4, 1: 0.6" in tree
    assert "unused" not in tree


def test_what_was_made_from_another_file_is_said(study: dict[str, str]) -> None:
    test = "results/data/d/prepared/test.parquet"
    job("teacher", "results/s/teachers/d", ["results/s/teachers/d/model"], {test: study["prepare"]}, read={test: "old"})
    traced = trace(f"{TABLE}#d/kd")
    assert traced["problems"] == [f"{study['teacher']} was made from another {test} than {study['prepare']} recorded"]
    assert "Broken: " in as_tree(traced)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (f"{TABLE}#d/ms", "has no cell 'd/ms'; did you mean 'd/msd'?"),
        (f"{TABLE}#d", "it could be d/kd, d/msd"),
        ("results/s/tables/mian.json#d/kd", "did you mean 'results/s/tables/main.json'?"),
        ("results/s/figures/main.svg#d/kd", "is no table with cells"),
        ("results/s/loose.txt", "no record lists results/s/loose.txt"),
    ],
)
def test_what_is_not_there_is_named(study: dict[str, str], place: str, sentence: str) -> None:
    write("results/s/loose.txt", "")
    with pytest.raises(UserError) as error:
        trace(place)
    assert sentence in str(error.value)


def test_a_lost_record_is_named(study: dict[str, str]) -> None:
    Path(study["teacher"]).unlink()
    with pytest.raises(UserError, match=r"results/s/teachers/d/record\.json is missing"):
        trace(f"{TABLE}#d/kd")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda whole: whole[:20], "is no readable record"),
        (lambda _: b"[]", "is no readable record"),
        (lambda _: b"\xff", "is no readable record"),
        (lambda whole: whole.replace(b'"outputs"', b'"made"'), "is no readable record"),
        (lambda whole: whole.replace(b'"started"', b'"begun"'), "is the record of another version of msd"),
    ],
)
def test_a_damaged_record_is_one_sentence_wherever_it_is_read(
    study: dict[str, str], capsys: pytest.CaptureFixture[str], damage: Callable[[bytes], bytes], sentence: str
) -> None:
    record = Path(study["teacher"])
    record.write_bytes(damage(record.read_bytes()))
    assert main(["trace", f"{TABLE}#d/kd"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"msd trace: {record} {sentence}")
    assert f"`snakemake --force {record}` makes it anew" in said
    if "other" not in sentence:
        with pytest.raises(UserError, match=sentence):
            producing_record(str(record.with_name("model")), {})


def test_a_mistyped_study_is_said_to_be_one(study: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    for name, end in (("ss", "; did you mean 's'?"), ("published", "; known are s")):
        assert main(["trace", name, "main"]) == 1
        assert capsys.readouterr().err == (
            f"msd trace: there are no results of a study {name!r} in results; run it first{end}\n"
        )


def test_the_command_prints_tree_or_json(study: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", f"{TABLE}#d/kd"]) == 0
    assert capsys.readouterr().out.startswith(f"{TABLE}#d/kd\n")
    assert main(["trace", f"{TABLE}#d/kd", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == trace(f"{TABLE}#d/kd")
    assert main(["trace", f"{TABLE}#x"]) == 1
    assert capsys.readouterr().err.startswith("msd trace: ")


def test_names_of_cells_put_dataset_and_method_first_and_do_not_depend_on_the_selection() -> None:
    cell = {"dataset": "d", "method": "m", "measure": "kl/text", "variant": "c1", "point": "c1 (selected)"}
    assert cell_name(cell, ["measure", "point", "method", "dataset"]) == "d/m/kl/text/c1"
