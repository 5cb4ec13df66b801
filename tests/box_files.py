"""Boxes in the formats in which MMF publishes them, of random numbers."""

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

WIDTH = 6
Records = dict[str, dict[str, Any]]


def record(key: str, boxes: int, *, width: int = WIDTH) -> dict[str, Any]:
    """What MMF's conversion stores of a picture."""
    rng = np.random.default_rng(sum(key.encode()) + boxes)
    features = rng.random((boxes, width)).astype(np.float32)
    return {
        "feature_path": key,
        "features": features,
        "image_height": 600,
        "image_width": np.int64(800),
        "num_boxes": 3,
        "objects": rng.integers(0, 9, boxes),
        "cls_prob": rng.random((boxes, 5)).astype(np.float32),
        "bbox": rng.random((boxes, 4)).astype(np.float32),
    }


def lmdb_file(folder: Path, records: Records, *, protocol: int = 4) -> Path:
    """data.mdb as MMF's conversion writes it, the pickled list of keys included."""
    base = lmdb.open(str(folder / "detectron.lmdb"), map_size=2**28, sync=False)
    with base.begin(write=True) as transaction:
        for key, content in records.items():
            transaction.put(key.encode(), pickle.dumps(content, protocol=protocol))
        transaction.put(b"keys", pickle.dumps([key.encode() for key in records]))
    base.close()
    return folder / "detectron.lmdb/data.mdb"


def npy(content: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, content, allow_pickle=True)
    return buffer.getvalue()


def npy_files(records: Records) -> dict[str, bytes]:
    """<key>.npy with the features, <key>_info.npy with the rest, as MMF's extraction writes them."""
    files = {}
    for key, content in records.items():
        files[f"features/{key}.npy"] = npy(content["features"])
        info = {name: value for name, value in content.items() if name != "features"}
        files[f"features/{key}_info.npy"] = npy(info)
    return files


def tar_file(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path
