"""Audit of a study that calculates with whole numbers: each kind of damage is found and named, repair is seen."""

import json
import os
import shutil
from pathlib import Path

import pytest
from toy_jobs import edit_record, run_job

from msd.errors import UserError
from msd.job import STAGES, Job
from msd.lineage.audit import AuditResult, audit
from msd.lineage.sync import sync

RESULTS = Path("results")
MAIN = "results/sums/tables/main.json"
MODEL = "results/sums/teachers/numbers/model.txt"
TEACHER = "results/sums/teachers/numbers/record.json"
FEATURES = "results/data/numbers/features/digits/regions.txt"
OUTPUTS = "results/sums/teachers/numbers/outputs/train.txt"
FILES = [
    "config/numbers.yaml",
    "results/data/numbers/raw/numbers.txt",
    "results/data/numbers/prepared/train.txt",
    FEATURES,
    MODEL,
    "results/sums/teachers/numbers/metrics.json",
    OUTPUTS,
    "results/sums/figures/main.svg",
    "results/sums/students/numbers/kd/base/seeds-0-0/predictions.txt",
    MAIN,
    "results/sums/tables/main.csv",
    TEACHER,
    "results/sums/tables/record.json",
]


def add(job: Job) -> dict[str, float]:
    """Stage: each output holds the sum of all numbers in the inputs, plus `params.plus` or one."""
    words = [word for path in job.inputs["all"] for word in Path(path).read_text().split()]
    total = sum(int(word) for word in words) + int(job.params.get("plus", 1))
    for name, path in job.outputs.items():
        if name not in ("record", "metrics"):
            Path(path).write_text(f"{total}\n")
    return {"total": float(total)}


def train_teacher(plus: int = 1) -> None:
    outputs = {"model": "model.txt", "metrics": "metrics.json"}
    run_job("teacher", "sums/teachers/numbers", [FEATURES], {"plus": plus}, **outputs)


@pytest.fixture(autouse=True)
def study(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for rule in ("fetch", "prepare", "features", "teacher", "teacher_outputs", "student", "tables", "figures"):
        monkeypatch.setitem(STAGES, rule, (f"{__name__}:add", None))
    Path("config").mkdir()
    Path("config/numbers.yaml").write_text("1 2 3\n")
    data, student = "data/numbers", "sums/students/numbers/kd/base/seeds-0-0"
    run_job("fetch", data, ["config/numbers.yaml"], file="raw/numbers.txt")
    run_job("prepare", f"{data}/prepared", [f"results/{data}/raw/numbers.txt"], file="train.txt")
    run_job("features", f"{data}/features/digits", [f"results/{data}/prepared/train.txt"], file="regions.txt")
    train_teacher()
    run_job("teacher_outputs", "sums/teachers/numbers/outputs", [MODEL], file="train.txt")
    run_job("student", student, [FEATURES, OUTPUTS], file="predictions.txt")
    run_job("tables", "sums/tables", [f"results/{student}/predictions.txt"], json="main.json", csv="main.csv")
    run_job("figures", "sums/figures", [MAIN], file="main.svg")
    Path("results/sums/logs").mkdir()
    Path("results/sums/logs/teacher.log").write_text("Snakemake's own")


def flip(path: Path) -> None:
    """Change one bit of a file's last digit, keeping its length and its mtime."""
    times, content = path.stat(), bytearray(path.read_bytes())
    content[-4 if path.name in ("record.json", "metrics.json") else -2] ^= 1  # the last digit
    path.write_bytes(content)
    os.utime(path, ns=(times.st_mtime_ns, times.st_mtime_ns))


def sentences(result: AuditResult) -> list[str]:
    return [finding.sentence for finding in result.findings]


def test_an_untouched_study_passes_and_is_counted() -> None:
    assert Path(MAIN).read_text() == "22\n"  # 6 + 1 = 7, 8, 9, 10, 11; 9 + 11 + 1 = 21, 22
    for full in (False, True):
        result = audit(RESULTS, "sums", full)
        assert result.status == 0
        assert str(result).endswith("every file is what its record says")
        assert (result.records, result.files) == (8, 11)
        assert result.bytes == sum(Path(path).stat().st_size for path in FILES if "record.json" not in path)


@pytest.mark.parametrize("path", FILES)
def test_a_flipped_bit_is_found_named_and_its_repair_seen(path: str) -> None:
    whole, times = Path(path).read_bytes(), Path(path).stat()
    flip(Path(path))
    result = audit(RESULTS, "sums", full=True)
    assert result.status == 1
    assert path in str(result)
    assert sum("first broken link of" in sentence for sentence in sentences(result)) == 1
    Path(path).write_bytes(whole)
    os.utime(path, ns=(times.st_mtime_ns, times.st_mtime_ns))
    assert audit(RESULTS, "sums", full=True).status == 0


def test_a_finding_is_a_plain_sentence() -> None:
    flip(Path(MODEL))
    (sentence,) = sentences(audit(RESULTS, "sums", full=True))
    ended = json.loads(Path(TEACHER).read_text())["ended"]
    assert sentence.startswith(f"{MODEL} differs from what {TEACHER} recorded (teacher, {ended}): expected ")
    assert sentence.endswith(f"; first broken link of {MAIN} and 1 more"), "and of the figure"


def test_the_first_broken_link_is_the_one_nearest_to_the_table() -> None:
    flip(Path("results/data/numbers/raw/numbers.txt"))
    flip(Path(MODEL))
    first, second = sentences(audit(RESULTS, "sums", full=True))
    assert "first broken link" in second
    assert second.startswith(MODEL)
    assert "first broken link" not in first


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        (MODEL, None, [f"{MODEL} is missing"]),
        ("config/numbers.yaml", None, ["config/numbers.yaml is missing"]),
        (TEACHER, None, [f"{TEACHER} is missing", f"no record lists {MODEL[:-9]}"]),
        ("results/sums/tables/record.json", None, [f"no record lists results/sums/tables/main.csv, {MAIN}"]),
        ("results/data/numbers/prepared/more.txt", "5\n", ["no record lists results/data/numbers/prepared/more.txt"]),
        (TEACHER, '{"rule": ', [f"{TEACHER} is no readable record"]),
        (TEACHER, "[]", [f"{TEACHER} is no readable record"]),
    ],
)
def test_what_is_missing_too_much_or_unreadable_is_found(path: str, content: str | None, words: list[str]) -> None:
    Path(path).unlink(missing_ok=True)
    if content is not None:
        Path(path).write_text(content)
    result = audit(RESULTS, "sums")
    assert result.status == 1
    assert all(word in str(result) for word in words)


def test_what_was_made_from_an_earlier_file_is_found() -> None:
    train_teacher(plus=5)
    result = audit(RESULTS, "sums")
    assert result.status == 1
    assert all(words in str(result) for words in ("outputs/record.json", f"was made from another {MODEL}"))


def test_snakemakes_and_dvcs_own_notes_hidden_files_and_the_memory_of_hashes_are_not_needed() -> None:
    Path("results/sums/tables/.gitignore").write_text("/main.json\n")
    Path("results/sums/benchmarks").mkdir()
    Path("results/sums/benchmarks/teacher.tsv").write_text("s\n")
    shutil.rmtree("results/sums/logs")
    assert audit(RESULTS, "sums").status == 0
    for path in RESULTS.glob(".hashes.sqlite*"):
        path.unlink()
    assert audit(RESULTS, "sums").status == 0


def test_records_of_another_study_are_followed() -> None:
    run_job("tables", "other/tables", [MODEL], file="main.json")
    assert audit(RESULTS, "other").records == 5
    flip(Path(MODEL))
    result = audit(RESULTS, "other", full=True)
    assert result.status == 1
    assert "first broken link of results/other/tables/main.json" in str(result)


def test_notes_say_which_differences_of_the_machine_could_change_numbers() -> None:
    assert audit(RESULTS, "sums").notes == []
    here = json.loads(Path("results/sums/tables/record.json").read_text())
    for name in ("teachers/numbers", "tables"):
        path = f"results/sums/{name}/record.json"
        edit_record(path, lambda content: content["versions"].update(torch="1.0", pillow="1.0", matplotlib="1.0"))
        edit_record(path, lambda content: content.update(host="elsewhere"))
    edit_record("results/sums/tables/record.json", lambda content: content["cpu"].update(model="Abacus"))
    result = audit(RESULTS, "sums")
    assert result.status == 0, "another machine is no fault"
    notes = {note.split(" made with ")[1].split()[0]: note for note in result.notes}
    assert notes.keys() == {"torch", "pillow", "matplotlib", "cpu"}
    assert notes["torch"].startswith("environment: 2 records were made with torch 1.0, here is ")
    assert "could change features, teachers and students" in notes["torch"]
    assert f"1 record was made with cpu Abacus, here is {here['cpu']['model']}: could change" in notes["cpu"]
    assert notes["matplotlib"].endswith("changes no number")
    assert all(note in str(result) for note in result.notes)


def test_an_unknown_study_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"'sum'.*did you mean 'sums'"):
        audit(RESULTS, "sum")
    Path("results/published/sums").mkdir(parents=True)
    for command in (audit, sync):
        with pytest.raises(UserError, match=r"'publishe' in results; run it first; known are sums"):
            command(RESULTS, "publishe")
    with pytest.raises(UserError, match="nothing to audit"):
        audit(Path("nowhere"))
