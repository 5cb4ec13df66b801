"""The workflow as Snakemake sees it: what it would run, and how it refuses a faulty study."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from calls import PROJECT, hold_against_dvc, outputs, planned, snakemake, success

from msd.config.contracts.tables import CHOSEN
from msd.config.study import load_study

# They make no file of their own: targets for people, and for the stages of dvc.yaml.
PHONY = {
    "all",
    "default",
    "data",
    "features_all",
    "teachers",
    "outputs_all",
    "outputs_primary",
    "saliency_all",
    "grid",
    "costs",
    "report",
}

# Prints what each student's job reads.
INPUTS = """
import json
from snakemake.iocontainers import Wildcards

include: {entry!r}

for run in study.runs:
    files = workflow.get_rule("student").expand_input(Wildcards(fromdict=run._asdict()))[0]
    print("student", json.dumps(dict(method=run.method, inputs=dict(files.items()))))
"""


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """file -> rule of all that the default study makes."""
    return outputs(success("--summary", "--nolock"))


def test_the_study_makes_each_job_once_and_keeps_every_file(files: dict[str, str]) -> None:
    """What no target names would never come back when it is lost."""
    plan = success("--dry-run", "--nolock", "--forceall")
    kept = re.findall(r"^rule default:\n    input: (.*)$", plan, flags=re.MULTILINE)
    assert sorted(kept[0].split(", ")) == sorted(files)
    study = load_study(PROJECT / "config/demo.yaml")
    jobs = Counter(rule for file, rule in files.items() if file.endswith(("record.json", "tracked")))
    datasets, teachers = len(study.datasets), sum(len(study.teacher_seeds(name)) for name in study.datasets)
    assert jobs.pop("student") == len(study.runs)
    assert jobs.pop("collect") == len(study.cell_configs)
    assert jobs.pop("choose", 0) == len({run[:2] for run in study.runs if run.variant == CHOSEN})
    for rule in ("prepare", "tokenizer", "features", "probe", "cost"):
        assert jobs.pop(rule) == datasets, rule
    for rule in ("teacher", "teacher_outputs", "saliency"):
        assert jobs.pop(rule) == teachers, rule
    once = [f"fetch_{name.replace('-', '_')}" for name in (*study.dataset_configs, *study.encoder_configs)]
    assert jobs == dict.fromkeys([*once, "tables", "figures", "resolve", "write_report", "track"], 1)
    others = set(PROJECT.glob("workflow/rules/mfh*.smk"))  # of another kind of study
    paths = {PROJECT / "Snakefile", *PROJECT.glob("workflow/rules/*.smk")} - others
    texts = [path.read_text() for path in paths]
    rules = {rule for text in texts for rule in re.findall(r"^rule (\w+):", text, flags=re.MULTILINE)}
    of_other_studies = {"choose", "model_tokenizer", "transfer", "transfer_outputs", "transfer_saliency"}
    assert rules - set(files.values()) - of_other_studies == PHONY


def test_every_file_is_in_exactly_one_out_of_dvc_yaml(files: dict[str, str]) -> None:
    hold_against_dvc(files, "demo")


def test_a_student_s_job_is_given_of_its_teacher_what_its_method_learns_from(tmp_path: Path) -> None:
    content = yaml.safe_load((PROJECT / "config/smoke.yaml").read_text())
    one = {"lambda": 0.9, "temperature": 1}
    content["methods"] = {"finetune": {}, "kd": one, "tinybert": one, "self": one}
    content.update(study="given", seeds=2)
    content["report"]["best_of"] = ["kd"]
    path = tmp_path / "given.yaml"
    path.write_text(yaml.safe_dump(content))
    (tmp_path / "Snakefile").write_text(INPUTS.format(entry=str(PROJECT / "Snakefile")))
    lines = success("--snakefile", f"{tmp_path}/Snakefile", "--configfile", str(path), "--list-rules").splitlines()
    jobs = [json.loads(line.removeprefix("student ")) for line in lines if line.startswith("student {")]
    given = {
        job["method"]: {name: file for name, file in job["inputs"].items() if name.startswith("teacher_")}
        for job in jobs
    }
    folders = [f"results/given/teachers/clipart-tags/seed-{seed}" for seed in (0, 1)]
    for job in jobs:
        assert job["inputs"]["saliency"] == [f"{folder}/saliency/train.parquet" for folder in folders]
    run = "results/given/students/clipart-tags/finetune/default/seeds-0-1"
    files = {"teacher_model": "model.safetensors", "teacher_config": "config.json"}
    assert given == {
        "finetune": {},
        "kd": {},
        "tinybert": {name: [f"{folder}/{file}" for folder in folders] for name, file in files.items()},
        "self": {"teacher_students": f"{run}/models.safetensors"},
    }


def test_a_faulty_study_is_refused_before_any_job(tmp_path: Path) -> None:
    """Which faults are found, tests/config/test_study.py shows."""
    path = tmp_path / "faulty.yaml"
    path.write_text((PROJECT / "config/smoke.yaml").read_text().replace("temperature: 1}", "temperature: 0}"))
    done = snakemake("--configfile", str(path), "--dry-run", "--nolock")
    assert done.returncode != 0
    assert f"{path}:" in done.stdout
    assert "methods.kd.temperature: Input should be greater than 0" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_values_on_the_command_line_are_validated_too() -> None:
    done = snakemake("--dry-run", "--nolock", "--config", "seedz=1")
    assert done.returncode != 0
    assert "unknown key 'seedz'; did you mean 'seeds'?" in done.stdout


def test_values_on_the_command_line_are_yaml_as_in_a_file() -> None:
    listed = success("--configfile", "config/smoke.yaml", "--dry-run", "--nolock", "--config", "seeds=[7,8]")
    assert any("seeds-7-8" in message for message in planned(listed))
    done = snakemake("--configfile", "config/smoke.yaml", "--dry-run", "--nolock", "--config", "seeds=[010]")
    assert "seeds.0: Input should be a valid integer (given: '010')" in done.stdout
