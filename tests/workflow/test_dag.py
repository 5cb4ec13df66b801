"""The workflow as Snakemake sees it: what it would run, and how it refuses a faulty study."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from msd.study import load_study


def snakemake(*arguments: str, folder: Path = Path()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--nolock", "--workflow-profile", "none", "--cores", "2", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


@pytest.mark.parametrize("name", ["demo", "smoke"])
def test_every_artefact_of_the_study_is_a_target(name: str, tmp_path: Path) -> None:
    study = load_study(f"config/{name}.yaml")
    done = snakemake("--configfile", f"config/{name}.yaml", "--dry-run", "--forceall", "--quiet", "reason")
    assert done.returncode == 0, done.stderr
    counts = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2 and line.split()[1].isdigit())
    datasets = len(study.datasets)
    assert int(counts["student"]) == len(study.runs)
    assert int(counts["collect"]) == datasets * len(study.methods)
    for rule in ("prepare", "tokenizer", "features", "probe", "teacher", "teacher_outputs", "saliency"):
        assert int(counts[rule]) == datasets, rule
    for rule in ("tables", "figures", "report", "track"):
        assert int(counts[rule]) == 1, rule


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sedes": [1]}, "unknown key 'sedes'; did you mean 'seeds'?"),
        ({"methods": {"kd": {"temperature": 0}}}, "temperature must be a number above 0"),
        ({"datasets": {"clipart-tag": {}}}, "no dataset 'clipart-tag'"),
    ],
)
def test_a_faulty_study_is_refused_before_any_job(tmp_path: Path, change: dict, sentence: str) -> None:
    path = tmp_path / "faulty.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(Path("config/demo.yaml").read_text()), **change}))
    done = snakemake("--configfile", str(path), "--dry-run")
    assert done.returncode != 0
    assert sentence in done.stderr
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr


def test_values_on_the_command_line_are_validated_too() -> None:
    done = snakemake("--dry-run", "--config", "seedz=1")
    assert done.returncode != 0
    assert "unknown key 'seedz'; did you mean 'seeds'?" in done.stderr
