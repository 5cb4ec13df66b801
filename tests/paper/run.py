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
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from project import PROJECT, write_project

FOLDER = PROJECT / "paper-fixtures"
PASSWORD, TOKEN = "canary, the Password", "hf_canaryThisIsNoToken"


class Server(http.server.SimpleHTTPRequestHandler):
    """The files below a folder, without a word of each."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Make the project, run its study, and everything that a user runs after it."""
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    handler = functools.partial(Server, directory=FOLDER / "files")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        write_project(FOLDER, address=address, password=PASSWORD)
        msd("plan", "config/paper.yaml")
        msd("doctor", "config/paper.yaml")
        python("snakemake", "--configfile", "config/paper.yaml", "--quiet", "reason")
        server.shutdown()
    msd("audit", "paper")
    msd("crate", "paper", "--out", "crate")
    found = [str(path) for path in files_below(FOLDER) if holds_secret(path)]
    if found:
        sys.exit(f"the password or the token stands in {', '.join(found)}")
    print((FOLDER / "results/paper/tables/main.md").read_text())
    used = os.times()
    spent = f"{time.monotonic() - began:.0f} s, of processors {used.user + used.system + used[2] + used[3]:.0f} s"
    print(f"No file holds the password or the token. {spent}.\nThe report: {FOLDER}/results/paper/report.html")


def msd(*arguments: str) -> None:
    """A command of the package, in the project."""
    python("msd", *arguments)


def python(*arguments: str) -> None:
    """A module of Python, in the project; what fails ends all."""
    secret = {"MSD_HATEFUL_MEMES_PASSWORD": PASSWORD, "HF_TOKEN": TOKEN}
    hub = {"HF_HUB_CACHE": str(FOLDER / "hub"), "HF_HUB_OFFLINE": "1"}
    print(f"$ {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-m", *arguments], cwd=FOLDER, env=os.environ | secret | hub, check=True)


def files_below(folder: Path) -> list[Path]:
    """All files that were made, in no linked folder."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(one.is_symlink() for one in (path, *path.parents))
    ]


def holds_secret(path: Path) -> bool:
    """Whether a file has the password or the token somewhere."""
    content = path.read_bytes()
    return PASSWORD.encode() in content or TOKEN.encode() in content


if __name__ == "__main__":
    main()
