"""Snakemake refuses a study whose licences nobody accepted, and hands the folder of brought files to jobs alone."""

import hashlib
import json
from pathlib import Path

import pytest
import yaml
from calls import snakemake

NAME, RECORD = "clipart-tags", "results/data/clipart-tags/record.json"
CONTENT = b"what a person brought"
LICENCE = {"name": "Their terms", "url": "https://example.org/terms", "gate": "manual"}


@pytest.fixture
def project(fresh_project: Path) -> Path:
    """The project, of whose smoke study the one dataset is brought by hand."""
    path = Path(f"config/datasets/{NAME}.yaml")
    content = yaml.safe_load(path.read_text())
    source = {"kind": "manual", "file": "items.zip", "sha256": hashlib.sha256(CONTENT).hexdigest()}
    path.write_text(yaml.safe_dump(content | {"sources": [source], "licence": LICENCE}))
    return fresh_project


def said(*arguments: str, folder: Path) -> str:
    """What a call that must succeed says."""
    done = snakemake(*arguments, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_licence_that_nobody_accepted_stops_all_before_any_job(project: Path) -> None:
    for more in ((), ("--dry-run",)):
        done = snakemake("--configfile", "config/smoke.yaml", "--cores", "1", *more, "--", RECORD, folder=project)
        assert done.returncode != 0
        sentence = "clipart-tags: Their terms (https://example.org/terms); then write `accept_licenses: [clipart-tags]`"
        assert sentence in " ".join((done.stdout + done.stderr).split())
    assert not Path("results").exists()


def test_the_folder_reaches_the_job_and_nothing_that_is_kept(project: Path) -> None:
    study = Path("config/smoke.yaml")
    study.write_text(f"{study.read_text()}\ndata_root: {project}/whose folder\naccept_licenses: [{NAME}]\n")
    call = ("--configfile", "config/smoke.yaml", "--cores", "1", "--", RECORD, "results/smoke/config/study.yaml")
    done = snakemake(*call, folder=project)
    assert done.returncode != 0
    assert f"put it at {project}/whose folder/{NAME}/items.zip, where no such file is" in done.stdout + done.stderr
    place = project / f"whose folder/{NAME}/items.zip"
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    output = said(*call, folder=project)
    assert Path(f"results/data/{NAME}/raw/items.zip").samefile(place)
    origin = json.loads(Path(f"results/data/{NAME}/source.json").read_text())["files"][0]["origin"]
    assert origin == f"manual:{NAME}/items.zip"
    kept = [path for folder in ("results", ".snakemake/metadata") for path in Path(folder).rglob("*") if path.is_file()]
    assert RECORD in map(str, kept)
    assert not [path for path in kept if b"whose folder" in path.read_bytes()]
    assert "whose folder" not in output
    assert "Nothing to be done" in said(*call, folder=project)
    moved = study.read_text().replace("whose folder", "another folder")
    study.write_text(moved)
    assert "Nothing to be done" in said(*call, folder=project)
