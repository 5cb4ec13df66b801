"""The committed subsets come out of their Debian packages byte for byte (about two minutes)."""

import json
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from PIL import Image, ImageDraw

from msd.data.committed_subset import unpack
from msd.data.near_copies import average_hash, linked, plain_text, seen_in_training
from msd.data.pictures import rgb
from msd.data.raw_files import sha256
from msd.data.readers import cataclysm_build, openclipart_build
from msd.data.readers.cataclysm_build import Tileset, first_number
from msd.data.readers.openclipart_build import describe, unwanted

SVG = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:cc="http://web.resource.org/cc/" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><rdf:RDF>
 <cc:Work><dc:title> Bunny
 01</dc:title><dc:subject><rdf:Bag><rdf:li>Pet</rdf:li><rdf:li/><rdf:li>animal</rdf:li></rdf:Bag></dc:subject>
 </cc:Work></rdf:RDF></metadata></svg>"""


@pytest.mark.network
@pytest.mark.parametrize("subset", [cataclysm_build, openclipart_build])
def test_a_committed_subset_is_rebuilt_byte_for_byte(tmp_path: Path, subset: ModuleType) -> None:
    subset.build(unpack(subset.PACKAGES, None, tmp_path, version=subset.VERSION), tmp_path / "out")
    for path in sorted(subset.OUT.iterdir()):
        assert sha256(tmp_path / "out" / path.name) == sha256(path), path.name


@pytest.mark.parametrize(
    ("name", "subset"),
    [
        ("clipart-match", openclipart_build),
        ("clipart-tags", openclipart_build),
        ("cataclysm-kind", cataclysm_build),
    ],
)
def test_the_configured_digests_are_those_of_the_committed_files(name: str, subset: ModuleType) -> None:
    config = yaml.safe_load((Path(__file__).parents[3] / "config" / "datasets" / f"{name}.yaml").read_text())
    stated = {source["file"]: (source["sha256"], source["bytes"]) for source in config["sources"]}
    assert stated == {path.name: (sha256(path), path.stat().st_size) for path in subset.OUT.iterdir()}


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


def test_sprites_are_found_by_numbers_that_go_on_from_sheet_to_sheet(tmp_path: Path) -> None:
    small = Image.new("RGBA", (8, 4))  # two of 4×4: the first empty, the second red but for its border
    small.paste((255, 0, 0, 255), (5, 1, 7, 3))
    small.putpixel((5, 1), (0, 0, 0, 255))
    tall = Image.new("RGBA", (2, 12), (0, 255, 0, 255))  # two of 2×6, the second with a blue pixel
    tall.putpixel((0, 11), (0, 0, 255, 255))
    small.save(tmp_path / "small.png")
    tall.save(tmp_path / "tall.png")
    sheets = [
        {"file": "small.png", "tiles": [{"id": "nothing", "fg": 0}, {"id": ["red", "rose"], "fg": [1, 0]}]},
        {
            **{"file": "tall.png", "sprite_width": 2, "sprite_height": 6},
            "tiles": [{"id": "green", "fg": 2}, {"id": "blue", "fg": [{"weight": 1, "sprite": 3}]}, {"id": "red"}],
        },
    ]
    config = {"tile_info": [{"width": 4, "height": 4}], "tiles-new": sheets}
    (tmp_path / "tile_config.json").write_text(json.dumps(config))
    tiles = Tileset(tmp_path)
    sizes = {name: rgb(found, name=name).size for name in ("red", "rose", "blue") if (found := tiles.sprite(name))}
    assert sizes == {"red": (2, 2), "rose": (2, 2), "blue": (2, 6)}
    assert [tiles.sprite(name) for name in ("nothing", "green", "unknown")] == [None] * 3  # blank, blank, absent
    assert [first_number(drawn) for drawn in (7, [], [{"sprite": [5, 6]}], -1, None)] == [7, None, 5, None, None]


def test_items_that_share_something_are_linked_directly_or_not() -> None:
    shared = {"a": {1}, "b": {2}, "c": {1, 3}, "d": {4}, "e": {3}, "f": set()}
    assert linked(shared) == {"a": "a", "b": "b", "c": "a", "d": "d", "e": "a", "f": "f"}
    assert plain_text("It's  A “Cat”!") == plain_text("it s a cat") != plain_text("a cat")


def test_training_has_nearly_seen_a_text_a_picture_or_where_texts_recur_both() -> None:
    looks = {"a": b"1", "b": b"2", "c": b"1"}
    training = [("a", "A cat."), ("b", "the dog")]
    samples = [("c", "a bird"), ("d", "a CAT"), ("c", "The dog!"), ("c", "a cat"), ("d", "a bird")]
    found = {both: seen_in_training(samples, training, looks | {"d": b"3"}, both=both) for both in (False, True)}
    assert found == {False: [True, True, True, True, False], True: [False, False, False, True, False]}


def test_near_copies_have_the_same_hash() -> None:
    picture = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(picture).ellipse((8, 8, 40, 50), fill="red")
    copy = picture.copy()
    copy.putpixel((20, 20), (250, 0, 0))
    assert average_hash(picture) == average_hash(copy)
    assert average_hash(picture) != average_hash(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
