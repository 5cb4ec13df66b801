"""The workflow as Snakemake sees it: what it would run, and how it refuses a faulty study."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from calls import PROJECT, outputs, snakemake, success

from msd.study import load_study

# They make no file of their own: targets for people, and for the stages of dvc.yaml.
PHONY = {"all", "default", "data", "features_all", "teachers", "outputs_all", "saliency_all", "grid", "report"}


@pytest.fixture(scope="module", params=["demo", "smoke"])
def study(request: pytest.FixtureRequest) -> str:
    return f"config/{request.param}.yaml"


def test_the_study_makes_each_job_once_and_keeps_every_file(study: str) -> None:
    """What no target names would never come back when it is lost."""
    plan = success("--configfile", study, "--dry-run", "--nolock", "--forceall")
    files = outputs(success("--configfile", study, "--summary", "--nolock"))
    kept = re.findall(r"^rule default:\n    input: (.*)$", plan, flags=re.MULTILINE)
    assert sorted(kept[0].split(", ")) == sorted(files)
    fixed = load_study(study)
    jobs = Counter(files[file] for file in files if file.endswith(("record.json", "tracked")))
    datasets, runs = len(fixed.datasets), len(fixed.runs)
    assert jobs.pop("student") == runs
    assert jobs.pop("collect") == datasets * len(fixed.methods)
    for rule in ("prepare", "tokenizer", "features", "probe", "teacher", "teacher_outputs", "saliency"):
        assert jobs.pop(rule) == datasets, rule
    once = [f"fetch_{name.replace('-', '_')}" for name in (*fixed.dataset_configs, *fixed.encoder_configs)]
    assert jobs == dict.fromkeys([*once, "tables", "figures", "resolve", "write_report", "track"], 1)
    rules = set(success("--configfile", study, "--list-rules").split())
    assert rules - set(files.values()) == PHONY


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
    path.write_text(yaml.safe_dump({**yaml.safe_load((PROJECT / "config/demo.yaml").read_text()), **change}))
    done = snakemake("--configfile", str(path), "--dry-run", "--nolock")
    assert done.returncode != 0
    assert sentence in done.stderr
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr


def test_values_on_the_command_line_are_validated_too() -> None:
    done = snakemake("--dry-run", "--nolock", "--config", "seedz=1")
    assert done.returncode != 0
    assert "unknown key 'seedz'; did you mean 'seeds'?" in done.stderr
