"""Reader of VGGSound: which event does a video of ten seconds show and sound like? Audio and video.

Chen, Xie, Vedaldi, Zisserman, ICASSP 2020; the list is CC BY 4.0, videos belong to their owners. Read are
vggsound.csv (YouTube id, start in seconds, label, train or test; no header) and, in the released code's layout,
{train,test}/video_jpg/ID_START.jpg (the frames of a clip below each other, each as high as wide) beside
{train,test}/audio_npy/ID_START.npy (1 × T, 16 kHz) or {train,test}/audio/ID_START.wav; START has six digits, as in the
published lists. Clips of which neither file is there are left out: many videos are gone. A file classes.txt, one label
a line, chooses classes; without it every label of the list is one.
"""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from msd.data.randomness import hashed_order
from msd.errors import UserError
from msd.mfh.crossmodal_data import Samples
from msd.mfh.datasets.files import array, fitted, gathered, names, normalised, picture, recording
from msd.mfh.sound import power

RATE, SECONDS, WINDOW, HOP = 16_000, 10, 1024, 512
LIST, CLASSES = "vggsound.csv", "classes.txt"


class Clip(NamedTuple):
    """A line of the list."""

    label: str
    split: str


def read_vggsound(
    folder: str | Path, *, frames: int = 32, size: int = 256, validation: float = 0.1
) -> dict[str, Samples]:
    """The splits train, val (a share of the training videos) and test.

    audio (N, 1, 513, 313): magnitudes of the short-time Fourier transform of the wave over 1.1 times its peak.
    video (N, frames, 3, size, size), frames evenly spaced. Both are float16, to save memory. label (N,): the number of
    a class in `classes`.

    Raises:
        UserError: a file is missing, broken, without partner or not in the list, a label is unknown, a split is empty.
    """
    folder = Path(folder)
    known, numbers = _listed(folder), {label: number for number, label in enumerate(classes(folder))}
    found = {part: _present(folder / part, part, known) for part in ("train", "test")}
    found = {part: [name for name in there if known[name].label in numbers] for part, there in found.items()}
    order = hashed_order(found["train"], "vggsound", "validation")
    held = set(order[: round(validation * len(order))])
    parts = {
        "train": [name for name in found["train"] if name not in held],
        "val": [name for name in found["train"] if name in held],
        "test": found["test"],
    }
    for split, there in parts.items():
        if not there:
            raise UserError(f"{folder}: no clip of {LIST} is left for {split}; give more clips or another share")
    splits = {}
    for split, there in parts.items():
        source = folder / ("test" if split == "test" else "train")
        inputs = {
            "audio": gathered(there, partial(_spectrogram, source)),
            "video": gathered(there, partial(_frames, source, frames, size)),
        }
        splits[split] = Samples(inputs, torch.tensor([numbers[known[name].label] for name in there]))
    return splits


def classes(folder: str | Path) -> list[str]:
    """The labels, in the order of their numbers: of classes.txt, or all of the list, sorted."""
    folder = Path(folder)
    labels = sorted({clip.label for clip in _listed(folder).values()})
    path = folder / CLASSES
    if not path.is_file():
        return labels
    chosen = [line for line in map(str.strip, path.read_text(encoding="utf-8").splitlines()) if line]
    unknown = [label for label in chosen if label not in labels]
    if unknown or len(set(chosen)) < len(chosen) or not chosen:
        raise UserError(f"{path}: give labels of {LIST}, each once; unknown: {names(unknown) or 'none'}")
    return chosen


def _listed(folder: Path) -> dict[str, Clip]:
    """Name of a clip, ID_START -> its label and split."""
    path = folder / LIST
    if not path.is_file():
        raise UserError(f"there is no list {path}; take {LIST} from the page of VGGSound")
    found = {}
    with open(path, encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.reader(file), start=1):
            if len(row) != 4 or not row[1].isdecimal() or not row[2] or row[3] not in ("train", "test"):
                raise UserError(f"{path}:{line}: expected an id, a start in seconds, a label, train or test; got {row}")
            found[f"{row[0]}_{int(row[1]):06d}"] = Clip(row[2], row[3])
    return found


def _present(folder: Path, part: str, known: dict[str, Clip]) -> list[str]:
    """Names of the clips in a folder, sorted; each must be in the list for that part and have both files."""
    video = {path.stem for path in (folder / "video_jpg").glob("*.jpg")}
    audio = {path.stem for kind in ("audio_npy/*.npy", "audio/*.wav") for path in folder.glob(kind)}
    strange = sorted(name for name in video | audio if name not in known or known[name].split != part)
    if strange:
        raise UserError(f"{folder}: not clips ID_START of {LIST} for {part}: {names(strange)}")
    alone = sorted(video ^ audio)
    if alone:
        raise UserError(f"{folder}: a clip needs video_jpg and audio_npy or audio; without partner: {names(alone)}")
    return sorted(video)


def _spectrogram(folder: Path, name: str) -> Tensor:
    path = folder / "audio_npy" / f"{name}.npy"
    wave = array(path, (1, None))[0] if path.is_file() else recording(folder / "audio" / f"{name}.wav", RATE)
    peak = wave.abs().max()
    loud = fitted(wave, RATE * SECONDS) / (1.1 * peak if peak > 0 else 1)  # a muted clip stays silent
    return power(loud, window=WINDOW, hop=HOP).sqrt().unsqueeze(0).half()


def _frames(folder: Path, count: int, size: int, name: str) -> Tensor:
    path = folder / "video_jpg" / f"{name}.jpg"
    stack = picture(path)
    _, height, width = stack.shape
    there = height // width
    if height % width or there < count:
        raise UserError(f"{path}: expected at least {count} square frames below each other, got {width} × {height}")
    every = stack.reshape(3, there, width, width).transpose(0, 1)
    chosen = every[np.linspace(0, there - 1, count).round().astype(int)].float()
    resized = torch.nn.functional.interpolate(chosen, (size, size), mode="bilinear", antialias=True)
    return normalised(resized)
