"""Write the SHA-256 of every published file of each version that the locks name, and lock what CUDA's build needs.

    make lock

The versions are those of requirements.lock, and of requirements-docs.lock: to change one, edit it there and call this
again. The hashes are those of PyPI for all systems and Pythons, so that `pip install --require-hashes` takes these
files and no others. requirements-cuda.lock holds what PyPI's torch for Linux needs besides, and other builds do not.
"""

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

LOCK, CUDA, DOCS = (Path(f"requirements{part}.lock") for part in ("", "-cuda", "-docs"))
OLDEST = "3.11"
"""Python for which the versions of requirements-cuda.lock are chosen; its markers say where they are installed."""
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    """Package -> version of a lock's text; names as PyPI compares them: small letters, dashes."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in PIN.findall(lock)}


def without(lock: str, names: set[str]) -> str:
    """A lock's text without the entries of packages; an entry is a pin and the lines that continue it."""
    entries = re.split(r"^(?=[\w.-]+==)", lock, flags=re.MULTILINE)
    return "".join(entry for entry in entries if not pins(entry).keys() & names)


def main() -> None:
    """Write both locks, by `uv` in an environment of its own."""
    known = pins(LOCK.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "uv", with_pip=True)
        python = folder / "uv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        (folder / "pins").write_text("".join(f"{package}=={version}\n" for package, version in known.items()))
        pages = pins(DOCS.read_text(encoding="utf-8"))
        (folder / "pages").write_text("".join(f"{package}=={version}\n" for package, version in pages.items()))
        (folder / "torch").write_text(f"torch=={known['torch']}\n")

        def compiled(*arguments: str, oldest: str = OLDEST) -> str:
            command = [str(python), "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", oldest]
            command += ["--generate-hashes", "--no-annotate", "--no-header", "--no-config", *arguments]
            return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=folder).stdout

        LOCK.write_text(compiled("--no-deps", "pins"), encoding="utf-8")
        DOCS.write_text(compiled("--no-deps", "pages", oldest="3.11.5"), encoding="utf-8")
        CUDA.write_text(without(compiled("--constraint", "pins", "torch"), set(known)), encoding="utf-8")


if __name__ == "__main__":
    main()
