"""Projects of which only the workflow is real: one of arithmetic, and the smoke study without any computing."""

import shutil
from pathlib import Path

import pytest
from arithmetic import write_project
from calls import PROJECT, success

STUB = """
import sys

sys.path.insert(0, {tests!r})
from msd import job
from msd.running import run_job

command, rule, *file = sys.argv[1:]
if command == "stage":
    job.STAGES[rule] = ("calls:write_names", job.STAGES[rule][1])
    sys.exit(run_job.main(rule, *file))
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process makes the project and runs all tests that ask about it."""
    for item in items:
        if "made" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("made"))


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The project of arithmetic.py."""
    write_project(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with every result of the smoke study, as another machine left it.

    Snakemake and the real job runner made them, from a stage that writes each file's own name: all is complete and
    consistent, and nothing was computed.
    """
    folder = tmp_path_factory.mktemp("made")
    for name in ("msd", "config", "workflow", "profiles", "Snakefile", "CITATION.cff"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, folder / name)
    command = folder / "msd/__main__.py"
    kept = command.read_text()
    command.write_text(STUB.format(tests=str(Path(__file__).parent)))
    success("--configfile", "config/smoke.yaml", "--cores", "2", folder=folder)
    command.write_text(kept)
    for name in (".snakemake", "results/smoke/benchmarks", "results/data/benchmarks"):  # they do not travel
        shutil.rmtree(folder / name)
    return folder
