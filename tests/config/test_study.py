"""Study files: what they expand to, and one clear sentence for each way to get them wrong."""

from pathlib import Path

import pytest
import yaml

from msd.config.files import MethodConfig
from msd.config.study import Study, load_study
from msd.errors import UserError
from msd.studies import open_study

DEMO = Path("config/demo.yaml")


def changed(tmp_path: Path, change) -> Path:
    content = yaml.safe_load(DEMO.read_text())
    change(content)
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def test_every_study_in_config_is_valid() -> None:
    for path in {*Path("config").glob("*.yaml")} - {Path("config/claims.yaml")}:
        study = open_study(path)
        assert study.study == path.stem
        if isinstance(study, Study):
            assert len(set(study.runs)) == len(study.runs)


def test_the_demo_has_three_seeds_four_roles_and_equal_grids_for_kd_and_the_msd_forms() -> None:
    study = load_study(DEMO)
    assert len(study.seeds) >= 3
    assert len(study.datasets) == 4
    compared = ["kd", "msd-uniform", "msd-population", "msd-instance"]
    points = [[name for name, _ in study.method_configs[method].points] for method in compared]
    assert points == [points[0]] * len(compared)
    assert len(points[0]) > 1


def test_a_list_is_a_grid_axis_and_names_the_variant() -> None:
    config = MethodConfig(
        name="x", title="x", source="x", implementation="kd", parameters={"lambda": [0.5, 1], "temperature": 2}
    )
    assert config.points == [
        ("lambda-0.5", {"temperature": 2, "lambda": 0.5}),
        ("lambda-1", {"temperature": 2, "lambda": 1}),
    ]


def test_blocks_of_seeds_cover_every_seed_once(tmp_path: Path) -> None:
    study = load_study(changed(tmp_path, lambda c: c.update(seeds=[0, 1, 2, 5, 7], seeds_per_job=2)))
    assert study.blocks == [[0, 1], [2, 5], [7]]
    assert {run.seeds for run in study.runs} == {"seeds-0-1", "seeds-2-5", "seeds-7-7"}


def test_a_born_again_student_learns_from_the_first_run_from_scratch_of_its_seeds(tmp_path: Path) -> None:
    study = load_study(changed(tmp_path, lambda c: c["methods"].update({"self": {}})))
    runs = [run for run in study.runs if run.method == "self"]
    assert {study.from_scratch(run) for run in runs} == {run for run in study.runs if run.method == "finetune"}
    assert all(study.from_scratch(run)[::3] == run[::3] for run in runs)  # dataset and seeds


def test_a_dataset_overrides_training_values(tmp_path: Path) -> None:
    study = load_study(changed(tmp_path, lambda c: c["datasets"]["easy-vqa"].update(student={"epochs": 77})))
    run = next(run for run in study.runs if run.dataset == "easy-vqa")
    assert study.student_params(run).schedule.epochs == 77


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: c.update(sedes=[1]), r"study.yaml:\d+: unknown key 'sedes'; did you mean 'seeds'\?"),
        (lambda c: c["student"].update(layerz=2), r"unknown key 'student.layerz'; did you mean 'layers'\?"),
        (lambda c: c.update(seeds=[1, 2, 1]), r"seeds: a value is given twice: \[1, 2, 1\]"),
        (lambda c: c.update(seeds=[]), r"study.yaml:\d+: seeds: "),
        (
            lambda c: c["datasets"].update({"clipart-tag": {}}),
            r"no dataset 'clipart-tag' .*did you mean 'clipart-tags'",
        ),
        (lambda c: c["methods"].update({"msd-unifrom": {}}), r"no method 'msd-unifrom' .*did you mean 'msd-uniform'"),
        (lambda c: c["methods"].update(kd={"temperature": 0}), r"temperature must be a number above 0, not 0"),
        (lambda c: c["methods"].update(kd={"temperature": -2}), r"temperature must be a number above 0, not -2"),
        (lambda c: c["methods"].update(kd={"lambda": 1.5}), r"lambda must be a number between 0 and 1, not 1.5"),
        (
            lambda c: c["methods"].update(kd={"lambda": []}),
            r"study.yaml:\d+: methods.kd.parameters: lambda is an empty grid",
        ),
        (lambda c: c["methods"].update(kdd=c["methods"].pop("kd")), r"no method 'kdd' .*did you mean 'kd'"),
        (lambda c: c["methods"].update(sp={"beta": [1, -1]}), r"beta must be a number not below 0, not -1"),
        (lambda c: c["methods"].update(dkd={"alpha": "much"}), r"alpha must be a number not below 0, not 'much'"),
        (lambda c: c["methods"].update(crd={"momentum": 1.1}), r"momentum must be a number between 0 and 1, not 1.1"),
        (lambda c: c["methods"].update(crd={"negatives": 0}), r"negatives must be a whole number above 0, not 0"),
        (lambda c: c["methods"].update(crd={"negatives": 2.5}), r"negatives must be a whole number above 0, not 2.5"),
        (
            lambda c: c["methods"].update({"msd-learned": {"meta_every": 0}}),
            r"meta_every must be a whole number above 0",
        ),
        (lambda c: c["methods"].update(crd={"width": True}), r"width must be a whole number above 0, not True"),
        (
            lambda c: c["methods"].update(crd={"contrast_temperature": 0}),
            r"contrast_temperature must be a number above 0",
        ),
        (lambda c: c["methods"].update({"fitnet+msd": {"strength": -1}}), r"strength must be a number not below 0"),
        (lambda c: c["methods"].update({"fitnet+mds": {}}), r"no method 'fitnet\+mds' .*did you mean 'fitnet\+msd'"),
        (
            lambda c: c["methods"].update(kd={"temprature": 2}),
            r"unknown key 'temprature'; did you mean 'temperature'\?",
        ),
        (lambda c: c["data"].update(extractor="efficientnet-lite1"), r"did you mean 'efficientnet-lite0'"),
        (
            lambda c: c["report"].update(baseline="kb"),
            r"report: 'kb' is none of the study's methods; did you mean 'kd'",
        ),
        (
            lambda c: (c["methods"].update({"self": {}}), c["report"].update(from_scratch="self")),
            r"report.from_scratch: 'self' would be its own teacher",
        ),
        (lambda c: c["teacher"].update(layers=8), r"teacher of clipart-match has 8 layers .*at most 6 of width 384"),
        (lambda c: c["data"].update(window=4), r"data.window: 4 does not fit into the 3×3 regions"),
        (lambda c: c["data"].update(extractor="minilm-l6"), r"data.extractor: minilm-l6 reads no pictures"),
        (lambda c: c["methods"].update({"msd-uniform": {"weighting": "unifrom"}}), r"did you mean 'uniform'"),
        (lambda c: c["teacher"].update(width=100), r"width 100 is no multiple of heads 12"),
        (
            lambda c: c["datasets"]["easy-vqa"].update(student={"epoch": 1}),
            r"unknown key 'epoch'; did you mean 'epochs'",
        ),
        (lambda c: c["datasets"]["easy-vqa"].update(student={"epochs": 0}), r"datasets.easy-vqa.student.*epochs"),
        (lambda c: c.pop("teacher"), r"the key 'teacher' is missing"),
        (lambda c: c["student"].update(learning_rate="fast"), r"student.learning_rate: .*\(given: 'fast'\)"),
    ],
)
def test_a_fault_is_one_sentence_that_names_file_and_key(tmp_path: Path, change, sentence: str) -> None:
    path = changed(tmp_path, change)
    with pytest.raises(UserError, match=sentence) as caught:
        load_study(path)
    assert "study.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_broken_yaml_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file config/dem.yaml; did you mean 'config/demo.yaml'\?"):
        load_study("config/dem.yaml")
    path = tmp_path / "study.yaml"
    path.write_text("study: [")
    with pytest.raises(UserError, match="is not valid YAML"):
        load_study(path)
    path.write_text("study: a\nstudy: b\n")
    with pytest.raises(UserError, match="'study' is given twice"):
        load_study(path)
