"""Sharing by DVC: what one clone pushed, another pulls, and Snakemake there makes only what is really missing.

A toy study of three rules runs through the real job runner, below a dvc.yaml that is written as the project's own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DVC = str(Path(sys.executable).parent / "dvc")

STAGES = """
import csv, json, sys
from pathlib import Path

from msd import job
from msd.running import run_job


def teach(task):
    Path(task.outputs["answers"]).write_text(str(task.params["start"]))
    return {}


def learn(task):
    Path(task.outputs["model"]).write_text(str(int(Path(task.inputs["answers"]).read_text()) + task.params["step"]))
    return {}


def tabulate(task):
    number = int(Path(task.inputs["model"]).read_text())
    Path(task.outputs["curve"]).write_text(f"step,value\\n0,0\\n1,{number}\\n")
    return {"number": number}


sys.modules["toy"] = sys.modules["__main__"]
job.STAGES.update({name: (f"toy:{name}", None) for name in ("teach", "learn", "tabulate")})
sys.exit(run_job.main(*sys.argv[1:]))
"""

SNAKEFILE = """
import sys

from types import SimpleNamespace

from msd.job import STAGES

study = SimpleNamespace(study="toy")

configfile: "toy.yaml"
include: "PROJECT/workflow/rules/lock.smk"
include: "PROJECT/workflow/rules/stage.smk"

STAGES.update(dict.fromkeys(["teach", "learn", "tabulate"], ("msd.errors:", None)))
OUTPUTS, STUDENTS, TABLES = (f"results/toy/{name}" for name in ("outputs", "students", "tables"))

rule all:
    input: f"{TABLES}/record.json"

for name, settings, reads, writes in (
    ("teach", ["start"], {}, dict(answers=f"{OUTPUTS}/answers", record=f"{OUTPUTS}/record.json")),
    ("learn", ["step"], dict(answers=f"{OUTPUTS}/answers"),
     dict(model=f"{STUDENTS}/model", record=f"{STUDENTS}/record.json")),
    ("tabulate", [], dict(model=f"{STUDENTS}/model"), dict(curve=f"{TABLES}/curve.csv", **recorded(TABLES))),
):
    STAGE = Stage(name, "results/toy", name, lambda w, keys=settings: {key: config[key] for key in keys})

    rule:
        name: name
        input: **reads
        output: **writes
        log: STAGE.log
        params: **STAGE.params
        message: name
        shell: "{sys.executable} stages.py {rule} {params.job.written:q}"
""".replace("PROJECT", str(PROJECT))

RUN = f"{sys.executable} -m msd sync && {sys.executable} -m snakemake -q rules --rerun-incomplete --cores 1"
PIPELINE = f"""
stages:
  outputs:
    cmd: {RUN} results/toy/outputs/record.json
    params: [toy.yaml: [start]]
    outs: [results/toy/outputs: {{persist: true}}]
  grid:
    cmd: {RUN} all
    deps: [results/toy/outputs]
    params: [toy.yaml: [step]]
    outs: [results/toy/students: {{persist: true}}, results/toy/tables: {{persist: true}}]
metrics: [results/toy/tables/metrics.json]
plots: [results/toy/tables/curve.csv: {{x: step, y: value}}]
"""


def call(folder: Path, *command: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SNAKEMAKE", "DVC"))}
    environment["PYTHONPATH"] = str(PROJECT)
    reply = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert reply.returncode == 0, f"{command}: {reply.stdout}{reply.stderr}"
    return reply.stdout


def sync(folder: Path, *study: str) -> str:
    return call(folder, sys.executable, "-m", "msd", "sync", *study)


def jobs(folder: Path, *targets: str) -> list[str]:
    """Messages of the jobs that Snakemake would run."""
    shown = call(folder, sys.executable, "-m", "snakemake", "--dry-run", "--rerun-incomplete", *targets)
    return re.findall(r"^Job \d+: (.*)$", shown, flags=re.MULTILINE)


def first_clone(folder: Path) -> None:
    """A study run by `dvc repro`, committed, and pushed to a DVC remote beside it."""
    folder.mkdir()
    texts = {"stages.py": STAGES, "Snakefile": SNAKEFILE, "dvc.yaml": PIPELINE, "toy.yaml": "start: 1\nstep: 2\n"}
    for name, text in (texts | {".gitignore": "/results/\n.snakemake/\n__pycache__/\n"}).items():
        (folder / name).write_text(text)
    call(folder, "git", "init", "-q")
    call(folder, DVC, "init", "-q")  # not the project's own, to which its user may have added a remote
    call(folder, DVC, "config", "core.analytics", "false")
    call(folder, DVC, "remote", "add", "-q", "-d", "storage", str(folder.with_name("storage")))
    call(folder, "git", "add", "-A")
    call(folder, DVC, "repro", "-q")
    call(folder, "git", "add", "-A")
    call(folder, "git", "commit", "-qm", "first")
    call(folder, DVC, "push", "-q")


def test_what_is_pulled_is_not_made_again_and_experiments_are_compared(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    first_clone(first)

    call(tmp_path, "git", "clone", "-q", "first", "second")
    call(second, DVC, "pull", "-q")
    assert sync(second) == "3 jobs are as recorded, 0 are not\n"
    assert jobs(second) == []
    shutil.copytree(second / "results/toy", second / "results/other")
    assert sync(second).startswith("6 jobs")
    assert sync(second, "toy") == "3 jobs are as recorded, 0 are not\n"
    shutil.rmtree(second / "results/other")
    shutil.rmtree(second / ".dvc/cache")
    shutil.rmtree(second / ".snakemake")
    assert "every file is what its record says" in call(second, sys.executable, "-m", "msd", "audit", "--full")

    call(tmp_path, "git", "clone", "-q", "first", "third")
    call(third, DVC, "pull", "-q", "outputs")
    sync(third)
    assert jobs(third) == ["learn", "tabulate"], "with the teacher's outputs, only the students are missing"

    answers = (first / "results/toy/outputs/record.json").read_bytes()
    call(first, DVC, "exp", "run", "-q", "-S", "toy.yaml:step=5")
    assert (first / "results/toy/outputs/record.json").read_bytes() == answers, "the teacher ran again"
    metrics = json.loads(call(first, DVC, "metrics", "diff", "--json"))
    assert metrics["results/toy/tables/metrics.json"]["number"] == {"old": 3.0, "new": 6.0, "diff": 3.0}
    assert json.loads(call(first, DVC, "params", "diff", "--json")) == {
        "toy.yaml": {"step": {"old": 2, "new": 5, "diff": 3}}
    }
    call(first, DVC, "plots", "diff", "-q", "HEAD")
    page = (first / "dvc_plots/index.html").read_text()
    assert '"value": "3"' in page
    assert '"value": "6"' in page

    call(first, "git", "checkout", "-q", "--", "toy.yaml", "dvc.lock")
    call(first, DVC, "checkout", "-q")
    sync(first)
    assert jobs(first) == [], "the first results are back, and are known again"
