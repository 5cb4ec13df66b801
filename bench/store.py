"""What training from a store of 50 GB needs of memory, and how fast rows are read from it against a bare read.

    make bench

The store is sparse, so that it needs no disk: pages come from the system at the speed of memory, beside which what the
package adds shows most. Students are trained by the package's own loop, KD and MSD, from a teacher's stored answers.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from msd.config.contracts.training import EngineParams, Schedule
from msd.data.rows import Rows, StoredRows, new_safetensors, npy_rows
from msd.distill.method import Setting, TeacherTargets, method_class
from msd.models.split import Split
from msd.models.views import VIEWS
from msd.models.visualbert import VisualBertClassifier
from msd.training.descent import train
from msd.training.determinism import single_thread
from msd.training.engine import Engine
from msd.training.history import History

SAMPLES, REGIONS, REGION_WIDTH, LABELS, TOKENS, VOCABULARY = 122_100, 100, 2048, 3129, 16, 30522
BATCH, STEPS, ROUNDS = 64, 20, 9
STUDENT = {"layers": 2, "width": 128, "heads": 2, "feed_forward": 128, "dropout": 0.0, "pool": "modality-means"}
METHODS = {
    "kd": {"lambda": 0.9, "temperature": 2},
    "msd": {"lambda": 0.9, "temperature": 2, "weighting": "instance", "strength": 1},
}


def new_store(folder: Path) -> tuple[StoredRows, dict[str, StoredRows]]:
    """Regions (N, R, D) and by view a teacher's logits (N, C), in half precision, all zero."""
    path = folder / "regions.npy"
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(SAMPLES, REGIONS, REGION_WIDTH))
    shapes = {view: (np.dtype("float16"), (SAMPLES, LABELS)) for view in VIEWS}
    return npy_rows(path), new_safetensors(folder / "outputs.safetensors", shapes, {})


def rate(regions: StoredRows, batches: list[torch.Tensor], *, bare: bool) -> float:
    """Bytes a second of reading batches of rows: by the package, or into memory that is there already."""
    size = regions.row_bytes
    with open(regions.path, "rb", buffering=0) as file:
        content = memoryview(bytearray(BATCH * size))
        start = time.perf_counter()
        for rows in batches:
            if bare:
                for place, row in enumerate(rows.tolist()):
                    os.preadv(file.fileno(), (content[place * size : (place + 1) * size],), regions.start + row * size)
            else:
                regions.read(rows)
        return len(batches) * len(content) / (time.perf_counter() - start)


def trained(method: str, regions: Rows, logits: dict[str, StoredRows]) -> float:
    """Seconds that a step of a student takes."""
    generator = torch.Generator().manual_seed(0)
    sizes = {"vocabulary": VOCABULARY, "labels": LABELS, "region_width": REGION_WIDTH, "positions": TOKENS}
    split = Split(
        tokens=torch.randint(5, VOCABULARY, (SAMPLES, TOKENS), generator=generator, dtype=torch.int32),
        lengths=torch.full((SAMPLES,), TOKENS),
        pictures=torch.randperm(SAMPLES, generator=generator),
        regions=regions,
        targets=torch.randint(0, LABELS, (SAMPLES,), generator=generator),
    )
    saliency = {modality: torch.rand(SAMPLES, generator=generator) for modality in ("image", "text")}
    teacher = TeacherTargets(logits=dict(logits), saliency=saliency)
    setting = Setting("store", 0, "multiclass", split, VisualBertClassifier({**STUDENT, **sizes}), teacher)
    schedule = {"epochs": 1, "batch_size": BATCH, "max_steps": STEPS, "learning_rate": 1e-3}
    schedule |= {"weight_decay": 0.01, "warmup": 0.1, "clip": 1.0}
    how = {"schedule": Schedule(**schedule), "history": History(), "engine": Engine(EngineParams(device="cpu"))}
    start = time.perf_counter()
    train(method_class(method)(METHODS[method], setting), name=method, validate=dict, **how)
    return (time.perf_counter() - start) / STEPS


def main() -> None:
    """Print both tables."""
    single_thread()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        regions, logits = new_store(Path(folder))
        order = iter(torch.randperm(SAMPLES, generator=torch.Generator().manual_seed(1)).split(BATCH))
        shares = []
        for _ in range(ROUNDS):  # rows that nobody has read before, for both
            bare, own = (rate(regions, [next(order) for _ in range(STEPS)], bare=bare) for bare in (True, False))
            shares.append(own / bare)
        size = Path(regions.path).stat().st_size / 1e9
        print(f"Reading rows of {regions.row_bytes / 1e3:.0f} kB in batches of {BATCH}, of a store of {size:.1f} GB:")
        print(f"{statistics.median(shares):.0%} of the rate of a bare read of the same bytes\n")
        print("| student on that store | s a step | largest resident memory so far, GiB |\n|---|---:|---:|")
        for method in METHODS:
            seconds = trained(method, regions, logits)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(f"| {method} | {seconds:.2f} | {memory:.2f} |")


if __name__ == "__main__":
    main()
