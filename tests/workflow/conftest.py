"""A project with every result of the smoke study, without any computing."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from calls import PROJECT, success

from msd import job


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process makes the project and runs all tests that ask about it."""
    for item in items:
        if "made" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("made"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with every result of the smoke study, as another machine left it.

    The real job runner wrote the records, from a stage that writes each file's own name: all is complete and
    consistent, and nothing was computed.
    """
    folder = tmp_path_factory.mktemp("made")
    for name in ("msd", "config", "workflow", "profiles", "Snakefile", "CITATION.cff"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, folder / name)
    plan = success("--configfile", "config/smoke.yaml", "--dry-run", "--forceall", "--printshellcmds", folder=folder)
    shutil.rmtree(folder / ".snakemake")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for rule, text in re.findall(r"msd stage (\w+) (.*)$", plan, flags=re.MULTILINE):
            patch.setitem(job.STAGES, rule, "calls:write_names")
            job.run(job.parse(rule, shlex.split(text)[0]))
    return folder
