"""The features stage with an extractor that is arithmetic, and its errors."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from msd.config.contracts.data import FeaturesParams
from msd.data.pictures import png, write_archive
from msd.errors import UserError
from msd.features.extract import BATCH, extract, find
from msd.job import Job


@pytest.fixture
def corners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An extractor module of two lines, found like any other: every fourth pixel, times the weights."""
    import msd.features

    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "corners.py").write_text(
        "def build(weights):\n    return lambda pixels: pixels[:, ::4, ::4].astype('float32') * float(weights.read_text())\n"
    )
    monkeypatch.setattr(msd.features, "__path__", [*msd.features.__path__, str(tmp_path / "package")])
    yield "corners"
    sys.modules.pop("msd.features.corners", None)


def _job(folder: Path, pictures: dict[str, bytes], *, module: str, factor: str = "1") -> Job:
    write_archive(folder / "pictures.zip", pictures)
    (folder / "weights").write_text(factor)
    return Job(
        "features",
        FeaturesParams(extractor="toy", module=module, size=8),
        {"pictures": str(folder / "pictures.zip"), "weights": str(folder / "weights")},
        {"regions": str(folder / "regions.npy"), "spec": str(folder / "spec.json")},
    )


def test_one_row_for_each_distinct_picture_in_sorted_order(tmp_path: Path, corners: str) -> None:
    count = BATCH + 3
    pictures = {f"{n:03d}.png": png(Image.new("RGB", (8, 8), (n, 0, 2 * n))) for n in reversed(range(count))}
    metrics = extract(_job(tmp_path, pictures, module=corners))
    regions = np.load(tmp_path / "regions.npy", mmap_mode="r")
    assert regions.dtype == np.float16
    assert regions.shape == (count, 4, 3)
    assert metrics == {"pictures": count, "regions": 4, "width": 3}
    np.testing.assert_array_equal(regions[:, 2], [[n, 0, 2 * n] for n in range(count)])
    spec = json.loads((tmp_path / "spec.json").read_text())
    assert spec["pictures"] == sorted(pictures)
    assert spec["grid"] == [2, 2]
    assert len(spec["weights_sha256"]) == 64


def test_pictures_of_another_size_are_resized(tmp_path: Path, corners: str) -> None:
    extract(_job(tmp_path, {"a.png": png(Image.new("RGB", (20, 12), (9, 8, 7)))}, module=corners))
    assert np.load(tmp_path / "regions.npy").reshape(-1, 3).tolist() == [[9, 8, 7]] * 4


def test_a_broken_picture_and_infinite_features_are_named(tmp_path: Path, corners: str) -> None:
    good = png(Image.new("RGB", (8, 8), "white"))
    with pytest.raises(UserError, match=r"the picture b\.png of .*pictures\.zip is broken"):
        extract(_job(tmp_path, {"a.png": good, "b.png": good[:40]}, module=corners))
    black = png(Image.new("RGB", (8, 8), "black"))
    with pytest.raises(UserError, match=r"features of the picture b\.png that are not finite in float16"):
        extract(_job(tmp_path, {"a.png": black, "b.png": good, "c.png": good}, module=corners, factor="1e9"))
    with pytest.raises(UserError, match=r"pictures\.zip holds no pictures"):
        extract(_job(tmp_path, {}, module=corners))


def test_an_unknown_extractor_gives_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'efficientnet_lite'"):
        find("efficientnet_light")
    assert find("efficientnet_lite").__module__ == "msd.features.efficientnet_lite"
