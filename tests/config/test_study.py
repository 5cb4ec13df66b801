"""Study files: what they expand to, and one clear sentence for each way to get them wrong."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from faults import changed_yaml, one_sentence

from msd.config.files import MethodConfig
from msd.config.study import Study, load_study
from msd.studies import open_study

FULL = Path("config/demo-full.yaml")
"""Of which tests change a copy, whose datasets have all seeds, methods and one teacher."""


def changed(tmp_path: Path, change) -> Path:
    def simpler(content: dict[str, Any]) -> None:
        content.update(seeds=[0, 1, 2], search_seeds=None)
        content["teacher"]["seeds"] = [0]
        content["methods"] = {name: own for name, own in content["methods"].items() if name != "self"}
        for own in content["methods"].values():
            own.pop("seeds", None)
        for name, own in content["datasets"].items():
            content["datasets"][name] = {key: own[key] for key in ("part", "student") if key in own}
        change(content)

    return changed_yaml(FULL, tmp_path / "study.yaml", simpler)


def test_every_study_in_config_is_valid() -> None:
    for path in {*Path("config").glob("*.yaml")} - {Path("config/claims.yaml"), Path("config/published.yaml")}:
        study = open_study(path)
        assert study.study == path.stem
        if isinstance(study, Study):
            assert len(set(study.runs)) == len(study.runs)


COMPARED = ["kd", "msd-uniform", "msd-population", "msd-instance", "msd-learned", "msd-swapped-weights"]


@pytest.mark.parametrize("path", [Path("config/demo-baselines.yaml"), Path("config/search/demo-search.yaml")])
def test_kd_and_the_forms_of_msd_choose_between_the_same_four_points(path: Path) -> None:
    study = load_study(path)
    for dataset in study.datasets:
        points = [study.points(dataset, name) for name in COMPARED if name in study.methods_of(dataset)]
        values = [[(of["lambda"], of["temperature"]) for _, of in found] for found in points]
        assert values == [[(0.5, 1), (0.5, 2), (0.9, 1), (0.9, 2)]] * len(values)


def test_the_studies_train_as_the_search_did() -> None:
    """But for the seeds, and for the points of which the search chose one."""
    search, demo, baselines, full = (
        load_study(path)
        for path in (
            "config/search/demo-search.yaml",
            "config/demo.yaml",
            "config/demo-baselines.yaml",
            FULL,
        )
    )
    for study in (demo, baselines, full):
        assert (study.data, study.saliency, study.engine) == (search.data, search.saliency, search.engine)
        for dataset in set(search.datasets) & set(study.datasets):
            assert study.training("student", dataset) == search.training("student", dataset)
            teachers = [one.training("teacher", dataset).model_dump(exclude={"seeds"}) for one in (study, search)]
            assert teachers[0] == teachers[1]
    assert not {*search.seeds} & {*demo.seeds, *full.seeds}
    assert {*search.datasets} == {*demo.datasets} < {*full.datasets}
    assert {*baselines.datasets} == {*full.primary}


@pytest.mark.parametrize("path", [Path("config/demo.yaml"), FULL])
def test_the_embedded_studies_have_the_points_that_the_search_found(path: Path) -> None:
    study, grid = load_study(path), json.loads(Path("results/published/demo-search/grid.json").read_text())
    found = {(cell["dataset"], cell["method"]): cell["selected"] for cell in grid["cells"]}
    for dataset in {*study.datasets} - {"tux-kind"}:
        for name in set(study.methods_of(dataset)) - {"finetune"}:
            [(_, point)] = study.points(dataset, name)
            assert f"lambda-{point['lambda']}_temperature-{point['temperature']}" == found[dataset, name], (
                dataset,
                name,
            )


@pytest.mark.parametrize("files", ["seen", "unseen", "phase-1"])
def test_results_name_the_pair_of_splits_and_all_other_choices(fresh_project: Path, files: str) -> None:
    path = Path("config/datasets/hateful-memes.yaml")
    changed_yaml(path, path, lambda content: content["prepare"].update(files=files))
    memes, films, pairs, questions = load_study("config/paper.yaml").report_params().datasets
    assert memes.title == f"Hateful Memes, {files}"
    assert memes.choices == {"files": files, "side": "256", "regions": "Faster R-CNN X-152, Visual Genome, by MMF, 10²"}
    assert {"labels", "plot"} < films.choices.keys()
    assert {"premise", "pictures"} < pairs.choices.keys()
    assert {"least_questions", "pictures"} < questions.choices.keys()


def test_a_dataset_is_primary_unless_it_is_called_something_else(tmp_path: Path) -> None:
    parts = {"clipart-match": "control", "emoji-relation": "other"}
    study = load_study(
        changed(tmp_path, lambda c: [c["datasets"][key].update(part=part) for key, part in parts.items()])
    )
    assert study.primary == ["clipart-tags", "easy-vqa", "cataclysm-kind", "emoji-kind"]
    assert [about.part for about in study.report_params().datasets][3:] == ["primary", "control", "other", "other"]


def test_a_list_is_a_grid_axis_and_names_the_variant() -> None:
    about = {"name": "x", "title": "x", "source": "x", "implementation": "kd"}
    config = MethodConfig(**about, parameters={"lambda": [0.5, 1], "temperature": 2})
    assert config.points == [(f"lambda-{value}", {"temperature": 2, "lambda": value}) for value in (0.5, 1)]


def test_blocks_of_seeds_cover_every_seed_once(tmp_path: Path) -> None:
    study = load_study(changed(tmp_path, lambda c: c.update(seeds=[0, 1, 2, 5, 7], seeds_per_job=2)))
    assert study.blocks("easy-vqa", "kd") == ([[0, 1], [2, 5], [7]], [])
    assert {run.seeds for run in study.runs} == {"seeds-0-1", "seeds-2_5", "seeds-7-7"}


def test_seeds_are_dealt_to_teachers_and_the_first_ones_choose_for_the_others(tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content.update(seeds=7, search_seeds=3, seeds_per_job=2)
        content["teacher"].update(seeds=2)
        content["methods"].update(finetune={"seeds": 4}, kd={"temperature": 2})
        own = {"finetune": {"seeds": 2}, "kd": {}}
        content["datasets"]["easy-vqa"] = {"seeds": 3, "teacher": {"seeds": [5]}, "methods": own}
        content["datasets"]["clipart-tags"]["methods"] = {"finetune": {}, "kd": {"lambda": 0.5, "temperature": 2}}

    study = load_study(changed(tmp_path, change))
    assert study.blocks("clipart-match", "kd") == ([[0, 1], [2]], [[3, 4], [5, 6]])
    assert study.blocks("clipart-tags", "kd") == ([[0, 1], [2, 3], [4, 5], [6]], [])  # one point: nothing to choose
    searched = ["lambda-0.5", "lambda-0.9"]
    runs = [run[2:] for run in study.runs_of("clipart-match", "kd")]
    assert runs == [
        *((point, block) for point in searched for block in ("seeds-0-1", "seeds-2-2")),
        *(("chosen", block) for block in ("seeds-3-4", "seeds-5-6")),
    ]
    assert study.student_params(study.runs_of("clipart-match", "kd")[-1]).parameters == {}
    assert [study.teachers_of(run) for run in study.runs_of("clipart-match", "kd")[-2:]] == [[1, 0], [1, 0]]
    assert {run.variant for run in study.runs_of("clipart-tags", "kd")} == {"default"}
    assert study.seeds_of("clipart-tags", "finetune") == [0, 1, 2, 3]
    assert study.seeds_of("easy-vqa", "finetune") == [0, 1]
    assert study.blocks("easy-vqa", "kd") == ([[0, 1], [2]], [])
    assert study.teachers_of(study.runs_of("easy-vqa", "kd")[0]) == [5, 5]
    assert study.methods_of("easy-vqa") == ["finetune", "kd"]
    assert len(set(study.runs)) == len(study.runs)


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
        (lambda c: c.update(sedes=[1]), r":\d+: unknown key 'sedes'; did you mean 'seeds'\?"),
        (lambda c: c["student"].update(layerz=2), r"unknown key 'student.layerz'; did you mean 'layers'\?"),
        (lambda c: c.update(seeds=0), r"seeds: a count of seeds must be at least 1"),
        (
            lambda c: c["teacher"].update(seeds=4),
            r"clipart-tags has 4 teachers for 3 seeds of students; give it fewer",
        ),
        (lambda c: c["methods"].update(kd={"seeds": 0}), r"methods: kd.seeds: give a number of seeds, at least 1"),
        (
            lambda c: c["datasets"]["easy-vqa"].update(methods={"finetune": {}}),
            r"datasets.easy-vqa.methods: 'kd' is missing, which the report compares with",
        ),
        (
            lambda c: c["datasets"]["easy-vqa"].update(methods={"kdd": {}}),
            r"datasets.easy-vqa.methods: unknown method 'kdd'; did you mean 'kd'\?",
        ),
        (
            lambda c: c["datasets"]["easy-vqa"].update(methods={"finetune": {}, "kd": {"temperature": 0}}),
            r":\d+: datasets.easy-vqa.methods.kd.temperature: Input should be greater than 0",
        ),
        (lambda c: c.update(seeds=[1, 2, 1]), r"seeds: a value is given twice: \[1, 2, 1\]"),
        (lambda c: c.update(seeds=[]), r":\d+: seeds: "),
        (lambda c: c["datasets"].update({"clipart-tag": {}}), r"no dataset 'clipart-tag' .*mean 'clipart-tags'"),
        (lambda c: c["methods"].update({"msd-unifrom": {}}), r"no method 'msd-unifrom' .*did you mean 'msd-uniform'"),
        (lambda c: c["methods"].update(kd={"lambda": []}), r":\d+: methods.kd.parameters: lambda is an empty grid"),
        (lambda c: c["methods"].update(kdd=c["methods"].pop("kd")), r"no method 'kdd' .*did you mean 'kd'"),
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
        (lambda c: c["teacher"].update(layers=8), r"teacher of clipart-tags has 8 layers .*at most 6 layers of width"),
        (
            lambda c: c["student"].update(words="pca", width=512),
            r"students of clipart-tags are 512 wide, but minilm-l6 has 384 principal components",
        ),
        (lambda c: c["teacher"].update(heads=6), r"with 6 heads .*minilm-l6 gives at most 6 layers .* with 12 heads"),
        (lambda c: c["teacher"].update(feed_forward=9), r"feed_forward 9; minilm-l6 gives .* feed_forward 1536"),
        (lambda c: c["report"].update(from_scratch="kd"), r"report.from_scratch: 'kd' has a teacher; name a method"),
        (lambda c: c["methods"].update(kd={"lambda": [n / 1001 for n in range(1001)]}), r"grid has 2,002 points, more"),
        (lambda c: c.update(seeds=[*range(10_000)], seeds_per_job=1), r"jobs are more than the 20,000 that a study"),
        (lambda c: c.update(title="two\nlines"), r"title: String should match pattern"),
        (lambda c: c.update(title="x" * 9999), r"title: .*at most 200 characters \(given: 'x{79}…\)"),
        (lambda c: c["data"].update(regions=4), r"data.regions: .* gives 3 regions a side for .*, fewer than 4"),
        (lambda c: c["data"].update(extractor="minilm-l6"), r"data.extractor: minilm-l6 reads no pictures"),
        (lambda c: c["teacher"].update(width=100), r"width 100 is no multiple of heads 12"),
        (
            lambda c: c["datasets"]["easy-vqa"].update(student={"epoch": 1}),
            r"unknown key 'epoch'; did you mean 'epochs'",
        ),
        (lambda c: c["datasets"]["easy-vqa"].update(student={"epochs": 0}), r"datasets.easy-vqa.student.*epochs"),
        (lambda c: c.update(seeds=[0, True]), r"seeds.1: Input should be a valid integer \(given: True\)"),
        (lambda c: c.update(seeds=[-1]), r"seeds.0: Input should be greater than or equal to 0 \(given: -1\)"),
        (lambda c: c.update(seeds_per_job=True), r"seeds_per_job: Input should be a valid integer \(given: True\)"),
        (lambda c: c["report"].update(draws="200"), r"report.draws: .*\(given: '200'\); write it in decimal digits"),
        (lambda c: c["report"].update(draws=10**9), r"report.draws: Input should be less than or equal to 1000000"),
        (lambda c: c["student"].update(epochs=2**70), r"student.epochs: Input should be less than or equal to 1000000"),
        (lambda c: c["student"].update(width=100_000), r"student: layers, width and feed_forward make .* more than"),
        (lambda c: c["student"].update(learning_rate=1e30), r"learning_rate: Input should be less than or equal to 10"),
        (lambda c: c.update(title=5), r"title: Input should be a valid string \(given: 5\); put it in quotes"),
        (lambda c: c.update(seeds=[2**63]), r"seeds.0: Input should be less than or equal to 9223372036854775807"),
        (lambda c: c["student"].update(batch_size=65_537), r"student.batch_size: .*less than or equal to 65536"),
        (lambda c: c["report"].update(best_of=["kd", "kd"]), r"report.best_of: a value is given twice: \['kd', 'kd'\]"),
        (lambda c: c["report"].update(learned="kd"), r"report.learned: 'kd' learns no weights; known are msd-learned"),
        (
            lambda c: [each.update(methods={"finetune": {}, "kd": {}}) for each in c["datasets"].values()],
            r"report.learned: no dataset runs 'msd-learned'; add it to the methods of one",
        ),
        (lambda c: c.pop("teacher"), r"the key 'teacher' is missing"),
        (lambda c: c["student"].update(learning_rate="fast"), r"student.learning_rate: .*\(given: 'fast'\)"),
    ],
)
def test_a_fault_is_one_sentence_that_names_file_and_key(tmp_path: Path, change, sentence: str) -> None:
    with one_sentence(rf"study\.yaml.*{sentence}"):
        open_study(changed(tmp_path, change))


@pytest.mark.parametrize(
    ("method", "options", "sentence"),
    [
        ("kd", {"temperature": 0}, "temperature: Input should be greater than 0 (given: 0)"),
        ("kd", {"temperature": 101}, "temperature: Input should be less than or equal to 100 (given: 101)"),
        ("kd", {"temperature": "2"}, "temperature: Input should be a valid number (given: '2')"),
        ("kd", {"lambda": 1.5}, "lambda: Input should be less than or equal to 1 (given: 1.5)"),
        ("kd", {"lambda": [0.5, True]}, "lambda: Input should be a valid number (given: True)"),
        ("sp", {"beta": [1, -1]}, "beta: Input should be greater than or equal to 0 (given: -1)"),
        ("dkd", {"alpha": "much"}, "alpha: Input should be a valid number (given: 'much')"),
        ("crd", {"momentum": 1.1}, "momentum: Input should be less than or equal to 1 (given: 1.1)"),
        ("crd", {"negatives": 0}, "negatives: Input should be greater than or equal to 1 (given: 0)"),
        ("crd", {"negatives": 2.5}, "negatives: Input should be a valid integer"),
        ("crd", {"width": True}, "width: Input should be a valid integer (given: True)"),
        ("crd", {"contrast_temperature": 0}, "contrast_temperature: Input should be greater than 0 (given: 0)"),
        ("msd-learned", {"meta_every": 0}, "meta_every: Input should be greater than or equal to 1 (given: 0)"),
        ("fitnet+msd", {"strength": -1}, "strength: Input should be greater than or equal to 0 (given: -1)"),
        ("msd-uniform", {"weighting": "unifrom"}, "(given: 'unifrom'); did you mean 'uniform'?"),
    ],
)
def test_an_option_of_a_method_is_checked_before_any_job(tmp_path: Path, method, options, sentence: str) -> None:
    path = changed(tmp_path, lambda c: c["methods"].update({method: options}))
    with one_sentence(rf"study.yaml:\d+: methods\.{re.escape(method)}\..*{re.escape(sentence)}"):
        open_study(path)


def test_a_method_of_the_study_whose_teachers_another_study_takes_is_checked_too(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda c: c["methods"].update(kd={"temperature": 0}))
    mfh = changed_yaml("config/mfh.yaml", tmp_path / "mfh.yaml", lambda c: c["teachers"].update(study=str(path)))
    with one_sentence(r"study.yaml:\d+: methods.kd.temperature: Input should be greater than 0"):
        open_study(mfh)


def test_planning_a_study_imports_no_model() -> None:
    code = "import sys; from msd.studies import open_study; open_study('config/smoke.yaml'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"transformers", "sklearn"} & set(done.stdout.split())
