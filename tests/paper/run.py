"""The paper's study from the downloads to the report, audit and crate, on small files in the published formats.

    make paper-fixtures

What runs is config/paper.yaml with the changes of project.py, in the folder paper-fixtures. Files that would come over
a network come from a server of this process, or lie in a cache of the hub's client. At the end no file may hold the
password or the token that jobs were given.
"""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from project import PROJECT, write_project
from secret_search import Watch, files, leaks
from servers import Silent, serving

FOLDER = PROJECT / "paper-fixtures"
PASSWORD, TOKEN = "canary, the Password", "hf_canaryThisIsNoToken"


class Server(Silent, http.server.SimpleHTTPRequestHandler):
    """The files below a folder."""


def main() -> None:
    """Make the project, run its study, and everything that a user runs after it."""
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    handler = functools.partial(Server, directory=FOLDER / "files")
    printed: list[str] = []
    msd, snakemake = (functools.partial(python, module, printed=printed) for module in ("msd", "snakemake"))
    with Watch() as watch:
        with serving(handler) as address:
            write_project(FOLDER, address=address, password=PASSWORD)
            msd("plan", "config/paper.yaml")
            msd("doctor", "config/paper.yaml")
            snakemake("--configfile", "config/paper.yaml", "--quiet", "reason")
        msd("audit", "paper")
        msd("crate", "paper", "--out", "crate")
    texts = [*files(FOLDER), *watch.texts(), ("what was printed", "".join(printed).encode())]
    found = leaks({"the password": PASSWORD, "the token": TOKEN}, texts)
    if found:
        sys.exit("; ".join(found))
    print((FOLDER / "results/paper/tables/main.md").read_text())
    used = os.times()
    spent = f"{time.monotonic() - began:.0f} s, of processors {used.user + used.system + used[2] + used[3]:.0f} s"
    print(
        f"No file or process, and nothing printed, holds the password or the token. {spent}.\nThe report: {FOLDER}/results/paper/report.html"
    )


def python(module: str, *arguments: str, printed: list[str]) -> None:
    """Run a module of Python in the project, and keep what it prints; what fails ends all."""
    secret = {"MSD_HATEFUL_MEMES_PASSWORD": PASSWORD, "HF_TOKEN": TOKEN}
    hub = {"HF_HUB_CACHE": str(FOLDER / "hub"), "HF_HUB_OFFLINE": "1"}
    print(f"$ {module} {' '.join(arguments)}", flush=True)
    command, both = [sys.executable, "-m", module, *arguments], {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=FOLDER, env=os.environ | secret | hub, text=True, **both) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    if process.returncode:
        sys.exit(process.returncode)


if __name__ == "__main__":
    main()
