"""config/claims.yaml is validated, and each fault is one sentence."""

from pathlib import Path

import pytest
import yaml

from msd.config.claims import read_claims
from msd.errors import UserError

FILE = Path("config/claims.yaml").resolve()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": ["msd-instanc"]}, r"claims\.C3: there is no method 'msd-instanc'; did you mean 'msd-instance'"),
        ({"rule": "hihger"}, r"claims\.yaml:\d+: claims\.C3\.rule: Input should be 'higher'"),
        ({"aganst": ["kd"]}, r"unknown key 'claims\.C3\.aganst'; did you mean 'against'"),
        ({"against": []}, "needs methods and what they are held against"),
    ],
)
def test_a_faulty_claim_is_named(tmp_path, change, message):
    content = yaml.safe_load(FILE.read_text())
    content["claims"]["C3"] |= change
    (tmp_path / "methods").symlink_to(FILE.parent / "methods")
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(UserError, match=message):
        read_claims(path)


def test_a_number_for_each_setting(tmp_path):
    content = yaml.safe_load(FILE.read_text())
    content["published"]["mfh-gamma"]["values"]["no-kd"].pop()
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"values\.no-kd has 5 values for 6 settings"):
        read_claims(path)
