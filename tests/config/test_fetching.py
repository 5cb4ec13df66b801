"""Licences that a study accepts, and the folder of the files that a person brings."""

from pathlib import Path
from typing import Any

import pytest
from faults import changed_yaml, one_sentence

from msd.config.study import Study, load_study

GATED = {"name": "Their terms", "url": "https://example.org/terms", "gate": "manual"}
SMOKE = "config/smoke.yaml"

pytestmark = pytest.mark.usefixtures("fresh_project")


def gate(*names: str) -> None:
    """Let the licences of these datasets and encoders ask to be accepted."""
    for name in names:
        [path] = Path("config").glob(f"*/{name}.yaml")
        changed_yaml(path, path, lambda content: content.update(licence=GATED))


def study(**values: Any) -> Study:
    return load_study(changed_yaml(SMOKE, Path("config/changed.yaml"), lambda content: content.update(values)))


def test_a_licence_is_accepted_by_name_before_anything_runs() -> None:
    study().check_licences()
    gate("clipart-tags", "minilm-l6")
    both = "clipart-tags: Their terms .https://example.org/terms.; minilm-l6: Their terms .https://example.org/terms.;"
    with one_sentence(rf"config/changed.yaml: .*{both} then write `accept_licenses: .clipart-tags, minilm-l6.`$"):
        study().check_licences()
    with one_sentence(r"anything runs: minilm-l6: .* then write `accept_licenses: .clipart-tags, minilm-l6.`$"):
        study(accept_licenses=["clipart-tags"]).check_licences()
    study(accept_licenses=["minilm-l6", "clipart-tags"]).check_licences()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"accept_licenses": ["clipart_tags"]}, r"'clipart_tags' is no dataset, .*; did you mean 'clipart-tags'\?"),
        ({"accept_licenses": ["clipart-match"]}, r"'clipart-match' is no dataset, encoder or model of the study"),
        ({"accept_licenses": ["clipart-tags"] * 2}, r"a value is given twice: \['clipart-tags', 'clipart-tags'\]"),
        ({"accept_licenses": "clipart-tags"}, r"accept_licenses: Input should be a valid list"),
        ({"accept_license": ["clipart-tags"]}, r"unknown key 'accept_license'; did you mean 'accept_licenses'\?"),
        ({"data_root": "~/data"}, r"data_root: `~` and variables are not expanded here; .*given: '~/data'"),
        ({"data_root": "$HOME/data"}, r"data_root: `~` and variables are not expanded here"),
        ({"data_root": ""}, r"data_root: String should have at least 1 character"),
        ({"data_root": 7}, r"data_root: Input should be a valid string"),
        ({"data_roots": "/data"}, r"unknown key 'data_roots'; did you mean 'data_root'\?"),
    ],
)
def test_a_fault_is_one_sentence(values: dict[str, Any], sentence: str) -> None:
    with one_sentence(rf"config/changed\.yaml.*{sentence}"):
        study(**values)


def test_where_a_person_keeps_files_is_not_in_the_resolved_study() -> None:
    resolved = study(data_root="/home/somebody", accept_licenses=["clipart-tags"]).resolved()
    assert "somebody" not in str(resolved)
    assert resolved["accept_licenses"] == ["clipart-tags"]


def test_two_files_of_a_dataset_have_two_names() -> None:
    hub = {"kind": "hub", "repo": "a/b", "revision": "0" * 40}
    sources = [hub | {"file": f"{part}/data.bin"} for part in ("train", "test")]
    path = Path("config/datasets/clipart-tags.yaml")
    changed_yaml(path, path, lambda content: content.update(sources=sources))
    with one_sentence(r"clipart-tags.yaml:\d+: sources: a value is given twice: \['data.bin', 'data.bin'\]"):
        study()
