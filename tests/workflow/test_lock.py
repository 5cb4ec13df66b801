"""The locks: every file that is installed has its hash in them, and every package a licence that was read."""

import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from calls import PROJECT
from packaging.requirements import Requirement

from msd.lineage.digest import file_sha256


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The names of workflow/lock.py and workflow/licences.py."""
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(sys, "path", [str(PROJECT / "workflow"), *sys.path])
    return SimpleNamespace(**runpy.run_path("workflow/lock.py") | runpy.run_path("workflow/licences.py"))


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-cuda.lock", "requirements-docs.lock"])
def test_every_package_has_one_version_and_its_hashes(lock: str) -> None:
    text = (PROJECT / lock).read_text()
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    one = re.compile(r"[\w.-]+==[\w.]+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n")
    assert not [entry for entry in entries if not one.fullmatch(entry)]
    names = [entry.partition("==")[0] for entry in entries]
    assert names
    assert len(set(names)) == len(names)


def test_the_lock_has_every_dependency_and_cuda_s_only_what_it_lacks(scripts: SimpleNamespace) -> None:
    locked = scripts.pins((PROJECT / "requirements.lock").read_text())
    pages = scripts.pins((PROJECT / "requirements-docs.lock").read_text())
    lines = re.findall(r'"([A-Za-z][\w.-]*)[^"]*"', _dependencies((PROJECT / "pyproject.toml").read_text()))
    assert len(lines) > 30
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in lines} <= {*locked, *pages}
    assert not locked.keys() & scripts.pins((PROJECT / "requirements-cuda.lock").read_text()).keys()


def _dependencies(pyproject: str) -> str:
    start = pyproject.index("\ndependencies = [")
    return pyproject[start : pyproject.index("[project.scripts]")]


@pytest.mark.parametrize("name", ["Makefile", "Dockerfile", "apptainer.def"])
def test_what_is_read_of_the_lock_for_torch_is_a_requirement(name: str, scripts: SimpleNamespace) -> None:
    """Its entry goes on in lines of hashes, at whose first backslash pip stops."""
    text = (PROJECT / name).read_text().replace("/opt/", "")
    [command] = re.findall(r'"\$+\(([^"]*torch==[^"]* requirements\.lock)\)"', text)
    done = subprocess.run(["sh", "-c", command], cwd=PROJECT, capture_output=True, text=True, check=True)
    torch = scripts.pins((PROJECT / "requirements.lock").read_text())["torch"]
    assert str(Requirement(done.stdout.strip())) == f"torch=={torch}"


def test_an_entry_goes_with_the_lines_that_continue_it(scripts: SimpleNamespace) -> None:
    entries = [f"{name}==1.{number} \\\n    --hash=sha256:{number}\n" for number, name in enumerate(("a", "B_c", "d"))]
    assert scripts.pins("".join(entries)) == {"a": "1.0", "b-c": "1.1", "d": "1.2"}
    assert scripts.without("".join(entries), {"b-c"}) == entries[0] + entries[2]


def test_the_page_of_licences_is_that_of_the_lock(scripts: SimpleNamespace) -> None:
    """`make lock` writes it; a package without a known licence is an error there."""
    assert Path("docs/licences.md").read_text() == scripts.page()
    assert set(scripts.parts("MIT AND (Apache-2.0 OR BSD-3-Clause)")) <= scripts.ALLOWED
    assert "AGPL-3.0" not in scripts.ALLOWED


def test_pip_refuses_a_file_whose_hash_is_not_in_the_lock(tmp_path: Path) -> None:
    wheel = tmp_path / "six-1.17.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr("six-1.17.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: six\nVersion: 1.17.0\n")
        files.writestr("six-1.17.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        files.writestr("six-1.17.0.dist-info/RECORD", "")
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--find-links", str(tmp_path), "--no-deps"]
    command += ["--require-hashes", "--target", str(tmp_path / "there"), "-r", "six.lock"]

    def installed(sha256: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "six.lock").write_text(f"six==1.17.0 \\\n    --hash=sha256:{sha256}\n")
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    lock = (PROJECT / "requirements.lock").read_text()
    [known] = re.findall(r"^six==1.17.0 \\\n    --hash=sha256:(\w+)", lock, re.MULTILINE)
    refused = installed(known)
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert installed(file_sha256(wheel)).returncode == 0
