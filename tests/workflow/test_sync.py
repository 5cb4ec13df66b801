"""`msd sync`: what Snakemake would run after the files came without its notes, on the real workflow.

The tests look at which jobs Snakemake would run next; conftest.py says what the project is.
"""

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest
from calls import planned, success
from toy_jobs import edit_record

from msd.errors import UserError
from msd.lineage.audit import audit
from msd.lineage.record import describe_outputs, seal
from msd.lineage.sync import sync

STUDY = ("--configfile", "config/smoke.yaml")
TRACK = "Import what is new into MLflow"  # its database is an index, made again on each machine
POINTS = {
    "finetune": {"default": ["seeds-0-1", "seeds-2-2"]},
    "kd": {"lambda-0.5": ["seeds-0-1"], "lambda-0.9": ["seeds-0-1"], "chosen": ["seeds-2-2"]},
    "msd-instance": {"default": ["seeds-0-1", "seeds-2-2"]},
}
STUDENTS = {
    method: sorted(
        f"Train {method} ({point}, {block}) on clipart-tags" for point, blocks in points.items() for block in blocks
    )
    for method, points in POINTS.items()
}
TEACHERS = "results/smoke/teachers/clipart-tags"


@pytest.fixture
def clone(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project where the files have just arrived, with times that tell nothing: the youngest is now the oldest."""
    folder = tmp_path / "clone"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns(".hashes*"))
    for path in (folder / "results").rglob("*"):
        os.utime(path, ns=(2**61 - path.stat().st_mtime_ns,) * 2)
    monkeypatch.chdir(folder)
    return folder


def next_jobs(*targets: str) -> list[str]:
    return planned(success(*targets, *STUDY, "--dry-run", folder=Path.cwd()))


def test_files_that_came_without_snakemake_s_notes_are_not_made_again(clone: Path) -> None:
    result = sync()
    assert (result.missing, result.doubts) == (0, {})
    assert next_jobs() == [TRACK]
    assert audit(Path("results")).status == 0
    times = {path: path.stat().st_mtime_ns for path in clone.rglob("*") if ".hashes" not in path.name}
    assert sync() == result
    assert times == {path: path.stat().st_mtime_ns for path in times}, "a second sync changes nothing"


def test_records_from_before_job_files_count_too(clone: Path) -> None:
    """Their job was one shell argument, with the parameters in the order of the workflow; the record sorts its keys."""
    for path in Path("results").rglob("record.json"):
        content = json.loads(path.read_text())
        described = {"params": content["params"], **content.pop("description")}
        content["job"] = f"python -m msd stage {content['rule']} {shlex.quote(json.dumps(described))}"
        path.write_text(json.dumps(content | {"seal": seal(content)}, sort_keys=True))
    assert list(sync().doubts) == ["results/smoke/record.json"], "the report reads the records, which are others now"
    assert next_jobs() == [TRACK, "Write the report"]


def test_who_gets_the_teacher_s_outputs_alone_trains_the_students_alone(clone: Path) -> None:
    for name in ("students", "choices", "cells", "tables", "figures", "config", "probes"):
        shutil.rmtree(f"results/smoke/{name}")
    for path in (path for path in Path(TEACHERS).glob("seed-*/*") if path.is_file()):
        path.unlink()
    sync()
    choose = "Choose the point of kd on clipart-tags that all its seeds train"
    assert next_jobs("grid") == sorted([choose, *(message for messages in STUDENTS.values() for message in messages)])


def test_what_another_branch_left_is_made_again(clone: Path) -> None:
    """Whether its file came alone or with its record: the tables here were made from others."""
    run = Path("results/smoke/students/clipart-tags/msd-instance/default/seeds-0-1")
    (run / "run.yaml").write_text("of another branch")
    assert sync().doubts == {f"{run}/record.json": f"{run}/run.yaml is not the file that it recorded"}
    jobs = next_jobs()
    assert STUDENTS["msd-instance"][0] in jobs
    assert not {*STUDENTS["msd-instance"][1:], *STUDENTS["finetune"], *STUDENTS["kd"]} & {*jobs}
    described = describe_outputs({output: output for output in map(str, run.iterdir()) if "record" not in output})
    edit_record(run / "record.json", lambda content: content.update(outputs=described))
    cell = "results/smoke/cells/clipart-tags/msd-instance/record.json"
    assert sync().doubts[cell] == f"it was made from another {run}/run.yaml"


def test_changed_code_and_settings_still_count(clone: Path) -> None:
    sync()
    kd = clone / "msd/distill/methods/kd.py"
    kd.write_text(kd.read_text().replace("(1 - share) * task", "(2 - share) * task"))
    smoke = clone / "config/smoke.yaml"
    smoke.write_text(smoke.read_text().replace("msd-instance: {lambda: 0.9,", "msd-instance: {lambda: 0.8,"))
    trainings = [message for message in next_jobs() if message.startswith(("Train", "Fine-tune"))]
    assert trainings == [*STUDENTS["kd"], *STUDENTS["msd-instance"]]


def test_an_altered_record_and_altered_sources_are_seen(clone: Path) -> None:
    caption = Path("workflow/report/main.rst")
    caption.write_text(caption.read_text() + "And more.\n")
    assert sync().doubts == {"results/smoke/record.json": f"it was made from another {caption}"}
    record = Path(TEACHERS) / "seed-0/outputs/record.json"
    record.write_text(record.read_text().replace('"seeds": []', '"seeds": [1]'))
    assert sync().doubts == {
        "results/smoke/record.json": f"it was made from another {record}",
        str(record): "it was altered or is no record",
    }


def test_nothing_is_touched_while_snakemake_runs(clone: Path) -> None:
    lock = Path(".snakemake/locks/0.output.lock")
    lock.parent.mkdir(parents=True)
    lock.touch()
    with pytest.raises(UserError, match="Snakemake is running here"):
        sync()
