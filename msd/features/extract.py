"""Stage `features`: a grid of region features for each distinct picture of a prepared dataset.

An extractor is a module of this package with `build(weights)`, which gives a network from pictures (N, H, W, 3) in
bytes to features (N, rows, columns, D); `module` of config/encoders/<name>.yaml names it.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import shutil
import threading
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import lru_cache, partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from msd.data.raw_files import sha256
from msd.errors import UserError, nearest
from msd.features.store import GrowingFeatures

if TYPE_CHECKING:
    from msd.config.contracts.data import FeaturesParams
    from msd.job import Job

BATCH = 32
Extractor = Callable[[Tensor], Tensor]


def extract(job: Job[FeaturesParams]) -> dict[str, float]:
    """Write regions.npy (float16, (P, R, D), pictures in sorted name order) and spec.json.

    Memory holds some batches of pictures, whatever their number; a job that was killed goes on, to the same bytes.
    """
    params, archive, weights = job.params, Path(job.inputs["pictures"]), Path(job.inputs["weights"])
    names = sorted(_open(archive).namelist())
    if not names:
        raise UserError(f"{archive} holds no pictures; prepare the data set again")
    assert job.scratch is not None, "every job that is run has one"
    features = GrowingFeatures(Path(job.scratch), len(names))
    left = [names[start : start + BATCH] for start in range(features.done, len(names), BATCH)]
    read = partial(features_of, archive=archive, weights=weights, params=params)
    for grids in in_order(read, left, processes=params.processes):
        features.append(grids)
    spec = {
        "extractor": params.extractor,
        "weights_sha256": sha256(weights),
        "preprocessing": {"size": params.size, "resize": "bicubic, antialiased", "aspect": "stretched to a square"},
        "grid": features.grid,
        "pictures": names,
    }
    pictures, regions, width = np.load(features.path, mmap_mode="r").shape
    shutil.move(features.path, job.outputs["regions"])
    Path(job.outputs["spec"]).write_text(json.dumps(spec, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return {"pictures": float(pictures), "regions": float(regions), "width": float(width)}


def find(module: str) -> Callable[[Path], Extractor]:
    """The `build` function of a module of this package; raises UserError with the nearest name for an unknown one."""
    import msd.features

    others = ("extract", "store")
    known = sorted(item.name for item in pkgutil.iter_modules(msd.features.__path__) if item.name not in others)
    if module not in known:
        raise UserError(f"there is no extractor module msd.features.{module}{nearest(module, known)}")
    build: Callable[[Path], Extractor] = importlib.import_module(f"msd.features.{module}").build
    return build


def features_of(names: list[str], *, archive: Path, weights: Path, params: FeaturesParams) -> np.ndarray:
    """Features (B, rows, columns, D) float16 of the pictures `names`; raises UserError naming a faulty one."""
    pixels = torch.from_numpy(read_pictures(archive, names, size=params.size))
    with torch.inference_mode():
        grids = _extractor(params.module, weights)(pixels).numpy()
    with np.errstate(over="ignore"):  # the next line names it
        stored = grids.astype(np.float16)
    if not np.isfinite(stored).all():
        name = names[int(np.flatnonzero(~np.isfinite(stored).all(axis=(1, 2, 3)))[0])]
        what = f"features of the picture {name} that are not finite in float16"
        raise UserError(f"{params.extractor} gave {what}; check the picture and the weights {weights}")
    return stored


def read_pictures(archive: Path, names: list[str], *, size: int) -> np.ndarray:
    """(B, size, size, 3) bytes of the pictures `names`; raises UserError naming a broken one."""
    from PIL import Image

    from msd.data.pictures import member, rgb

    pixels = np.empty((len(names), size, size, 3), np.uint8)
    for row, name in enumerate(names):
        picture = rgb(member(_open(archive), name), name=f"{name} of {archive}")
        if picture.size != (size, size):
            picture = picture.resize((size, size), Image.Resampling.BICUBIC)
        pixels[row] = np.asarray(picture)
    return pixels


@lru_cache(1)
def _extractor(module: str, weights: Path) -> Extractor:
    """An extractor, built once in each process."""
    return find(module)(weights)


@lru_cache(1)
def _open(archive: Path) -> zipfile.ZipFile:
    """An archive, opened once in each process."""
    from msd.data.pictures import open_archive

    return open_archive(archive)


def in_order(
    read: Callable[[list[str]], np.ndarray], batches: Iterable[list[str]], *, processes: int
) -> Iterator[np.ndarray]:
    """What `read` gives for each batch, in their order, from that many processes; two batches ahead in each."""
    if processes == 1:
        yield from map(read, batches)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
        waiting: deque[Future[np.ndarray]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(read, batch))
                if len(waiting) > 2 * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Let this process end where the one that it works for is killed: it would wait for work for ever."""
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
