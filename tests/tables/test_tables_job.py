"""The job of the stage tables: the same bytes when made twice, studies with one seed and with two teachers, refusals."""

import json
from pathlib import Path

import pytest
from synthetic_study import DATASETS, METHODS, find

from msd.errors import UserError
from msd.tables.tables import tables


def test_made_twice_is_the_same_to_the_byte(in_study):
    job = in_study.tables_job("again")
    assert tables(job)["match/kd"] == pytest.approx(97 / 120)
    for name, path in job.outputs.items():
        text = Path(path).read_text(encoding="utf-8")
        assert text == (Path("results/tiny/tables") / name).read_text(encoding="utf-8")


def test_one_seed_prints_as_one_and_is_never_bold(new_study):
    study = new_study(samples={"val": 40, "test": 2000}, blocks=([0],))
    study.collect()
    job = study.tables_job(datasets=study.params().datasets[:1])
    for name, paths in job.inputs.items():
        if name not in ("histories", "claims"):
            job.inputs[name] = [path for path in paths if "/match/" in path]
    for form in ("json", "csv", "md", "tex"):
        del job.outputs[f"thresholds.{form}"]
    tables(job)
    main = json.loads(Path("results/tiny/tables/main.json").read_text())
    cell = find(main, dataset="match", method="msd-uniform")
    assert (cell["low"], cell["high"], cell["n"]) == (None, None, 1)
    assert cell["against"]["why"] == "one seed on both sides: pictures alone are drawn"
    assert cell["against"]["p"] < 0.05
    claim = find(json.loads(Path("results/tiny/tables/claims.json").read_text()), claim="C3")
    assert (claim["verdict"], claim["against"]["p_holm"] < 0.05) == ("inconclusive", True)
    text = Path("results/tiny/tables/main.md").read_text()
    assert "0.850 (n=1)" in text
    assert "**" not in text


def test_predictions_that_do_not_give_the_stated_score_are_refused(in_study, tmp_path):
    job = in_study.tables_job()
    path = Path(job.inputs["cells"][0])
    cell = json.loads(path.read_text())
    cell["metrics"]["test"]["accuracy"]["1"] += 0.01
    changed = tmp_path / "cell.json"
    changed.write_text(json.dumps(cell))
    job.inputs["cells"][0] = str(changed)
    with pytest.raises(UserError, match=r"for seed 1, but its cell\.json says"):
        tables(job)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"baseline": "kdd"}, "compares with 'kdd', which it does not run; did you mean 'kd'"),
        ({"methods": [{"name": "kd", "title": "KD"}, {"name": "rkd", "title": "RKD"}]}, "'finetune'"),
    ],
)
def test_unknown_methods_are_named(in_study, change, message):
    with pytest.raises(UserError, match=message):
        tables(in_study.tables_job(**change))


def test_unknown_output_is_named(in_study):
    job = in_study.tables_job()
    job.outputs["typo"] = "results/tiny/tables/mian.json"
    with pytest.raises(UserError, match=r"no table file 'mian\.json'; did you mean 'main\.json'"):
        tables(job)


def test_each_student_pairs_with_its_teacher_and_intervals_cover_the_teachers(new_study):
    """Tasks of all kinds, each of which says something of teachers to the others; one of them has fewer methods."""
    study = new_study(teachers=(7, 8), blocks=([0, 2], [1]), samples={"val": 20, "test": 120}, datasets=tuple(DATASETS))
    study.collect()
    datasets = study.params().model_dump(mode="json")["datasets"]
    fewer = next(about for about in datasets if about["name"] == "relation")
    fewer["methods"] = ["finetune", "kd", "msd-instance"]
    job = study.tables_job(datasets=datasets)
    for name in ("cells", "cell_predictions"):
        job.inputs[name] = [path for path in job.inputs[name] if "relation/msd-uniform" not in path]
    tables(job)
    read = {
        name: json.loads(Path(f"results/tiny/tables/{name}.json").read_text())
        for name in ("main", "views", "thresholds", "grid", "near-copies", "claims")
    }
    tuned = find(read["thresholds"], dataset="tags", method="msd-uniform", measure="micro_f1_tuned")
    assert tuned["against"]["spread"].keys() == {"seeds", "teachers", "pictures"}
    assert not [
        cell for cell in read["main"]["cells"] if (cell["dataset"], cell["method"]) == ("relation", "msd-uniform")
    ]
    teacher = find(read["main"], dataset="match", method="teacher")
    assert (teacher["n"], list(teacher["values"])) == (2, ["7", "8"])
    assert teacher["runs"] == [f"results/tiny/teachers/match/seed-{seed}" for seed in (7, 8)]
    assert "teachers" not in teacher
    for cell in [cell for table in read.values() for cell in table["cells"] if cell["values"]]:
        if cell["method"] in METHODS:  # the score of a student without a teacher depends on none
            none = cell["method"] == "finetune" and not cell["metric"].startswith(("kl", "agreement"))
            assert cell.get("teachers") == (None if none else {"0": "7", "1": "8", "2": "7"})
    lead = find(read["main"], dataset="match", method="msd-uniform")["against"]
    assert lead["spread"].keys() == {"seeds", "teachers", "pictures"}

    assert not [note for note in read["main"]["notes"] if "do not cover the teacher" in note]
    for seed, kl in find(read["views"], dataset="match", method="kd", measure="kl/both")["values"].items():
        stated = json.loads(Path("results/tiny/cells/match/kd/cell.json").read_text())["metrics"]["test"]["kl/both"]
        assert kl == stated[seed]


def test_a_missing_cell_is_named(in_study):
    job = in_study.tables_job()
    job.inputs["cells"].pop()
    job.inputs["cell_predictions"].pop()
    with pytest.raises(UserError, match="no cell of answers/msd-instance"):
        tables(job)
