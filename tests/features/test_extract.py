"""The features stage with an extractor that is arithmetic, and its errors."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from msd.config.contracts.data import FeaturesParams
from msd.data.pictures import png, write_archive
from msd.errors import UserError
from msd.features import extract as stage
from msd.features import store
from msd.features.efficientnet_lite import EfficientNetLite
from msd.features.extract import BATCH, _extractor, _open, extract, features_of, find
from msd.job import Job


@pytest.fixture
def corners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An extractor module of few lines, found like any other: every fourth pixel, times the weights."""
    import msd.features

    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "corners.py").write_text(
        "from msd.features.efficientnet_lite import reading\n"
        "def build(weights, *, size):\n"
        "    return lambda pixels: pixels[:, ::4, ::4].float() * float(weights[0].read_text())\n"
    )
    monkeypatch.setattr(msd.features, "__path__", [*msd.features.__path__, str(tmp_path / "package")])
    yield "corners"
    sys.modules.pop("msd.features.corners", None)


def _job(folder: Path, pictures: dict[str, bytes], *, module: str, factor: str = "1", processes: int = 1) -> Job:
    _open.cache_clear()  # a process runs one job, and keeps what it has opened
    _extractor.cache_clear()
    write_archive(folder / "pictures.zip", pictures)
    (folder / "weights").write_text(factor)
    return Job(
        "features",
        FeaturesParams(extractor="toy", module=module, size=8, dims=3, device="cpu", processes=processes),
        {"pictures": str(folder / "pictures.zip"), "weights": [str(folder / "weights")]},
        {"regions": str(folder / "regions.npy"), "spec": str(folder / "spec.json")},
        scratch=str(folder / "scratch" / factor),
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
    assert find("efficientnet_lite").__name__ == "msd.features.efficientnet_lite"


def test_features_of_another_width_than_the_encoders_file_says_are_refused(tmp_path: Path, corners: str) -> None:
    job = _job(tmp_path, {"a.png": png(Image.new("RGB", (8, 8)))}, module=corners)
    with pytest.raises(UserError, match="toy gives features of 3 numbers; correct `dims`"):
        extract(replace(job, params=job.params.model_copy(update={"dims": 4})))


@pytest.fixture
def many(tmp_path: Path) -> Job:
    """A job of five batches and a half for a real network, whose weights are random."""
    random = np.random.default_rng(0)
    sides = random.integers(5, 12, (int(5.5 * BATCH), 2))
    pixels = [random.integers(0, 256, (*side, 3), dtype=np.uint8) for side in sides]
    pictures = {f"{number:03d}.png": png(Image.fromarray(each)) for number, each in enumerate(pixels)}
    job = _job(tmp_path, pictures, module="efficientnet_lite")
    torch.manual_seed(0)
    torch.save(EfficientNetLite().state_dict(), tmp_path / "weights.pth")
    params = job.params.model_copy(update={"size": 32, "dims": 1280})
    return replace(job, params=params, inputs={**job.inputs, "weights": [str(tmp_path / "weights.pth")]})


def _bytes(job: Job) -> bytes:
    return Path(job.outputs["regions"]).read_bytes() + Path(job.outputs["spec"]).read_bytes()


def test_processes_give_the_same_bytes_as_one_and_name_the_same_faults(many: Job, tmp_path: Path) -> None:
    extract(many)
    expected = _bytes(many)
    beside = replace(
        many, params=many.params.model_copy(update={"processes": 2}), scratch=str(tmp_path / "scratch" / "beside")
    )
    extract(beside)
    assert _bytes(beside) == expected
    _open.cache_clear()
    write_archive(tmp_path / "pictures.zip", {f"{number}.png": b"no picture" for number in range(3 * BATCH)})
    with pytest.raises(UserError, match=r"the picture 0\.png of .*pictures\.zip is broken"):
        extract(replace(beside, scratch=str(tmp_path / "scratch" / "broken")))


@pytest.mark.parametrize("place", [1, 2, 4, 5])
def test_a_killed_job_goes_on_to_the_same_bytes(many: Job, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    """Killed between the rows of a batch and the note of them, where a half-written one lies after the noted ones."""
    extract(replace(many, scratch=many.scratch + "-whole"))
    expected, done = _bytes(many), []
    monkeypatch.setattr(store, "SAVED", 2 * BATCH)
    child = os.fork()
    if child == 0:
        save = store.GrowingFeatures._save

        def killed(self: store.GrowingFeatures) -> None:
            if self.done >= place * BATCH:
                with open(self.path, "r+b") as file:
                    file.seek(-500, os.SEEK_END)
                    file.write(b"half a row")
                os.kill(os.getpid(), signal.SIGKILL)
            save(self)

        monkeypatch.setattr(store.GrowingFeatures, "_save", killed)
        extract(many)
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    monkeypatch.setattr(stage, "features_of", lambda names, **how: (done.extend(names), features_of(names, **how))[1])
    extract(many)
    assert _bytes(many) == expected
    assert len(done) == int(5.5 * BATCH) - (place - 1) // 2 * 2 * BATCH


def test_processes_end_with_a_killed_job(many: Job) -> None:
    job = replace(many, params=many.params.model_copy(update={"processes": 2}))
    child = os.fork()
    if child == 0:
        stage.GrowingFeatures.append = lambda *_: time.sleep(60)  # type: ignore[method-assign]
        extract(job)
        os._exit(1)
    workers: list[psutil.Process] = []
    deadline = time.monotonic() + 60
    while len(workers) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
        workers = [one for one in psutil.Process(child).children() if "spawn_main" in " ".join(one.cmdline())]
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(workers) == 2
    assert psutil.wait_procs(workers, timeout=30)[1] == []
