"""The project on a cluster of one machine, with what `make smoke` made here as the reference."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from slurm_here import Slurm

PROJECT = Path(__file__).resolve().parents[2]
SMOKE = PROJECT / "results/smoke"
COMMAND = [
    *(sys.executable, "-m", "snakemake", "--workflow-profile", "workflow/profiles/slurm"),
    *("--configfile", "config/smoke.yaml", "--resources", "gpu=16"),
    # all is on one disk here, and the queue is short
    *("--latency-wait", "10", "--slurm-init-seconds-before-status-checks", "2"),
]


def environment(**variables: str) -> dict[str, str]:
    """That of a plain shell, and what else is given."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("SNAKEMAKE", "PYTHON"))}
    return plain | variables


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    here = Slurm(tmp_path_factory.mktemp("slurm"))
    here.start()
    yield here
    here.stop()


@pytest.fixture(scope="module")
def project(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with prepared data and no results of the study, below a folder with a space."""
    assert (SMOKE / "record.json").is_file(), "`make smoke` comes first: its results are what a cluster has to equal"
    folder = tmp_path_factory.mktemp("a cluster") / "project"
    folder.mkdir()
    for name in ("msd", "config", "workflow", "profiles", "Snakefile", "CITATION.cff"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, folder / name)
    shutil.copytree(PROJECT / "results/data", folder / "results/data", copy_function=shutil.copy2)
    for name in ("benchmarks", "jobs", "clipart-tags/tokenizer"):
        shutil.rmtree(folder / "results/data" / name)
    return folder


@pytest.fixture(scope="module")
def call(project: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts Snakemake in the project on the cluster; what it says goes to the file `said`."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        with (project / "said").open("a") as said:
            command = [*COMMAND, *arguments]
            return subprocess.Popen(command, cwd=project, env=environment(), stdout=said, stderr=subprocess.STDOUT)

    return start
