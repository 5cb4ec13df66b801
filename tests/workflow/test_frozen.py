"""The jobs of a call run the package as it was when the call started, whatever is edited meanwhile."""

import os
import shutil
import time
from pathlib import Path

import pytest
from calls import PROJECT, success

from msd.running.frozen import KEPT_SECONDS, STORE, freeze, package_digest

SNAKEFILE = """
import sys
from types import SimpleNamespace

study = SimpleNamespace(study="none")

include: {lock!r}

rule edit:
    output: "seen"
    shell:
        "echo 'EDITED = True' >> msd/errors.py; "
        "{{sys.executable}} -c 'from msd import errors; print(hasattr(errors, \\"EDITED\\"))' > seen"
"""


@pytest.fixture
def project(working_folder: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "committed")
    shutil.copytree(PROJECT / "msd", working_folder / "msd", ignore=ignored)
    lock = str(PROJECT / "workflow/rules/lock.smk")
    (working_folder / "Snakefile").write_text(SNAKEFILE.format(lock=lock))
    return working_folder


def test_a_job_sees_no_edit_that_was_made_after_its_call_started(project: Path) -> None:
    before = package_digest(project / "msd")
    success("--cores", "1", folder=project)
    assert (project / "seen").read_text() == "False\n"
    after = package_digest(project / "msd")
    assert after != before
    assert [path.name for path in (project / STORE).iterdir()] == [before]
    success("--cores", "1", "--forceall", folder=project)
    assert (project / "seen").read_text() == "True\n"
    assert {path.name for path in (project / STORE).iterdir()} == {before, after}


def test_copies_that_no_call_uses_are_removed_after_a_week(project: Path) -> None:
    for name in ("used", "unused", "young"):
        (project / STORE / name).mkdir(parents=True)
    old = time.time() - KEPT_SECONDS - 60
    for name in ("used", "unused"):
        os.utime(project / STORE / name, (old, old))
    (project / STORE / ".tmp-of-another-call").symlink_to("gone")  # as if it got its name while the folder is listed
    digest = package_digest(project / "msd")
    copy = freeze(digest, used=["used"], package=project / "msd")
    assert package_digest(copy) == digest
    assert {path.name for path in (project / STORE).iterdir()} == {"used", "young", digest, ".tmp-of-another-call"}
