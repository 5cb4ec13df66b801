"""Audit of a study that calculates with whole numbers: each kind of damage is found and named, repair is seen."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from msd.errors import UserError
from msd.job import STAGES, Job, run
from msd.lineage.audit import AuditResult, audit
from msd.lineage.record import seal

RESULTS = Path("results")
MAIN = "results/sums/tables/main.json"
MODEL = "results/sums/teachers/numbers/model.txt"
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
    "results/sums/teachers/numbers/record.json",
    "results/sums/tables/record.json",
]


def add(job: Job) -> dict[str, float]:
    """Stage: each output holds the sum of all numbers in the inputs, plus `params.plus`."""
    words = [word for paths in job.inputs.values() for path in paths for word in Path(path).read_text().split()]
    total = sum(int(word) for word in words) + int(job.params["plus"])
    for name, path in job.outputs.items():
        if name not in ("record", "metrics"):
            Path(path).write_text(f"{total}\n")
    return {"total": float(total)}


def step(rule: str, folder: str, inputs: list[str], outputs: list[str], *, plus: int = 1) -> None:
    """Run one job of the study; `record.json` and, for the teacher, `metrics.json` are its too."""
    named = {f"file{index}": f"results/{folder}/{name}" for index, name in enumerate(outputs)}
    named["record"] = f"results/{folder}/record.json"
    if rule == "teacher":
        named["metrics"] = f"results/{folder}/metrics.json"
    run(Job(rule, {"plus": plus}, {"all": inputs}, named, ["msd.errors"]))


def teach(plus: int = 1) -> None:
    step("teacher", "sums/teachers/numbers", [FEATURES], ["model.txt"], plus=plus)


def teach_student() -> None:
    inputs = [FEATURES, OUTPUTS]
    step("student", "sums/students/numbers/kd/base/seeds-0-0", inputs, ["predictions.txt"])


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    for rule in ("fetch", "prepare", "features", "teacher", "teacher_outputs", "student", "tables", "figures"):
        monkeypatch.setitem(STAGES, rule, f"{__name__}:add")
    Path("config").mkdir()
    Path("config/numbers.yaml").write_text("1 2 3\n")
    step("fetch", "data/numbers", ["config/numbers.yaml"], ["raw/numbers.txt"])
    step("prepare", "data/numbers/prepared", ["results/data/numbers/raw/numbers.txt"], ["train.txt"])
    step("features", "data/numbers/features/digits", ["results/data/numbers/prepared/train.txt"], ["regions.txt"])
    teach()
    step("teacher_outputs", "sums/teachers/numbers/outputs", [MODEL], ["train.txt"])
    teach_student()
    student = "results/sums/students/numbers/kd/base/seeds-0-0/predictions.txt"
    step("tables", "sums/tables", [student], ["main.json", "main.csv"])
    step("figures", "sums/figures", [MAIN], ["main.svg"])
    Path("results/sums/logs").mkdir()
    Path("results/sums/logs/teacher.log").write_text("Snakemake's own")
    return tmp_path


def flip(path: Path) -> None:
    """Change one bit of a file's last digit, keeping its length and its mtime."""
    times, content = path.stat(), bytearray(path.read_bytes())
    content[-4 if path.name in ("record.json", "metrics.json") else -2] ^= 1  # the last digit
    path.write_bytes(content)
    os.utime(path, ns=(times.st_mtime_ns, times.st_mtime_ns))


def sentences(result: AuditResult) -> list[str]:
    return [finding.sentence for finding in result.findings]


def test_an_untouched_study_passes_and_is_counted(study: Path) -> None:
    assert Path(MAIN).read_text() == "22\n"  # 6 + 1 = 7, 8, 9, 10, 11; 9 + 11 + 1 = 21, 22
    for full in (False, True):
        result = audit(RESULTS, "sums", full)
        assert result.status == 0
        assert str(result).endswith("every file is what its record says")
        assert (result.records, result.files) == (8, 11)
        assert result.bytes == sum(Path(path).stat().st_size for path in FILES if "record.json" not in path)


@pytest.mark.parametrize("path", FILES)
def test_a_flipped_bit_is_found_named_and_its_repair_seen(study: Path, path: str) -> None:
    whole, times = Path(path).read_bytes(), Path(path).stat()
    flip(Path(path))
    result = audit(RESULTS, "sums", full=True)
    assert result.status == 1
    assert path in str(result)
    assert sum("first broken link of" in sentence for sentence in sentences(result)) == 1
    Path(path).write_bytes(whole)
    os.utime(path, ns=(times.st_mtime_ns, times.st_mtime_ns))
    assert audit(RESULTS, "sums", full=True).status == 0


def test_a_finding_is_a_plain_sentence(study: Path) -> None:
    flip(Path(MODEL))
    (sentence,) = sentences(audit(RESULTS, "sums", full=True))
    record = json.loads(Path("results/sums/teachers/numbers/record.json").read_text())
    start = (
        f"{MODEL} differs from what results/sums/teachers/numbers/record.json recorded (teacher, {record['ended']}): "
    )
    assert sentence.startswith(start + "expected ")
    assert sentence.endswith(f"; first broken link of {MAIN} and 1 more"), "and of the figure"


def test_the_first_broken_link_is_the_one_nearest_to_the_table(study: Path) -> None:
    flip(Path("results/data/numbers/raw/numbers.txt"))
    flip(Path(MODEL))
    first, second = sentences(audit(RESULTS, "sums", full=True))
    assert "first broken link" in second
    assert second.startswith(MODEL)
    assert "first broken link" not in first


def remove_model() -> None:
    Path(MODEL).unlink()


def remove_source() -> None:
    Path("config/numbers.yaml").unlink()


def remove_record() -> None:
    Path("results/sums/teachers/numbers/record.json").unlink()


def remove_last_record() -> None:
    Path("results/sums/tables/record.json").unlink()


def add_stranger() -> None:
    Path("results/data/numbers/prepared/more.txt").write_text("5\n")


def break_record() -> None:
    Path("results/sums/teachers/numbers/record.json").write_text('{"rule": ')


def empty_record() -> None:
    Path("results/sums/teachers/numbers/record.json").write_text("[]")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (remove_model, [f"{MODEL} is missing"]),
        (remove_source, ["config/numbers.yaml is missing"]),
        (remove_record, ["teachers/numbers/record.json is missing", f"no record lists {MODEL[:-9]}"]),
        (remove_last_record, ["no record lists results/sums/tables/main.csv, results/sums/tables/main.json"]),
        (add_stranger, ["no record lists results/data/numbers/prepared/more.txt"]),
        (break_record, ["teachers/numbers/record.json is no readable record"]),
        (empty_record, ["teachers/numbers/record.json is no readable record"]),
        (lambda: teach(plus=5), ["outputs/record.json", f"was made from another {MODEL}"]),
    ],
)
def test_what_is_missing_too_much_or_out_of_step_is_found(
    study: Path, damage: Callable[[], None], words: list[str]
) -> None:
    damage()
    result = audit(RESULTS, "sums")
    assert result.status == 1
    assert all(word in str(result) for word in words)


def test_snakemakes_and_dvcs_own_notes_are_not_needed_and_hidden_files_do_not_count(study: Path) -> None:
    Path("results/sums/tables/.gitignore").write_text("/main.json\n")
    Path("results/sums/benchmarks").mkdir()
    Path("results/sums/benchmarks/teacher.tsv").write_text("s\n")
    shutil.rmtree("results/sums/logs")
    assert audit(RESULTS, "sums").status == 0


def test_the_hash_memory_may_be_deleted(study: Path) -> None:
    for path in RESULTS.glob(".hashes.sqlite*"):
        path.unlink()
    assert audit(RESULTS, "sums").status == 0


def test_records_of_another_study_are_followed(study: Path) -> None:
    step("tables", "other/tables", [MODEL], ["main.json"])
    assert audit(RESULTS, "other").records == 5
    flip(Path(MODEL))
    result = audit(RESULTS, "other", full=True)
    assert result.status == 1
    assert "first broken link of results/other/tables/main.json" in str(result)


def reseal(path: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Make a record that another machine could have written."""
    content = json.loads(Path(path).read_text())
    change(content)
    Path(path).write_text(json.dumps(content | {"seal": seal(content)}))


def test_notes_say_which_differences_of_the_machine_could_change_numbers(study: Path) -> None:
    assert audit(RESULTS, "sums").notes == []
    here = json.loads(Path("results/sums/tables/record.json").read_text())
    for name in ("teachers/numbers", "tables"):
        path = f"results/sums/{name}/record.json"
        reseal(path, lambda content: content["versions"].update(torch="1.0", pillow="1.0", matplotlib="1.0"))
        reseal(path, lambda content: content.update(host="elsewhere"))
    reseal("results/sums/tables/record.json", lambda content: content["cpu"].update(model="Abacus"))
    result = audit(RESULTS, "sums")
    assert result.status == 0, "another machine is no fault"
    notes = {note.split(" made with ")[1].split()[0]: note for note in result.notes}
    assert notes.keys() == {"torch", "pillow", "matplotlib", "cpu"}
    assert notes["torch"].startswith("environment: 2 records were made with torch 1.0, here is ")
    assert "could change features, teachers and students" in notes["torch"]
    assert f"1 record was made with cpu Abacus, here is {here['cpu']['model']}: could change" in notes["cpu"]
    assert notes["matplotlib"].endswith("changes no number")
    assert all(note in str(result) for note in result.notes)


def test_an_unknown_study_is_refused_with_the_nearest_name(study: Path) -> None:
    with pytest.raises(UserError, match=r"'sum'.*did you mean 'sums'"):
        audit(RESULTS, "sum")
    with pytest.raises(UserError, match="nothing to audit"):
        audit(Path("nowhere"))
