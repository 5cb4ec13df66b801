"""Pictures of every mode come out upright, in 8 bits and with the colours that they show; broken ones with a sentence."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from msd.data.pictures import Spool, decode, member, rgb
from msd.errors import UserError


def stored(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (np.array([[0, 32768, 65535]], np.uint16), "PNG"),
        (np.array([[0, 32768, 65535]], np.int32), "TIFF"),
        (np.array([[0, 0.5, 1]], np.float32), "TIFF"),
    ],
)
def test_deep_grey_is_scaled_not_cut(values: np.ndarray, form: str) -> None:
    shown = np.asarray(rgb(stored(Image.fromarray(values), form), name="deep"))
    assert shown[0, :, 0].tolist() == [0, 128, 255]


def test_values_that_no_picture_has_are_told() -> None:
    for values in (np.array([[np.nan]], np.float32), np.array([[-1]], np.int32), np.array([[70000]], np.int32)):
        with pytest.raises(UserError, match="deep has values outside"):
            decode(stored(Image.fromarray(values), "TIFF"), name="deep")


def test_a_photograph_is_turned_as_its_camera_says() -> None:
    picture = Image.new("RGB", (8, 4), "black")
    picture.paste("white", (0, 0, 4, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    upright = np.asarray(rgb(stored(picture, "JPEG", exif=exif, quality=100), name="turned"))
    assert upright.shape == (8, 4, 3)
    assert upright[:4].min() > 200
    assert upright[4:].max() < 50


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_are_white(mode: str) -> None:
    picture = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    picture.putpixel((1, 0), (200, 200, 200, 255))
    shown = rgb(stored(picture.convert(mode)), name="clear")
    assert shown.mode == "RGB"
    assert shown.getpixel((0, 0)) == (255, 255, 255)
    assert max(shown.getpixel((1, 0))) < 210


@pytest.mark.parametrize("content", [b"", b"no picture", stored(Image.effect_noise((9, 9), 50))[:90]])
def test_a_broken_picture_is_one_sentence_that_is_the_same_each_time(content: bytes) -> None:
    sentences = set()
    for _ in range(2):
        with pytest.raises(UserError, match=r"the picture p\.png is broken") as caught:
            decode(content, name="p.png")
        sentences.add(str(caught.value))
    assert len(sentences) == 1
    assert "0x" not in sentences.pop()


def test_an_encrypted_or_unknown_member_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("p.png", b"content")
    plain = path.read_bytes()
    for offset, value in ((6, 1), (8, 99)):  # the flag of encryption; the method of compression
        changed = bytearray(plain)
        for start in (plain.index(b"PK\x03\x04"), plain.index(b"PK\x01\x02") + 2):
            changed[start + offset] = value
        path.write_bytes(bytes(changed))
        with zipfile.ZipFile(path) as archive, pytest.raises(UserError, match=r"'p.png' of .* cannot be unpacked"):
            member(archive, "p.png")


def test_pictures_wait_on_disk_in_a_file_that_nobody_sees(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    colours = {"a": (255, 0, 0), "b": (0, 255, 0), "c": (0, 0, 255)}
    for name, size in (("a", (9, 9)), ("b", (3, 2)), ("a", (2, 5)), ("c", (1, 1))):
        spool.put(name, Image.new("RGB", size, colours[name]))
    assert {name: spool[name].size for name in spool} == {"a": (2, 5), "b": (3, 2), "c": (1, 1)}
    assert {name: spool[name].getpixel((0, 0)) for name in spool} == colours
    assert "d" not in spool
    with pytest.raises(KeyError):
        spool["d"]
    assert not list(tmp_path.iterdir())
