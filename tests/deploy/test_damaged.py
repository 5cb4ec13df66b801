"""What is not the student that its records or its export name is refused in one sentence, and not answered with."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults import one_sentence
from shades import RUN, Made

from msd.cli import main
from msd.deploy.page import open_demo
from msd.deploy.run import is_whole
from msd.deploy.student import open_student

DATA = Path("results/data/shades")
Damage = Callable[[bytes], bytes]


@contextmanager
def changed(place: Path, damage: Damage | None) -> Iterator[None]:
    """The file damaged, or a folder in its place (None), and then whole again."""
    whole = place.read_bytes()
    if damage is None:
        place.unlink()
        place.mkdir()
    else:
        place.write_bytes(damage(whole))
    try:
        yield
    finally:
        if place.is_dir():
            place.rmdir()
        place.write_bytes(whole)


def flipped(whole: bytes) -> bytes:
    """The same with other bits at its end, as of a weight."""
    return whole[:-2] + bytes(255 - byte for byte in whole[-2:])


def to_json(**changes: object) -> Damage:
    return lambda whole: json.dumps(json.loads(whole) | changes).encode()


def says(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The sentence with which a command refuses."""
    assert main(arguments) == 1
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    return printed


@pytest.mark.parametrize(
    "place",
    [
        *(RUN / name for name in ("models.safetensors", "run.yaml", "metrics.parquet")),
        *(DATA / name for name in ("labels.json", "tokenizer.json", "features/spec.json", "features/regions.npy")),
        DATA / "weights.pth",
    ],
    ids=str,
)
@pytest.mark.parametrize("damage", [flipped, lambda _: b"{}"], ids=["flipped", "replaced"])
def test_a_file_that_is_not_the_one_of_its_record_is_not_used(
    made: Made, capsys: pytest.CaptureFixture[str], place: Path, damage: Damage
) -> None:
    sentence = f"{place} is not the file that its record names; `msd audit` says more\n"
    with changed(place, damage):
        assert says(["export", str(RUN), "--out", "another"], capsys) == f"msd export: {sentence}"
        assert says(["predict", str(RUN), "--image", "a.png", "--text", "b"], capsys) == f"msd predict: {sentence}"
    assert not Path("another").exists()


def test_an_export_is_judged_by_the_test_split_of_its_record(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    with changed(DATA / "test.parquet", flipped):
        assert "test.parquet is not the file that its record names" in says(
            ["export", str(RUN), "--out", "another"], capsys
        )


def test_a_record_that_was_altered_is_not_believed(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    with changed(RUN / "record.json", to_json(wall_seconds=1.5)):
        found = says(["export", str(RUN), "--out", "another"], capsys)
    assert f"{RUN}/record.json was altered after its job wrote it; `msd audit` says more" in found


def test_a_copy_of_a_run_is_held_against_its_record_too(made: Made) -> None:
    copy = Path("copies/of-a-run")
    shutil.copytree(RUN, copy)
    assert open_student(copy).labels == open_student(RUN).labels
    with changed(copy / "models.safetensors", flipped), one_sentence(r"copies/of-a-run/models\.safetensors is not the"):
        open_student(copy)


def test_a_run_without_its_scores_is_not_whole(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert is_whole(RUN)
    place = RUN / "metrics.parquet"
    with changed(place, None):
        assert not is_whole(RUN)
        assert f"there is no file {place}; fetch it with DVC, or `snake" in says(["export", str(RUN)], capsys)


@pytest.mark.parametrize(
    ("name", "damage", "sentence"),
    [
        ("tokenizer.json", None, r"is damaged \(Is a directory\)"),
        ("tokenizer.json", lambda whole: whole[:99], r"is damaged \(Expecting .*\)"),
        ("tokenizer.json", lambda _: b"{}", r"is no tokenizer \(damaged content\)"),
        ("preprocessor_config.json", None, r"is damaged \(Is a directory\)"),
        ("preprocessor_config.json", lambda _: b"{}", r": the key 'picture' is missing"),
        ("preprocessor_config.json", lambda _: b"[]", r": Input should be an object"),
        ("preprocessor_config.json", to_json(dataset_task="vqq"), r":1: dataset_task: .*; did you mean 'vqa'\?"),
        ("preprocessor_config.json", to_json(max_tokens=-5), r":1: max_tokens: .* \(given: -5\)"),
        ("preprocessor_config.json", to_json(max_tokens=1), r"the files of \S+ do not fit each other \(.*\)"),
        ("preprocessor_config.json", to_json(max_tokens=5000), r"the files of \S+ do not fit each other \(.*\)"),
        ("preprocessor_config.json", to_json(regions=1), r"the files of \S+ do not fit each other \(.*\)"),
        ("labels.json", lambda _: b'["a"]', r" names 1 labels, where its model answers with 3"),
        ("labels.json", lambda _: b'["a", "b", "c", "d"]', r" names 4 labels, where its model answers with 3"),
        ("labels.json", lambda _: b"[", r"is damaged \(Expecting value.*\)"),
        ("labels.json", lambda _: b"{}", r"is no list of labels"),
        ("extractor.onnx", lambda _: b"", r"is no ONNX model \(.*\)"),
    ],
)
def test_an_export_with_a_damaged_file_is_one_sentence(
    made: Made, capfd: pytest.CaptureFixture[str], name: str, damage: Damage | None, sentence: str
) -> None:
    folder = made.exported.folder
    with changed(folder / name, damage), one_sentence(rf"{sentence}; export (the student|it) again$"):
        open_student(folder)
    assert capfd.readouterr().err == ""


def test_an_export_without_a_file_names_it(made: Made, tmp_path: Path) -> None:
    for name in ("tokenizer.json", "preprocessor_config.json", "labels.json"):
        folder = tmp_path / name.removesuffix(".json")
        shutil.copytree(made.exported.folder, folder)
        (folder / name).unlink()
        with one_sentence(rf"{name} is damaged \(No such file or directory\); export the student again$"):
            open_student(folder)


def test_what_is_no_run_of_students_is_not_exported(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    for place in ("nope", str(made.exported.folder), str(DATA)):
        found = says(["export", place, "--out", "another"], capsys)
        assert f"{place} holds no run of students (models.safetensors); name a folder like results/demo/" in found


def test_a_demo_of_a_study_that_has_no_students_says_why(made: Made) -> None:
    with one_sentence(r"there are no results of a study 'toi' in results; run it first; did you mean 'toy'\?"):
        open_demo("toi", None)
    with one_sentence(r"results/toy has no students; run the study first: snakemake --configfile config/toy\.yaml"):
        open_demo("toy", None)
