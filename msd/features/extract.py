"""Stage `features`: region features for each distinct picture of a prepared dataset.

An extractor is a module of this package, which `module` of config/encoders/<name>.yaml names. It has
`build(weights, size=…)`, which gives a network from pictures (N, size, size, 3) in bytes to features
(N, rows, columns, D), and `reading(weights, size=…)`, how a picture becomes such a square; `weights` are the encoder's
files. Where features are published, and their networks are not, it has `unpacked` and `boxes_of` in their place, as
msd/features/mmf_boxes.py.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pkgutil
import shutil
import threading
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict
from functools import lru_cache, partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from msd.data.raw_files import sha256
from msd.errors import UserError, nearest
from msd.features.reading import PictureReading
from msd.features.store import Features, GrowingFeatures
from msd.system.processor import chosen_device

if TYPE_CHECKING:
    from msd.config.contracts.data import FeaturesParams
    from msd.job import Job

BATCH = 32
OTHERS = ("extract", "reading", "store")
"""Modules of this package that are no extractors."""
Network = Callable[[Tensor], Tensor]
Read = Callable[[list[str]], Features]


def extract(job: Job[FeaturesParams]) -> dict[str, float]:
    """Write regions.npy (float16, (P, R, D), pictures in sorted name order) and spec.json.

    Memory holds some batches of pictures, whatever their number; a job that was killed goes on, to the same bytes.
    """
    params, archive = job.params, Path(job.inputs["pictures"])
    weights = [Path(path) for path in job.inputs["weights"]]
    names = sorted(_open(archive).namelist())
    if not names:
        raise UserError(f"{archive} holds no pictures; prepare the data set again")
    assert job.scratch is not None, "every job that is run has one"
    module, preprocessing = find(params.module), None
    read: Read
    if params.boxes is None:
        read = partial(features_of, archive=archive, weights=tuple(weights), params=params)
        preprocessing = asdict(module.reading(weights, size=params.size))
    else:
        file = module.unpacked(weights[0], Path(job.scratch), names)
        read = partial(module.boxes_of, file=file, params=params)
    features = GrowingFeatures(Path(job.scratch), len(names))
    left = [names[start : start + BATCH] for start in range(features.done, len(names), BATCH)]
    for batch in in_order(read, left, processes=params.processes):
        features.append(batch)
    spec = {
        "extractor": params.extractor,
        "weights_sha256": digest(weights),
        "preprocessing": preprocessing,
        "grid": features.grid,
        **({} if params.boxes is None else {"boxes": features.boxes}),
        "pictures": names,
    }
    pictures, regions, width = np.load(features.path, mmap_mode="r").shape
    shutil.move(features.path, job.outputs["regions"])
    Path(job.outputs["spec"]).write_text(json.dumps(spec, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return {"pictures": float(pictures), "regions": float(regions), "width": float(width)}


def digest(weights: Sequence[Path]) -> str:
    """The sha256 of an encoder's file; of several, that of the list of their names and digests."""
    digests = {path.name: sha256(path) for path in weights}
    if len(digests) == 1:
        return next(iter(digests.values()))
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def find(module: str) -> ModuleType:
    """An extractor's module of this package; raises UserError with the nearest name for an unknown one."""
    import msd.features

    known = sorted(item.name for item in pkgutil.iter_modules(msd.features.__path__) if item.name not in OTHERS)
    if module not in known:
        raise UserError(f"there is no extractor module msd.features.{module}{nearest(module, known)}")
    return importlib.import_module(f"msd.features.{module}")


def features_of(names: list[str], *, archive: Path, weights: Sequence[Path], params: FeaturesParams) -> Features:
    """Features (B, rows·columns, D) float16 of the pictures `names`; raises UserError naming a faulty one."""
    extractor = _extractor(params.module, weights, params.size, params.device)
    pixels = read_pictures(archive, names, reading=extractor.reading)
    with torch.inference_mode():
        grids = extractor.network(torch.from_numpy(pixels).to(extractor.device)).cpu().numpy()
    with np.errstate(over="ignore"):  # the next line names it
        stored = grids.astype(np.float16)
    if not np.isfinite(stored).all():
        name = names[int(np.flatnonzero(~np.isfinite(stored).all(axis=(1, 2, 3)))[0])]
        what = f"features of the picture {name} that are not finite in float16"
        raise UserError(f"{params.extractor} gave {what}; check the picture and the weights {weights[0]}")
    _, rows, columns, width = stored.shape
    if width != params.dims:
        raise UserError(f"{params.extractor} gives features of {width} numbers; correct `dims` of its file")
    return Features(stored.reshape(len(names), rows * columns, width), [rows, columns], [])


def read_pictures(archive: Path, names: list[str], *, reading: PictureReading) -> np.ndarray:
    """(B, size, size, 3) bytes of the pictures `names`; raises UserError naming a broken one."""
    from msd.data.pictures import member, rgb

    pixels = np.empty((len(names), reading.size, reading.size, 3), np.uint8)
    for row, name in enumerate(names):
        pixels[row] = np.asarray(reading.square(rgb(member(_open(archive), name), name=f"{name} of {archive}")))
    return pixels


class Extractor(NamedTuple):
    """A network (N, H, W, 3) bytes -> (N, rows, columns, D), where it runs, and how its pictures are read."""

    network: Network
    device: torch.device
    reading: PictureReading


@lru_cache(1)
def _extractor(module: str, weights: tuple[Path, ...], size: int | None, device: str) -> Extractor:
    """An extractor, built once in each process."""
    code, chosen = find(module), chosen_device(device)
    network = code.build(weights, size=size)
    if isinstance(network, torch.nn.Module):
        network.to(chosen)
    return Extractor(network, chosen, code.reading(weights, size=size))


@lru_cache(1)
def _open(archive: Path) -> zipfile.ZipFile:
    """An archive, opened once in each process."""
    from msd.data.pictures import open_archive

    return open_archive(archive)


def in_order(read: Read, batches: Iterable[list[str]], *, processes: int) -> Iterator[Features]:
    """What `read` gives for each batch, in their order, from that many processes; two batches ahead in each."""
    if processes == 1:
        yield from map(read, batches)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
        waiting: deque[Future[Features]] = deque()
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
