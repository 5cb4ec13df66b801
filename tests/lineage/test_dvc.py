"""dvc.yaml: its stages keep their outputs, watch the code that their rules hash, and run in an arithmetic project.

That their outputs hold every file of the workflow, test_dag.py and test_mfh.py in tests/workflow show.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from msd.config.yaml_file import read_yaml
from msd.job import STAGES
from msd.lineage.digest import module_digests

PROJECT = Path(__file__).resolve().parents[2]
DVC = Path(sys.executable).parent / "dvc"
RULES = {
    "data": ["fetch", "prepare", "tokenizer"],
    "features": ["features"],
    "teacher": ["teacher", "probe"],
    "outputs": ["teacher_outputs"],
    "saliency": ["saliency", "transfer"],
    "grid": ["student", "choose"],
    "cost": ["cost"],
    "tables": ["collect", "tables", "figures", "resolve", "report"],
    "mfh-data": ["fetch", "spoken_digits"],
    "mfh": [
        *("gaussian", "generality", "av_mnist", "teacher_variants", "unimodal_students"),
        *("mfh_tables", "mfh_figures", "resolve", "mfh_report"),
    ],
}

# One reads a folder of the user's, of which DVC knows nothing; the other is of studies with pretrained models.
OUTSIDE = {"crossmodal", "convert"}

# Run by hand and by no rule: one makes the committed clip art, whose bytes its dataset file pins, one the README.
BY_HAND = {"msd/data/readers/cataclysm_build.py", "msd/data/readers/openclipart_build.py", "msd/report/publish.py"}
BY_HAND |= {f"msd/data/{name}.py" for name in ("add", "add_files", "pack")}  # `msd data add`

# They read the study: what they decide are the parameters of jobs, which Snakemake compares.
SETTINGS = {f"msd/mfh/{name}.py" for name in ("study", "av_mnist/config", "teachers/config", "crossmodal/config")}

METRICS = "; printf '%s' '{{\"toy\": {{\"kd\": {{\"accuracy\": '$n'}}}}}}' > "
CURVES = "; (echo epoch,setting,dataset,method,value,mean; echo 9,9,toy,kd,$n,$n) > "


def stages() -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = read_yaml(PROJECT / "dvc.yaml")["stages"]
    return content


def outs(stage: dict[str, Any]) -> list[str]:
    return [path for item in stage["outs"] for path in item]


def is_below(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def hashed_modules(rule: str) -> set[str]:
    """Files of the modules in a rule's code digest, all that config/ names as its plugins included."""
    encoders = [read_yaml(path) for path in sorted((PROJECT / "config/encoders").glob("*.yaml"))]
    extractors = sorted({encoder["module"] for encoder in encoders if "module" in encoder})
    methods = [read_yaml(path)["implementation"] for path in sorted((PROJECT / "config/methods").glob("*.yaml"))]
    datasets = [path.stem.replace("-", "_") for path in sorted((PROJECT / "config/datasets").glob("*.yaml"))]
    readers = ["table", *(name for name in datasets if (PROJECT / f"msd/data/readers/{name}.py").is_file())]
    plugins = {
        "prepare": [f"msd.data.readers.{name}" for name in readers],
        "features": [f"msd.features.{module}" for module in extractors],
        "student": [f"msd.distill.methods.{method}" for method in methods],
        "report": ["msd.lineage.trace"],
    }
    names = module_digests([STAGES[rule][0].partition(":")[0], *plugins.get(rule, [])])
    paths = [PROJECT.joinpath(*name.split(".")) for name in names]
    files = [path / "__init__.py" if path.is_dir() else path.with_suffix(".py") for path in paths]
    return {str(file.relative_to(PROJECT)) for file in files}


def test_every_rule_belongs_to_one_stage_of_its_study() -> None:
    of_both = ["fetch", "resolve"]
    staged = sorted([*STAGES.keys() - OUTSIDE, *of_both])
    assert sorted(rule for rules in RULES.values() for rule in rules) == staged
    assert list(stages()) == list(RULES)


@pytest.mark.parametrize("stage", RULES)
def test_every_out_persists_and_every_dependency_exists_or_is_made_before(stage: str) -> None:
    made: list[str] = []
    for name, content in stages().items():
        if name == stage:
            break
        made += outs(content)
    content = stages()[stage]
    assert all(options["persist"] is True for item in content["outs"] for options in item.values())
    assert not [path for path in content["deps"] if not (PROJECT / path).exists() and not is_below(path, made)]
    for study, keys in (pair for item in content["params"] for pair in item.items()):
        assert set(keys or []) <= read_yaml(PROJECT / study).keys()


@pytest.mark.parametrize("stage", RULES)
def test_a_stage_depends_on_all_code_that_its_rules_hash(stage: str) -> None:
    deps = stages()[stage]["deps"]
    hashed = {path for rule in RULES[stage] for path in hashed_modules(rule)}
    assert not sorted(path for path in hashed if not is_below(path, deps))


def test_no_stage_depends_on_code_that_no_rule_hashes() -> None:
    """Else DVC would note new code beside old results as up to date."""
    hashed = {path for rule in STAGES for path in hashed_modules(rule)}
    deps = {path for stage in stages().values() for path in stage["deps"] if path.startswith("msd/")}
    files = {str(path.relative_to(PROJECT)) for path in (PROJECT / "msd").rglob("*.py")}
    assert not sorted(path for path in files - hashed - BY_HAND - SETTINGS if is_below(path, sorted(deps)))


def arithmetic_project(folder: Path) -> None:
    """A project with our dvc.yaml, whose Snakefiles make every out of a stage by adding one to the stage before."""
    shutil.copytree(PROJECT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache"))
    for name in (".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, folder / name)
    # Without `msd sync`, which doubts records that are plain numbers; test_share.py has it with real ones.
    pipeline = (PROJECT / "dvc.yaml").read_text().replace(".venv/bin/msd sync && ", "")
    (folder / "dvc.yaml").write_text(pipeline)
    shutil.copytree(PROJECT / "config", folder / "config")
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    whole = read_yaml(PROJECT / "dvc.yaml")
    curves = [path for item in whole["plots"] for path in item]
    shown = dict.fromkeys(whole["metrics"], METRICS) | dict.fromkeys(curves, CURVES)
    lines: dict[str, list[str]] = {"demo": [], "mfh": []}
    for number, (name, content) in enumerate(stages().items()):
        for path in content["deps"]:
            if not path.startswith(("results/", "config/")):
                file = folder / path if Path(path).suffix else folder / path / "file.txt"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("")
        files = [path if Path(path).suffix else f"{path}/file.txt" for path in outs(content)]
        shell = "n=$(( $(cat {input}) + 1 )); for file in {output}; do echo $n > $file; done"
        study = "mfh" if "config/mfh.yaml" in content["cmd"] else "demo"
        own = [path for path in shown if is_below(path, outs(content))]
        files, shell = files + own, shell + "".join(shown[path] + path for path in own)
        target = content["cmd"].partition("--cores 2 ")[2].split()[0]
        lines[study] += [
            f"rule {target}:",
            f"    input: {files!r}, 'results/stage-{number + 1}.txt'",
            f"rule make_{name.replace('-', '_')}:",
            f"    input: {f'results/stage-{number}.txt' if number else 'config/start.txt'!r}",
            f"    output: {files!r}, 'results/stage-{number + 1}.txt'",
            f"    shell: {shell!r}",
        ]
    (folder / "config/start.txt").write_text("0\n")
    (folder / "Snakefile").write_text("include: config.get('study', 'demo') + '.smk'\n")
    for study, rules in lines.items():
        (folder / f"{study}.smk").write_text("\n".join(rules) + "\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "toy"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def call(folder: Path, *command: str | Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SNAKEMAKE", "DVC"))}
    reply = subprocess.run(
        command, cwd=folder, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert reply.returncode == 0, reply.stdout
    return reply.stdout


def test_after_snakemake_dvc_repro_rebuilds_nothing_and_shows_metrics_and_plots(tmp_path: Path) -> None:
    arithmetic_project(tmp_path)
    for study in ([], ["--configfile", "config/mfh.yaml"]):
        call(tmp_path, ".venv/bin/snakemake", "--cores", "2", "report", *study)
    made = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*") if path.is_file()}
    first = call(tmp_path, DVC, "repro")
    assert first.count("Nothing to be done") == len(RULES)
    assert {path: path.read_bytes() for path in made} == made
    assert "Data and pipelines are up to date" in call(tmp_path, DVC, "repro")
    metrics = json.loads(call(tmp_path, DVC, "metrics", "show", "--json"))
    values = {path: item["data"]["toy"]["kd"]["accuracy"] for path, item in metrics[""]["data"].items()}
    assert values.pop("results/demo/tables/metrics.json") == 8
    assert set(values.values()) == {len(RULES)}
    call(tmp_path, DVC, "plots", "show")
    page = (tmp_path / "dvc_plots/index.html").read_text()
    assert page.count('"method": "kd", "value": "8", "mean": "8"') == 1
    assert page.count('"method": "kd", "value": "10", "mean": "10"') == 3
    assert all(title in page for title in ("Validation score while training", "Table 2: test accuracy"))
    status = call(tmp_path, "git", "status", "--short").splitlines()
    assert {line.split()[1] for line in status} <= {"dvc.lock", "dvc_plots/"}
