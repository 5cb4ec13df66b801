"""Reader of VGGSound: which event does a video of ten seconds show and sound like? Audio and video.

Chen, Xie, Vedaldi, Zisserman, ICASSP 2020; the list is CC BY 4.0, videos belong to their owners. Read is vggsound.csv
(YouTube id, start in seconds, label, train or test; no header), and beside it one of two layouts:

- clips ID_START.mp4 below any folder, as mirrors have them; the list says the split. The frames are spread evenly over
  the clip, or its first ten seconds, and cut to the square in their middle, which is our choice. Sound is taken out at
  16 kHz; a clip without sound is silent, as a muted one.
- the released code's, if there is a folder train/video_jpg: {train,test}/video_jpg/ID_START.jpg (the frames of a clip
  below each other, each as high as wide) beside {train,test}/audio_npy/ID_START.npy (1 × T, 16 kHz) or
  {train,test}/audio/ID_START.wav.

START has six digits, as in the published lists. Clips of the list that are not there are left out: many videos are
gone. Those of still pictures or of less than ten seconds stay in, the latter with silence at their end. A file
classes.txt, one label a line, chooses classes; without it every label of the list is one.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from pydantic import Field
from torch import Tensor

from msd.config.strict import Count
from msd.data.randomness import hashed_order
from msd.data.sound import power
from msd.errors import UserError
from msd.mfh.crossmodal.files import array, fitted, gathered, names, normalised, picture, pixels, recorded
from msd.mfh.crossmodal.reader import DataReader, Share
from msd.mfh.crossmodal.samples import Samples
from msd.mfh.crossmodal.video import length, pictures, sound
from msd.text_file import read_rows, read_text

RATE, SECONDS, WINDOW, HOP = 16_000, 10, 1024, 512
LIST, CLASSES = "vggsound.csv", "classes.txt"


class Clip(NamedTuple):
    """A line of the list."""

    label: str
    split: str


class VggSound(DataReader):
    """VGGSound."""

    modalities = ("audio", "video")
    metric = "accuracy"
    reader: Literal["vggsound"] = "vggsound"
    frames: Count = Field(32, description="frames of a clip, evenly spaced")
    size: Count = Field(256, description="pixels of a frame's side")
    validation: Share = Field(0.1, description="share of the training clips that validates")

    def read(self, folder: Path) -> dict[str, Samples]:
        """The splits train, val (a share of the training videos) and test.

        audio (N, 1, 513, 313): magnitudes of the short-time Fourier transform of the wave over 1.1 times its peak.
        video (N, frames, 3, size, size), frames evenly spaced. Both are float16, to save memory. label (N,): the
        number of a class in `labels`.

        Raises:
            UserError: a file is missing, broken, without partner or not in the list, a label is unknown, a split is
                empty.
        """
        known, numbers = _listed(folder), {label: number for number, label in enumerate(labels(folder))}
        clips = _clips(folder, known, numbers)
        splits = {}
        for split, chosen in _parts(folder, known, list(clips), validation=self.validation).items():
            paths = [clips[name] for name in chosen]
            video = gathered(paths, partial(_frames, self.frames, self.size))
            inputs = {"audio": gathered(paths, _spectrogram), "video": video}
            splits[split] = Samples(inputs, torch.tensor([numbers[known[name].label] for name in chosen]))
        return splits

    def classes(self, folder: Path) -> int:
        """The chosen labels."""
        return len(labels(folder))


def _clips(folder: Path, known: dict[str, Clip], numbers: dict[str, int]) -> dict[str, Path]:
    """Name of a clip whose label is chosen -> its file; each can be read."""
    there = _stacks(folder, known) if (folder / "train" / "video_jpg").is_dir() else _videos(folder, known)
    there = {name: path for name, path in there.items() if known[name].label in numbers}
    _check(folder, [path for path in there.values() if path.suffix == ".mp4"])
    return there


def _parts(folder: Path, known: dict[str, Clip], clips: list[str], *, validation: float) -> dict[str, list[str]]:
    """Split -> its clips, validation being a share of the training ones; none is empty."""
    training = [name for name in clips if known[name].split == "train"]
    order = hashed_order(training, "vggsound", "validation")
    held = set(order[: round(validation * len(order))])
    parts = {
        "train": [name for name in training if name not in held],
        "val": [name for name in training if name in held],
        "test": [name for name in clips if known[name].split == "test"],
    }
    for split, chosen in parts.items():
        if not chosen:
            raise UserError(f"{folder}: no clip of {LIST} is left for {split}; give more clips or another share")
    return parts


def labels(folder: Path) -> list[str]:
    """The labels, in the order of their numbers: of classes.txt, or all of the list, sorted."""
    every = sorted({clip.label for clip in _listed(folder).values()})
    path = folder / CLASSES
    if not path.is_file():
        return every
    chosen = [line for line in map(str.strip, read_text(path).splitlines()) if line]
    unknown = [label for label in chosen if label not in every]
    if unknown or len(set(chosen)) < len(chosen) or not chosen:
        raise UserError(f"{path}: give labels of {LIST}, each once; unknown: {names(unknown) or 'none'}")
    return chosen


def _listed(folder: Path) -> dict[str, Clip]:
    """Name of a clip, ID_START -> its label and split."""
    path = folder / LIST
    if not path.is_file():
        raise UserError(f"there is no list {path}; take {LIST} from the page of VGGSound")
    found: dict[str, Clip] = {}
    for line, row in read_rows(path, columns=4):
        if len(row) != 4 or not row[1].isdecimal() or not row[2] or row[3] not in ("train", "test"):
            raise UserError(f"{path}:{line}: expected an id, a start in seconds, a label, train or test; got {row}")
        clip = Clip(row[2], row[3])
        if found.setdefault(f"{row[0]}_{int(row[1]):06d}", clip) != clip:
            raise UserError(f"{path}:{line}: the clip {row[0]} at {row[1]} s stands there twice, in two ways")
    return found


def _videos(folder: Path, known: dict[str, Clip]) -> dict[str, Path]:
    """Name of a clip -> its mp4 below a folder, sorted; each must be in the list."""
    found = {path.stem: path for path in sorted(folder.rglob("*.mp4"), key=lambda path: (path.stem, path))}
    strange = [name for name in found if name not in known]
    if strange:
        raise UserError(f"{folder}: not clips ID_START.mp4 of {LIST}: {names(strange)}")
    return found


def _check(folder: Path, videos: list[Path]) -> None:
    """Open every video before the first is decoded; UserError naming all that cannot be read."""
    broken = []
    for path in videos:
        try:
            length(path)
        except UserError:
            broken.append(path.name)
    if broken:
        raise UserError(f"{folder}: fetch again or delete the clips that cannot be read: {names(broken, shown=100)}")


def _stacks(folder: Path, known: dict[str, Clip]) -> dict[str, Path]:
    """Name of a clip -> its frames in the released layout, sorted; each must be in the list and have sound."""
    found: dict[str, Path] = {}
    for part in ("train", "test"):
        video = {path.stem: path for path in sorted((folder / part / "video_jpg").glob("*.jpg"))}
        audio = {path.stem for kind in ("audio_npy/*.npy", "audio/*.wav") for path in (folder / part).glob(kind)}
        strange = sorted(name for name in video.keys() | audio if name not in known or known[name].split != part)
        if strange:
            raise UserError(f"{folder / part}: not clips ID_START of {LIST} for {part}: {names(strange)}")
        alone = sorted(video.keys() ^ audio)
        if alone:
            what = "a clip needs video_jpg and audio_npy or audio"
            raise UserError(f"{folder / part}: {what}; without partner: {names(alone)}")
        found |= {name: video[name] for name in sorted(video)}
    return found


def _spectrogram(path: Path) -> Tensor:
    wave = sound(path, RATE, seconds=SECONDS) if path.suffix == ".mp4" else _wave(path)
    peak = wave.abs().max()
    loud = fitted(wave, RATE * SECONDS) / (1.1 * peak if peak > 0 else 1)  # a muted clip stays silent
    return power(loud, window=WINDOW, hop=HOP).sqrt().unsqueeze(0).half()


def _wave(stack: Path) -> Tensor:
    """The sound (T,) that lies beside frames in the released layout."""
    part, name = stack.parents[1], stack.stem
    path = part / "audio_npy" / f"{name}.npy"
    return array(path, (1, None))[0] if path.is_file() else recorded(part / "audio" / f"{name}.wav", RATE)


def _frames(count: int, size: int, path: Path) -> Tensor:
    """`count` frames, evenly spaced from the first to the last, (count, 3, size, size)."""
    if path.suffix == ".mp4":
        moments = np.linspace(0, min(length(path), SECONDS), count).tolist()
        squares = [ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR) for image in pictures(path, moments)]
        return normalised(torch.stack([pixels(square) for square in squares]))
    stack = picture(path)
    _, height, width = stack.shape
    there = height // width
    if height % width or there < count:
        raise UserError(f"{path}: expected at least {count} square frames below each other, got {width} × {height}")
    every = stack.reshape(3, there, width, width).transpose(0, 1)
    chosen = every[np.linspace(0, there - 1, count).round().astype(int)].float()
    resized = torch.nn.functional.interpolate(chosen, (size, size), mode="bilinear", antialias=True)
    return normalised(resized)
