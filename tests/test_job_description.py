"""What describes a job: its file, what that no longer names, and a bad one, refused in one sentence."""

import importlib
import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from msd.errors import UserError
from msd.job import STAGES, write_job
from msd.running.run_job import main

FILE = "results/toy/jobs/für uns.json"


def test_a_job_s_file_is_written_once_and_says_the_job_alone(working_folder: Path) -> None:
    description = {"params": {"z": "ü", "a": 1}, "inputs": {"numbers": ["b", "a"]}}
    write_job(FILE, description)
    written = Path(FILE).stat()
    write_job(FILE, dict(description))
    assert Path(FILE).stat().st_mtime_ns == written.st_mtime_ns
    assert list(json.loads(Path(FILE).read_text())["params"]) == ["z", "a"], "the order counts: Snakemake compares it"
    assert [path.name for path in Path(FILE).parent.iterdir()] == [Path(FILE).name]


def test_what_a_changed_job_makes_no_more_is_removed_unless_a_record_lists_it(working_folder: Path) -> None:
    (working_folder / "outside").touch()
    kept = ["results/toy/double/a", "results/toy/double/of another job now"]
    gone = ["results/toy/double/old", "results/toy/double/listed"]
    Path("results/toy/double").mkdir(parents=True)
    for path in (*kept, *gone):
        Path(path).touch()
    own, other = "results/toy/double/record.json", "results/toy/record.json"
    for record, path in ((own, gone[1]), (other, kept[1])):
        Path(record).write_text(json.dumps({"inputs": [], "outputs": [{"path": path, "sha256": ""}]}))
    write_job(FILE, {"outputs": {"all": [*kept, *gone, str(working_folder / "outside")], "record": own}})
    write_job(FILE, {"outputs": {"all": ["results/toy/double/a"], "record": own}})
    assert all(Path(path).is_file() for path in (*kept, own))
    assert not any(Path(path).exists() for path in gone)
    assert (working_folder / "outside").exists()
    Path(FILE).write_text("{")
    with pytest.raises(
        UserError, match=r"uns.json describes no job, for it is not JSON: .*; delete it, and run the workflow again"
    ):
        write_job(FILE, {"outputs": {}})


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("job.json", '{"parms": {}}', "did you mean 'params'?"),
        (
            "job.json",
            "{",
            "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1); name",
        ),
        ("job.json", "[]", "must hold a JSON object"),
        ("job.json", None, "there is no job file job.json"),
        ('{"params": {}}', None, "run the workflow again"),  # as the logs of earlier versions have it
    ],
)
def test_a_bad_description_is_refused(
    file: str, text: str | None, words: str, working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        Path(file).write_text(text)
    assert main("prepare", file) == 1
    error = capsys.readouterr().err
    assert error.startswith("msd stage prepare: ")
    assert words in error
    assert error.count("\n") == 1


def test_an_unknown_stage_is_named_before_its_file(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("taecher", str(working_folder / "missing.json")) == 1
    assert capsys.readouterr().err == ("msd stage taecher: there is no stage 'taecher'; did you mean 'teacher'?\n")


def test_every_stage_names_a_function_of_the_package_and_the_class_of_its_values() -> None:
    for rule, (function, contract) in STAGES.items():
        module, _, name = function.partition(":")
        assert (module.partition(".")[0], name.isidentifier()) == ("msd", True), rule
        module, _, name = str(contract).partition(":")
        assert issubclass(getattr(importlib.import_module(module), name), BaseModel), rule
