"""Tux Paint's stamps in the layout of Debian's package: three modalities, splits by name, and faults."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from msd.errors import UserError
from msd.mfh.crossmodal.readers.tux_paint import KINDS, TuxPaint


def stamp(folder: Path, name: str, *, hertz: float, text: str | None = None) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGBA", (30, 20), (*hashlib.sha256(name.encode()).digest()[:3], 128)).save(f"{path}.png")
    Path(f"{path}.txt").write_text(f"{text or 'A ' + path.name}.\nfr.utf8=Une chose.\n", encoding="utf-8")
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(22_050) / 44_100)
    soundfile.write(f"{path}_desc_fr.ogg", np.stack([wave, wave], 1), 44_100)


def copied(folder: Path, name: str, copy: str) -> None:
    for ending in (".png", ".txt", "_desc_fr.ogg"):
        shutil.copy(folder / f"{name}{ending}", folder / f"{copy}{ending}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for row, kind in enumerate(KINDS):
        for name in "abcdefgh":
            stamp(tmp_path, f"{kind}/sub/{kind}.{name}", hertz=300 + 300 * row)
    stamp(tmp_path, "military/tank", hertz=300)
    (tmp_path / "animals/sub/lonely.png").write_bytes((tmp_path / "animals/sub/animals.a.png").read_bytes())
    return tmp_path


def test_stamps_with_all_three_modalities_are_read(folder: Path) -> None:
    splits = TuxPaint(size=16).read(folder)
    assert sum(len(part.label) for part in splits.values()) == 8 * len(KINDS)
    for part in splits.values():
        assert set(part.label.tolist()) == set(range(len(KINDS)))
        assert [tuple(part.inputs[name].shape[1:]) for name in ("image", "speech")] == [(3, 16, 16), (1, 32, 32)]
    train = splits["train"]
    sound = train.inputs["speech"][:, 0, :, :7].mean(2)
    assert (sound.argmax(1).diff()[train.label.diff() > 0] >= 0).all(), "a later kind speaks higher"
    corner = train.inputs["image"][0, :, 0, 0].float() * torch.tensor([0.229, 0.224, 0.225])
    assert (corner + torch.tensor([0.485, 0.456, 0.406])).tolist() == pytest.approx([1, 1, 1], abs=1e-2)
    assert all(map(torch.equal, train.inputs.values(), TuxPaint(size=16).read(folder)["train"].inputs.values()))


def test_stamps_that_differ_by_a_number_stay_together(folder: Path) -> None:
    """They alone are spoken as high as 5,000 Hz, in the fourth highest band."""
    for number in range(1, 7):
        stamp(folder, f"food/pear_{number}", hertz=5000)
    parts = TuxPaint(size=16).read(folder).values()
    high = [part.inputs["speech"][:, 0, :, :7].mean(2).argmax(1) > 26 for part in parts]
    assert sorted(int(rows.sum()) for rows in high) == [0, 0, 6]


@pytest.mark.parametrize(
    ("change", "sentence", "kind"),
    [
        (
            lambda f: (f / "food.a_desc_fr.ogg").write_text("no sound"),
            "the recording .*food.a_desc_f",
            "cannot be read",
        ),
        (
            lambda f: (p := f / "food.a_desc_fr.ogg").write_bytes(p.read_bytes()[:-10]),
            "food.a_desc_fr.ogg is cut off",
            "cannot be read",
        ),
        (lambda f: (f / "food.a.png").write_text("no picture"), "the picture .*food.a.png is broken", "cannot be read"),
        (lambda f: (f / "food.a.txt").write_text("\n"), "food.a.txt has no name in its first line", "no name"),
        (lambda f: (f / "food.a.txt").write_text(" … \n"), "food.a.txt has no name in its first line", "no name"),
        (lambda f: (f / "food.a.txt").write_bytes(b"caf\xe9"), "food.a.txt:1 is not UTF-8", "no name"),
        (
            lambda f: (f / "._food.a_desc_fr.ogg").touch(),
            r"\._food.*: left behind by a system",
            "left behind by a system",
        ),
        (
            lambda f: shutil.copy(f / "food.a_desc_fr.ogg", f / "food.a (1)_desc_fr.ogg"),
            r"food\.a \(1\)_desc.*: a copy, by its name",
            "a copy, by its name",
        ),
        (
            lambda f: copied(f, "food.a", "pear"),
            "pear.png: .*pear: picture given twice: food/sub/food.a.png",
            "picture given twice",
        ),
        (
            lambda f: shutil.copy(f / "food.b.png", f / "food.a.PNG"),
            "food.a.png: name given twice: food/sub/food.a.PNG",
            "name given twice",
        ),
    ],
)
def test_a_bad_stamp_is_dropped_or_told(folder: Path, is_bad, change, sentence: str, kind: str) -> None:
    change(folder / "food/sub")
    is_bad(TuxPaint, folder, sentence, kind, size=16)


def test_the_case_of_an_ending_makes_no_difference(folder: Path) -> None:
    before = TuxPaint(size=16).read(folder)
    for name, other in (
        ("food.a.png", "food.a.PNG"),
        ("food.b.txt", "food.b.Txt"),
        ("food.c_desc_fr.ogg", "food.c_desc_fr.OGG"),
    ):
        (folder / "food/sub" / name).rename(folder / "food/sub" / other)
    after = TuxPaint(size=16).read(folder)
    for split, part in before.items():
        assert all(map(torch.equal, part.inputs.values(), after[split].inputs.values()))


def test_a_kind_without_stamps_is_one_sentence(folder: Path) -> None:
    (folder / "space").rename(folder / "other")
    with pytest.raises(UserError, match="has no stamp of space with a picture, a name and 'fr' speech"):
        TuxPaint(size=16).read(folder)


@pytest.mark.parametrize("student", ["image", "text", "speech"])
def test_each_student_learns_from_both_other_modalities(folder: Path, distilled: Callable, student: str) -> None:
    classes, scores = distilled(f"tux-paint-{student}", folder, {"size": 16}, epochs=2)
    assert classes == len(KINDS)
    assert set(scores.index.get_level_values("teacher")) == {"image", "text", "speech"} - {student}
