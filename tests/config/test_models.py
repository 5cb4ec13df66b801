"""Studies of pretrained models: what their jobs are given, and every fault in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from faults import changed_yaml, one_sentence

from msd.config.contracts.training import Adapted
from msd.config.models import ModelConfig
from msd.config.study import load_study
from msd.config.yaml_file import read_model
from msd.job import plain

SIZES = ("layers", "width", "heads", "feed_forward", "dropout", "pool")


def with_model(role: str, name: str, **changes: Any) -> Callable[[dict[str, Any]], None]:
    """The smoke study with a role that starts from a model."""

    def change(content: dict[str, Any]) -> None:
        own = {key: value for key, value in content[role].items() if key not in SIZES}
        content[role] = {**own, "model": name, **changes}

    return change


def study(tmp_path: Path, *changes: Callable[[dict[str, Any]], object]) -> str:
    def all_of(content: dict[str, Any]) -> None:
        for change in changes:
            change(content)

    return str(changed_yaml("config/smoke.yaml", tmp_path / "study.yaml", all_of))


def test_jobs_of_a_study_without_models_are_given_what_they_were(tmp_path: Path) -> None:
    loaded = load_study("config/smoke.yaml")
    teacher, student = loaded.teacher_params("clipart-tags", 0), loaded.student_params(loaded.runs[0])
    for given in (teacher, student):
        assert not {"pretrained", "teacher_data"} & plain(given).keys()
        assert set(plain(given)["architecture"]) == {*SIZES, "positions"}
        assert set(plain(given)["data"]) == {"regions", "max_tokens"}


def test_a_student_has_its_model_s_sizes_but_for_those_that_the_study_changes(tmp_path: Path) -> None:
    loaded = load_study(study(tmp_path, with_model("student", "tinybert-4l-312", layers=2, pool="modality-means")))
    given = loaded.student_params(loaded.runs[0])
    sizes = {"width": 312, "heads": 12, "feed_forward": 1200, "dropout": 0.1, "positions": 32}
    assert plain(given)["architecture"] == {"layers": 2, "pool": "modality-means", **sizes}
    assert given.pretrained == "tinybert-4l-312"


def test_a_teacher_of_pixels_reads_in_its_own_way_and_students_in_theirs(tmp_path: Path) -> None:
    loaded = load_study(study(tmp_path, with_model("teacher", "clip-base"), lambda c: c["data"].update(max_tokens=99)))
    given, student = loaded.teacher_params("clipart-tags", 0), loaded.student_params(loaded.runs[0])
    assert isinstance(given.architecture, Adapted)
    assert (given.data.max_tokens, given.data.pixels) == (77, 224)
    assert (student.data.max_tokens, student.data.pixels, student.teacher_data) == (99, None, given.data)


def test_one_dataset_may_have_another_model(tmp_path: Path) -> None:
    own = {"clipart-tags": {"teacher": {"model": "clip-base"}}, "easy-vqa": {}}
    loaded = load_study(study(tmp_path, lambda c: c.update(datasets=own)))
    assert loaded.teacher_params("clipart-tags", 0).pretrained == "clip-base"
    assert loaded.teacher_params("easy-vqa", 0).pretrained is None
    assert [config.name for config in loaded.sources][-1] == "clip-base"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (with_model("teacher", "clip-bsae"), r"there is no model 'clip-bsae' in config/models; did you mean 'clip-base'"),
        (with_model("teacher", "clip-base", width=3), r"teacher: width is that of the model clip-base; leave it out"),
        (with_model("teacher", "clip-base", layers=3), r"teacher of clipart-tags: clip-base has sizes .* 'layers'"),
        (with_model("teacher", "vilt-base", epochs=0), r"teacher of clipart-tags: `epochs: 0` takes .* brings no head"),
        (with_model("student", "tinybert-4l-312", epochs=0), r"student\.epochs: .*greater than or equal to 1"),
        (with_model("student", "clip-base"), r"student of clipart-tags: clip-base reads pixels, and can be a teacher al"),
        (with_model("student", "tinybert-4l-312", layers=9), r"student of clipart-tags: 9 layers; tinybert-4l-312 has 4"),
        (with_model("student", "tinybert-4l-312", words="pca"), r"its words are those of tinybert-4l-312; leave out `wor"),
        (with_model("teacher", "visualbert-base"), r"reads regions of 2048 channels, efficientnet-lite0 gives 1280; take"),
        (lambda c: c["student"].pop("width"), r"student: the key 'width' is missing, which a model of its own sizes"),
        (
            lambda c: (with_model("teacher", "vilt-base")(c), c["data"].update(removal="zero")),
            r"teacher of clipart-tags: vilt-base reads pixels; views that lack a modality need `removal: mask`",
        ),
        (
            lambda c: (with_model("teacher", "vilt-base")(c), c["methods"].update(tinybert={"lambda": 0.5})),
            r"tinybert runs the teacher on what the student reads, vilt-base reads pixels",
        ),
    ],
)  # fmt: skip
def test_a_fault_of_a_study_is_one_sentence(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    with one_sentence(sentence):
        load_study(study(tmp_path, change))


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        ("tinybert-4l-312", lambda c: c["sources"][0].update(revision="main"), r":\d+: sources\.0\.revision: .*'main'"),
        ("tinybert-4l-312", lambda c: c["sources"][0].pop("revision"), r"kind hub needs the key 'revision'"),
        ("tinybert-4l-312", lambda c: c["sources"].pop(1), r"sources: List should have at least 2 items"),
        ("tinybert-4l-312", lambda c: c["sources"][1].update(file="words.txt"), r"word pieces: tokenizer\.json or vocab"),
        ("tinybert-4l-312", lambda c: c["sources"][1].update(file="x/model.bin"), r"give one file of weights, whose name"),
        ("tinybert-4l-312", lambda c: c.pop("heads"), r"architecture visualbert needs the key 'heads'"),
        ("tinybert-4l-312", lambda c: c.update(size=3), r"architecture visualbert has no key 'size'"),
        ("tinybert-4l-312", lambda c: c.update(pool="last"), r"pool: .*'last-word'.*did you mean 'last-word'"),
        ("clip-base", lambda c: c.update(layers=3), r"architecture clip has no key 'layers'"),
        ("clip-base", lambda c: c.pop("mean"), r"architecture clip needs the key 'mean'"),
        ("clip-base", lambda c: c["sources"].pop(1), r"give its config\.json among the sources"),
        ("clip-base", lambda c: c.update(architecture="blip"), r"architecture: .*'vilt'.* \(given: 'blip'\)"),
    ],
)  # fmt: skip
def test_a_fault_of_a_model_s_file_is_one_sentence(
    tmp_path: Path, file: str, change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    path = changed_yaml(f"config/models/{file}.yaml", tmp_path / "model.yaml", change)
    with one_sentence(sentence):
        read_model(ModelConfig, path)


@pytest.mark.parametrize("path", sorted(Path("config/models").glob("*.yaml")), ids=str)
def test_a_model_s_file_is_in_order(path: Path) -> None:
    config = read_model(ModelConfig, path)
    assert config.name == path.stem
    assert config.convert_params.weights in [source["file"] for source in yaml.safe_load(path.read_text())["sources"]]
