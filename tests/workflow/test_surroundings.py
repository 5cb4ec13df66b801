"""A job runs from a downloaded zip: without git, home, temporary folder or locale, below any name of a folder."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from calls import PROJECT, environment

STUDY, RECORD = "results/smoke/config/study.yaml", "results/smoke/config/record.json"
TOOLS = ("bash", "sh", "env", "uname", "which")  # the last for an executor of Snakemake


def test_all_that_may_be_missing_at_once(tmp_path: Path) -> None:
    project, tools = tmp_path / "Mein Projekt ä", tmp_path / "tools"
    project.mkdir()
    for name in ("msd", "config", "workflow", "profiles", "Snakefile", "CITATION.cff"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, project / name)
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(shutil.which(name) or name)
    missing = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/cache", "XDG_CONFIG_HOME": "/dev/null/config"}
    poor = {"PATH": str(tools), "TMPDIR": "/missing", "LC_ALL": "C"}
    command = [sys.executable, "-m", "snakemake", "--configfile", "config/smoke.yaml", "--", STUDY]
    done = subprocess.run(
        command, cwd=project, env=environment() | missing | poor, umask=0o077, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert json.loads((project / RECORD).read_text())["git"] == {"commit": None, "dirty": None}
    assert os.stat(project / STUDY).st_mode & 0o077 == 0
