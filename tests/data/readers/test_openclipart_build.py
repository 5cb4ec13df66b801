"""The committed subset comes out of the Debian packages byte for byte (about two minutes)."""

from pathlib import Path

import pytest
import yaml
from PIL import Image, ImageDraw

from msd.data.raw_files import sha256
from msd.data.readers.openclipart_build import OUT, average_hash, build, describe, unpack, unwanted

SVG = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:cc="http://web.resource.org/cc/" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><rdf:RDF>
 <cc:Work><dc:title> Bunny
 01</dc:title><dc:subject><rdf:Bag><rdf:li>Pet</rdf:li><rdf:li/><rdf:li>animal</rdf:li></rdf:Bag></dc:subject>
 </cc:Work></rdf:RDF></metadata></svg>"""


@pytest.mark.network
def test_the_committed_subset_is_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    build(unpack(None, tmp_path), tmp_path / "out")
    for path in sorted(OUT.iterdir()):
        assert sha256(tmp_path / "out" / path.name) == sha256(path), path.name


@pytest.mark.parametrize("name", ["clipart-match", "clipart-tags"])
def test_the_configured_digests_are_those_of_the_committed_files(name: str) -> None:
    config = yaml.safe_load((Path(__file__).parents[3] / "config" / "datasets" / f"{name}.yaml").read_text())
    stated = {source["file"]: (source["sha256"], source["bytes"]) for source in config["sources"]}
    assert stated == {path.name: (sha256(path), path.stat().st_size) for path in OUT.iterdir()}


def test_metadata_is_read_and_unwanted_files_are_known(tmp_path: Path) -> None:
    path = tmp_path / "bunny.svg"
    path.write_text(SVG)
    item = describe(path, "animals/bunny_01")
    assert item == {"path": "animals/bunny_01", "title": "Bunny 01", "keywords": ["animal", "pet"]}
    assert unwanted(path, item) is None
    assert unwanted(path, item | {"path": "shapes/x"}) == "folder of abstract or duplicate files"
    assert unwanted(path, item | {"keywords": ["lemon_theme_icon"]}) == "icon theme"
    assert unwanted(path, item | {"title": ""}) == "no title"
    assert unwanted(path, item | {"keywords": ["hash"]}) == "no keyword that says anything"
    link = tmp_path / "link.svg"
    link.symlink_to(path)
    assert unwanted(link, item) == "link to another file"


def test_near_copies_have_the_same_hash() -> None:
    picture = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(picture).ellipse((8, 8, 40, 50), fill="red")
    copy = picture.copy()
    copy.putpixel((20, 20), (250, 0, 0))
    assert average_hash(picture) == average_hash(copy)
    assert average_hash(picture) != average_hash(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
