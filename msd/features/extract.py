"""Stage `features`: a grid of region features for each distinct picture of a prepared dataset.

An extractor is a module of this package with `build(weights)`, which gives a function from pictures
(N, H, W, 3) in bytes to features (N, rows, columns, D); `module` of config/encoders/<name>.yaml names it.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from msd.data.raw_files import sha256
from msd.errors import UserError, nearest

if TYPE_CHECKING:
    from msd.config.contracts.data import FeaturesParams
    from msd.job import Job

BATCH = 32


def extract(job: Job[FeaturesParams]) -> dict[str, float]:
    """Write regions.npy (float16, (P, R, D), pictures in sorted name order) and spec.json."""
    extractor, size = job.params.extractor, job.params.size
    weights = Path(job.inputs["weights"])
    names, pixels = read_pictures(Path(job.inputs["pictures"]), size=size)
    run = find(job.params.module)(weights)
    grids = [run(pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)]
    with np.errstate(over="ignore"):  # the next line names it
        grid = np.concatenate([part.astype(np.float16) for part in grids])
    if not np.isfinite(grid).all():
        name = names[int(np.flatnonzero(~np.isfinite(grid).all(axis=(1, 2, 3)))[0])]
        what = f"features of the picture {name} that are not finite in float16"
        raise UserError(f"{extractor} gave {what}; check the picture and the weights {weights}")
    pictures, rows, columns, width = grid.shape
    np.save(job.outputs["regions"], grid.reshape(pictures, rows * columns, width))
    spec = {
        "extractor": extractor,
        "weights_sha256": sha256(weights),
        "preprocessing": {"size": size, "resize": "bicubic, antialiased", "aspect": "stretched to a square"},
        "grid": [rows, columns],
        "pictures": names,
    }
    Path(job.outputs["spec"]).write_text(json.dumps(spec, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return {"pictures": float(pictures), "regions": float(rows * columns), "width": float(width)}


def find(module: str) -> Callable[[Path], Callable[[np.ndarray], np.ndarray]]:
    """The `build` function of a module of this package; raises UserError with the nearest name for an unknown one."""
    import msd.features

    known = sorted(item.name for item in pkgutil.iter_modules(msd.features.__path__) if item.name != "extract")
    if module not in known:
        raise UserError(f"there is no extractor module msd.features.{module}{nearest(module, known)}")
    build: Callable[[Path], Callable[[np.ndarray], np.ndarray]] = importlib.import_module(
        f"msd.features.{module}"
    ).build
    return build


def read_pictures(archive: Path, *, size: int) -> tuple[list[str], np.ndarray]:
    """Names in sorted order and (P, size, size, 3) bytes; raises UserError naming a broken picture."""
    from PIL import Image

    from msd.data.pictures import member, open_archive, rgb

    with open_archive(archive) as pictures:
        names = sorted(pictures.namelist())
        if not names:
            raise UserError(f"{archive} holds no pictures; prepare the data set again")
        pixels = np.empty((len(names), size, size, 3), np.uint8)
        for row, name in enumerate(names):
            picture = rgb(member(pictures, name), name=f"{name} of {archive}")
            if picture.size != (size, size):
                picture = picture.resize((size, size), Image.Resampling.BICUBIC)
            pixels[row] = np.asarray(picture)
    return names, pixels
