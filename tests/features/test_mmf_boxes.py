"""Boxes in the layout in which MMF publishes them, as features of a data set's pictures."""

import json
import os
import pickle
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest
from box_files import WIDTH, lmdb_file, npy, npy_files, record, tar_file

from msd.config.contracts.data import FeaturesParams
from msd.data.pictures import write_archive
from msd.data.rows import all_of
from msd.errors import UserError
from msd.features import mmf_boxes
from msd.features import store as stored
from msd.features.extract import BATCH, _open, extract
from msd.features.mmf_boxes import keys_of
from msd.job import Job
from msd.models.split import load_regions

BOXES = 4


def job_of(folder: Path, pictures: list[str], file: Path, **changes: Any) -> Job:
    _open.cache_clear()
    mmf_boxes._members.cache_clear()
    write_archive(folder / "pictures.zip", dict.fromkeys(pictures, b""))
    values = {"extractor": "boxes", "module": "mmf_boxes", "boxes": BOXES, "dims": WIDTH} | changes
    return Job(
        "features",
        FeaturesParams(**values),
        {"pictures": str(folder / "pictures.zip"), "weights": [str(file)]},
        {"regions": str(folder / "regions.npy"), "spec": str(folder / "spec.json")},
        scratch=str(folder / "scratch"),
    )


PICTURES = ["COCO_val2014_000000000042.png", "img/01235.png", "img/53490.png"]
RECORDS = {key: record(key, boxes) for key, boxes in (("42", 4), ("1235", 1), ("53490", 7))}


def as_lmdb(folder: Path) -> Path:
    return lmdb_file(folder, RECORDS)


def as_lmdb_of_protocol_2(folder: Path) -> Path:
    return lmdb_file(folder, RECORDS, protocol=2)


def as_tar_of_lmdb(folder: Path) -> Path:
    files = {"detectron.lmdb/lock.mdb": b"x", "detectron.lmdb/data.mdb": as_lmdb(folder).read_bytes()}
    return tar_file(folder / "features.tar.gz", files)


def as_zip_of_lmdb(folder: Path) -> Path:
    write_archive(folder / "features.zip", {"a/data.mdb": as_lmdb(folder).read_bytes()})
    return folder / "features.zip"


def as_tar_of_npy(folder: Path) -> Path:
    return tar_file(folder / "features.tar.gz", npy_files(RECORDS | {"7": record("7", 2)}))


def as_zip_of_npy(folder: Path) -> Path:
    write_archive(folder / "features.zip", npy_files(RECORDS))
    return folder / "features.zip"


def as_npy_of_records(folder: Path) -> Path:
    write_archive(folder / "features.zip", {f"{key}.npy": npy(content) for key, content in RECORDS.items()})
    return folder / "features.zip"


FORMS = [
    as_lmdb,
    as_lmdb_of_protocol_2,
    as_tar_of_lmdb,
    as_zip_of_lmdb,
    as_tar_of_npy,
    as_zip_of_npy,
    as_npy_of_records,
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_form_gives_each_picture_its_boxes_and_zeros_behind_them(
    tmp_path: Path, form: Callable[[Path], Path]
) -> None:
    extract(job_of(tmp_path, PICTURES, form(tmp_path)))
    regions, spec = np.load(tmp_path / "regions.npy"), json.loads((tmp_path / "spec.json").read_text())
    expected = np.zeros((3, BOXES, WIDTH), np.float16)
    for row, key in enumerate(RECORDS):
        own = RECORDS[key]["features"][:BOXES]
        expected[row, : len(own)] = own
    np.testing.assert_array_equal(regions, expected)
    assert (spec["pictures"], spec["boxes"], spec["grid"], spec["preprocessing"]) == (PICTURES, [4, 1, 4], None, None)
    first = load_regions(tmp_path / "regions.npy", side=1, boxes=True)
    np.testing.assert_array_equal(all_of(first).numpy(), expected[:, :1].astype(np.float32))
    with pytest.raises(UserError, match="4 boxes are fewer than 3²"):
        load_regions(tmp_path / "regions.npy", side=3, boxes=True)


def test_a_picture_is_found_by_its_name_before_its_number(tmp_path: Path) -> None:
    assert keys_of("img/01235.png") == ["01235", "1235", "img/01235"]
    assert keys_of("COCO_val2014_000000000042.png") == ["COCO_val2014_000000000042", "42"]
    assert keys_of("a/b.c.png") == ["b.c", "a/b.c"]
    both = {"1235": record("1235", 1), "01235": record("01235", 2)}
    extract(job_of(tmp_path, ["img/01235.png"], lmdb_file(tmp_path, both)))
    assert json.loads((tmp_path / "spec.json").read_text())["boxes"] == [2]


def test_pictures_without_boxes_are_named_before_anything_is_read(tmp_path: Path) -> None:
    broken = {"a": {"features": "none"}}
    with pytest.raises(
        UserError, match=r"data\.mdb has no boxes of the picture 'c_5\.png', .* c_5 and 5 \(2 of 3 miss"
    ):
        extract(job_of(tmp_path, ["a.png", "c_5.png", "d.png"], lmdb_file(tmp_path, broken)))
    assert not (tmp_path / "scratch/regions.npy").exists()


class Harmful:
    def __reduce__(self) -> Any:
        return os.system, ("touch touched",)


INFINITE = np.full((1, WIDTH), 1e6, np.float32)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"features": Harmful()}, r"the record of the picture a\.png in \S+ names posix\.system, which is no array"),
        (Harmful(), r"names posix\.system"),
        ({"features": np.array([Harmful()], object)}, r"names posix\.system"),
        ({"bbox": INFINITE}, "holds no features, an array of n boxes by 6 numbers"),
        ({"features": [1, 2]}, "holds no features"),
        ({"features": np.zeros((2, 5), np.float32)}, r"features of the shape \(2, 5\), expected boxes of 6 numbers"),
        ({"features": np.zeros((0, 6), np.float32)}, r"features of the shape \(0, 6\)"),
        ({"features": INFINITE}, "not finite in float16"),
        ({"features": np.zeros((2, 6), np.int64)}, "holds no features"),
        (b"cut", "holds no features"),
    ],
)
@pytest.mark.parametrize("form", ["lmdb", "npy"])
def test_a_harmful_or_faulty_record_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, content: Any, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if form == "lmdb":
        file = lmdb_file(tmp_path, {"a": content})
    else:
        file = tmp_path / "features.zip"
        write_archive(file, {"a.npy": npy(np.array(content, object) if isinstance(content, dict) else [content, None])})
    with pytest.raises(
        UserError, match=sentence if form == "lmdb" or isinstance(content, dict) else "names|no features"
    ):
        extract(job_of(tmp_path, ["a.png"], file))
    assert not Path("touched").exists()


@pytest.mark.parametrize("keys", [None, pickle.dumps({}), pickle.dumps(["a"]), b"cut"])
def test_a_file_without_the_list_of_its_keys_is_refused(tmp_path: Path, keys: bytes | None) -> None:
    file = lmdb_file(tmp_path, {"a": record("a", 1)})
    with lmdb.open(str(file.parent), map_size=2**28) as base, base.begin(write=True) as transaction:
        transaction.delete(b"keys") if keys is None else transaction.put(b"keys", keys)
    with pytest.raises(UserError, match=r"the list of the keys of \S+data\.mdb"):
        extract(job_of(tmp_path, ["a.png"], file))


@pytest.mark.parametrize("damage", ["cut", "no LMDB", "cut tar", "no archive", "html"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    if damage in ("cut", "no LMDB"):
        file = as_lmdb(tmp_path)
        file.write_bytes(file.read_bytes()[:-4096] if damage == "cut" else b"no LMDB" * 3000)
    else:
        file = as_tar_of_npy(tmp_path)
        content = {"cut tar": file.read_bytes()[:-300], "no archive": b"", "html": b"<html>" * 500}[damage]
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"is no LMDB file \((it is cut short|damaged)|is no tar archive, no zip"):
        extract(job_of(tmp_path, PICTURES, file))


@pytest.mark.parametrize("form", [as_lmdb, as_tar_of_npy], ids=["lmdb", "npy"])
@pytest.mark.parametrize("place", [1, 3])
def test_a_killed_job_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Callable[[Path], Path], place: int
) -> None:
    names = [f"{n}.png" for n in range(int(3.5 * BATCH))]
    monkeypatch.setitem(globals(), "RECORDS", {name[:-4]: record(name, n % 6 + 1) for n, name in enumerate(names)})
    job = job_of(tmp_path, names, form(tmp_path))
    extract(replace(job, scratch=f"{job.scratch}-whole"))
    expected = [Path(path).read_bytes() for path in job.outputs.values()]
    monkeypatch.setattr(stored, "SAVED", 2 * BATCH)
    child = os.fork()
    if child == 0:
        append = stored.GrowingFeatures.append

        def killed(self: stored.GrowingFeatures, features: stored.Features) -> None:
            append(self, features)
            if self.done >= place * BATCH:
                os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(stored.GrowingFeatures, "append", killed)
        extract(job)
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    extract(job)
    assert [Path(path).read_bytes() for path in job.outputs.values()] == expected


def test_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    """600 pictures, of 98 MB here and 49 MB in the store, take little more than a hundred of them."""
    peaks = [peak_of(tmp_path / str(count), count) for count in (100, 600)]
    assert peaks[1] - peaks[0] < 20e6


def peak_of(folder: Path, count: int) -> float:
    """Most bytes that a new process has, with those of the file that it reads, while it takes boxes over."""
    folder.mkdir()
    names = [f"{n}.png" for n in range(count)]
    content = pickle.dumps(record("1", 20, width=2048))
    base = lmdb.open(str(folder / "boxes"), map_size=2**30, sync=False)
    with base.begin(write=True) as transaction:
        for name in names:
            transaction.put(name[:-4].encode(), content)
        transaction.put(b"keys", pickle.dumps([name[:-4].encode() for name in names]))
    base.close()
    job = job_of(folder, names, folder / "boxes/data.mdb", boxes=20, dims=2048)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:  # has nothing of other tests in memory
        peak = fresh.submit(peak_after, job).result()
    assert np.load(folder / "regions.npy", mmap_mode="r").shape == (count, 20, 2048)
    return peak


def peak_after(job: Job) -> float:
    """Take boxes over; most bytes that this process had."""
    extract(job)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * float(peak.split()[1])
