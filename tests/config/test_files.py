"""The files that a study names, and YAML itself: one clear sentence for each way to get them wrong."""

import re
from pathlib import Path

import pytest
from faults import changed_yaml, one_sentence

from msd.config.study import load_study
from msd.config.yaml_file import read_yaml
from msd.errors import UserError
from msd.studies import open_study


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("kd", lambda c: c["parameters"].pop("temperature"), r":\d+: the key 'parameters.temperature' is missing"),
        ("kd", lambda c: c["parameters"].update(temprature=2), r":\d+: unknown key .*did you mean 'temperature'\?"),
        ("kd", lambda c: c["parameters"].update(share=0.5), r":\d+: unknown key 'parameters.share'"),
        ("fitnet", lambda c: c["parameters"].update(weighting="instance"), r"need lambda, strength, temperature too"),
        ("msd-instance", lambda c: c["parameters"].pop("strength"), r"the auxiliary terms of MSD need strength too"),
        ("tinybert", lambda c: c.update(teacher="outputs"), r"tinybert runs the teacher, and needs `teacher: model`"),
        (
            "tinybert",
            lambda c: c.update(implementation="tinybret"),
            r"no method 'tinybret' .*did you mean 'tinybert'\?",
        ),
    ],
)
def test_a_fault_of_a_methods_file_names_the_file(fresh_project, name, change, sentence: str) -> None:
    path = Path(f"config/methods/{name}.yaml")
    changed_yaml(path, path, change)
    with one_sentence(rf"config/methods/{name}.yaml.*{sentence}"):
        open_study("config/demo-baselines.yaml")


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("easy-vqa", {"sead": 1}, "unknown key 'prepare.sead'; did you mean 'seed'?"),
        ("easy-vqa", {"questions": {"train": 3, "test": 3}}, "the key 'prepare.questions.val' is missing"),
        ("easy-vqa", {"pictures": {"train": 3, "val": 0, "test": 3}}, "prepare.pictures.val: Input should be greater"),
        ("clipart-match", {"shares": {"train": 0.5, "val": 0.2, "test": 0.2}}, "prepare.shares: the sum must be 1"),
        ("clipart-match", {"pairings": {"train": 2, "val": 2, "tset": 2}}, "did you mean 'test'?"),
        ("clipart-tags", {"stop": "computer"}, "prepare.stop: Input should be a valid list (given: 'computer')"),
        ("clipart-tags", {"label_minimum": 0}, "prepare.label_minimum: Input should be greater than or equal to 1"),
        ("emoji-relation", {"size": "96"}, "prepare.size: Input should be a valid integer (given: '96')"),
        ("vqa-v2", {"side": -1}, "prepare.side: Input should be greater than or equal to 1 (given: -1)"),
        ("mm-imdb", {"labels": "drop-all"}, "prepare.labels: Input should be 'top-23', 'drop-news' or 'drop-rare'"),
        ("mm-imdb", {"plot": True}, "prepare.plot: Input should be 'longest' or 'first' (given: True)"),
        ("spoken-digits", {"picture_noise": -0.1}, "prepare.picture_noise: Input should be greater than or equal to 0"),
    ],
)
def test_how_a_data_set_is_prepared_is_checked_before_any_job(fresh_project, name: str, change, sentence: str) -> None:
    path = Path(f"config/datasets/{name}.yaml")
    changed_yaml(path, path, lambda content: content["prepare"].update(change))
    study = "config/mfh.yaml" if name == "spoken-digits" else "config/demo.yaml"
    with one_sentence(rf"config/datasets/{name}.yaml:\d+: .*{re.escape(sentence)}"):
        open_study(study, {"datasets": {name: {}}} if name in ("vqa-v2", "mm-imdb") else {})


@pytest.mark.parametrize(
    ("name", "asked", "sentence"),
    [
        ("mm-imdb", ["macro_f1_mmf"] * 2, "a value is given twice: ['macro_f1_mmf', 'macro_f1_mmf']"),
        (
            "mm-imdb",
            ["macro_f1_mff"],
            "'macro_f1_mff' is none that 'multilabel' can ask for; did you mean 'macro_f1_mmf'?",
        ),
        ("easy-vqa", ["macro_f1_mmf"], "'macro_f1_mmf' is none that 'vqa' can ask for"),
    ],
)
def test_a_data_set_asks_for_metrics_of_its_task(fresh_project, name: str, asked: list[str], sentence: str) -> None:
    path = Path(f"config/datasets/{name}.yaml")
    changed_yaml(path, path, lambda content: content.update(further_metrics=asked))
    with one_sentence(rf"config/datasets/{name}.yaml.*further_metrics: {re.escape(sentence)}"):
        open_study("config/demo.yaml", {"datasets": {name: {}}})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", "010"), ("0o10", "0o10"), ("0x1F", "0x1F"), ("1:30", "1:30"), ("1_000", "1_000"), ("yes", "yes"),
        ("2024-13-45", "2024-13-45"), ("=", "="), ("1e-3", 1e-3), ("1.5", 1.5), ("-7", -7), ("true", True), ("", None),
    ],
)  # fmt: skip
def test_a_value_is_a_number_only_where_every_yaml_and_reader_agrees(tmp_path: Path, text: str, value: object) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"a: {text}\n")
    content = read_yaml(path)
    assert content == {"a": value}
    assert type(content["a"]) is type(value)


def test_merge_keys_bring_what_a_mapping_does_not_have_itself(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("a: &a {x: 1, y: 1}\nb: &b\n  <<: *a\n  x: 2\nc: {<<: [*b, *a], z: 3}\n")
    assert read_yaml(path) == {"a": {"x": 1, "y": 1}, "b": {"x": 2, "y": 1}, "c": {"x": 2, "y": 1, "z": 3}}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("study: [", "is not valid YAML"),
        ("study: a\nstudy: b\n", "the key 'study' is given twice"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\n  x: 3\n", "the key 'x' is given twice"),
        ('title: "\\ud800"', "a character that is no text"),
        ('title: "a\\0b"', "a character that is no text"),
        ("a: " + "[" * 3000, "is not valid YAML"),
        ("? [a]\n: b", "is not valid YAML"),
        ("a: !!int x", "is not valid YAML"),
        ("a: !!timestamp x", "is not valid YAML"),
        ("- a", "expected a mapping"),
    ],
)
def test_what_is_no_yaml_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=sentence) as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"there is no file config/dem.yaml; did you mean 'config/demo.yaml'\?"):
        load_study("config/dem.yaml")
