"""config/claims.yaml and config/published.yaml are validated, and each fault is one sentence."""

from pathlib import Path

import pytest
from faults import changed_yaml, one_sentence

from msd.config.claims import read_claims
from msd.config.published import read_published

FILE = Path("config/claims.yaml").resolve()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": ["msd-instanc"]}, r"claims\.C3: there is no method 'msd-instanc'; did you mean 'msd-instance'"),
        ({"rule": "hihger"}, r"claims\.yaml:\d+: claims\.C3\.rule: Input should be 'higher'"),
        ({"aganst": "kd"}, r"unknown key 'claims\.C3\.aganst'; did you mean 'against'"),
        ({"against": None}, "a claim with the rule 'higher' needs a method against"),
        ({"measures": ["kl/imag"]}, r"claims\.yaml:\d+: claims\.C3\.measures"),
    ],
)
def test_a_faulty_claim_is_named(tmp_path, change, message):
    (tmp_path / "methods").symlink_to(FILE.parent / "methods")
    path = changed_yaml(FILE, tmp_path / "claims.yaml", lambda content: content["claims"]["C3"].update(change))
    with one_sentence(message):
        read_claims(path)


def test_a_number_for_each_setting(tmp_path):
    path = tmp_path / "published.yaml"
    changed_yaml(
        FILE.parent / "published.yaml", path, lambda content: content["published"]["mfh-gamma"]["values"]["no-kd"].pop()
    )
    with one_sentence(r"values\.no-kd has 5 values for 6 settings"):
        read_published(path)
