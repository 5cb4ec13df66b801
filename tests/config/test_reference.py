"""The key reference and the schemas are what the models say, and every file in config/ fits its schema."""

from pathlib import Path

import pytest
import yaml

from msd.config.reference import documents

DOCUMENTS = documents()
FOLDERS = {
    "datasets": "dataset",
    "encoders": "encoder",
    "models": "model",
    "methods": "method",
    "crossmodal": "crossmodal",
}


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_what_is_written_is_up_to_date(path: Path) -> None:
    assert path.read_text() == DOCUMENTS[path], "run `python -m msd.config.reference`"


def test_every_key_of_the_demo_is_in_it() -> None:
    text = DOCUMENTS[Path("config/README.md")]
    for key in ("seeds_per_job", "teacher.pretrained_learning_rate", "data.removal", "sources.sha256", "parameters"):
        assert f"`{key}`" in text


@pytest.mark.parametrize("path", sorted(Path("config").rglob("*.yaml")), ids=str)
def test_a_file_fits_its_schema_and_an_unknown_key_does_not(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    kind = path.stem if path.stem in ("claims", "published") else FOLDERS.get(path.parent.name, "study")
    schema = jsonschema.Draft202012Validator(yaml.safe_load(DOCUMENTS[Path(f"config/schema/{kind}.json")]))
    content = yaml.safe_load(path.read_text())
    schema.validate(content)
    assert not schema.is_valid(content | {"sedes": [1]})
