"""Tux Paint's stamps out of Debian's package."""

import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from msd.data.pictures import png
from msd.data.prepared import check
from msd.data.readers.tux_kind import FOLDER, KINDS, Parameters, prepare
from msd.errors import UserError

PARAMETERS = Parameters.model_validate({"seed": 1, "shares": {"train": 0.4, "val": 0.3, "test": 0.3}, "size": 8})
pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Debian's package with 4 stamps of each kind, a copy, a stamp without a name, one with an empty one, and more."""
    stamps = tmp_path / "root" / FOLDER
    for index, kind in enumerate(KINDS):
        (stamps / kind).mkdir(parents=True)
        for number in range(4):
            colour = (index * 20, number * 50, 0)
            (stamps / kind / f"thing{'abcd'[number]}.png").write_bytes(png(Image.new("RGB", (6, 4), colour)))
            (stamps / kind / f"thing{'abcd'[number]}.txt").write_text(f"A {kind} {number}.\nfr.utf8=Une chose")
    shutil.copy(stamps / "town/thinga.png", stamps / "town/twin.png")
    (stamps / "town/twin.txt").write_text("A twin.")
    (stamps / "town/nameless.png").write_bytes(png(Image.new("RGB", (6, 4), "blue")))
    (stamps / "town/empty.png").write_bytes(png(Image.new("RGB", (6, 4), "pink")))
    (stamps / "town/empty.txt").write_text("\nA name too late")
    (stamps / "people").mkdir()
    (stamps / "people/one.png").write_bytes(png(Image.new("RGB", (6, 4))))
    (tmp_path / "root/DEBIAN").mkdir()
    control = "Package: tux\nVersion: 1\nArchitecture: all\nMaintainer: t <t@example.org>\nDescription: t\n"
    (tmp_path / "root/DEBIAN/control").write_text(control)
    path = tmp_path / "tuxpaint-stamps-default_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", tmp_path / "root", path], check=True, capture_output=True)
    return path


def test_a_row_is_a_stamp_with_its_english_name(package: Path) -> None:
    prepared = prepare({package.name: package}, PARAMETERS)
    check(prepared)
    rows = [sample for part in prepared.splits.values() for sample in part]
    assert len(rows) == 4 * len(KINDS)
    for sample in rows:
        assert sample.text.split()[1] == KINDS[sample.target[0]] == sample.uid.split("/")[0]
        assert prepared.pictures[sample.image].size == (8, 8)
    assert prepared.findings.summary()["counts"] == {
        "dropped: no name": 1,
        "dropped: no name, or no picture": 1,
        "dropped: picture given twice": 1,
    }


def test_a_package_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "tuxpaint-stamps-default_1_all.deb"
    path.write_bytes(b"<html>")
    with pytest.raises(UserError, match=r"_all\.deb is no readable Debian package with stamps"):
        prepare({path.name: path}, PARAMETERS)
