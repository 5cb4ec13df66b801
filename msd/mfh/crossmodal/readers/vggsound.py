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

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from pydantic import Field
from torch import Tensor

from msd.config.strict import Count, Part, Side
from msd.data.findings import Findings, Row
from msd.data.randomness import hashed_order
from msd.data.sound import power
from msd.errors import UserError
from msd.mfh.crossmodal.files import array, files_below, fitted, names, normalised, picture, pixels, recorded
from msd.mfh.crossmodal.reader import DataReader, ReaderName
from msd.mfh.crossmodal.samples import Samples, gathered
from msd.mfh.crossmodal.video import length, pictures, sound
from msd.system.text_file import read_lines, read_rows

RATE, SECONDS, WINDOW, HOP = 16_000, 10, 1024, 512
LIST, CLASSES = "vggsound.csv", "classes.txt"


class Clip(NamedTuple):
    """A line of the list: a label, train or test, and the id of the video."""

    label: str
    split: str
    video: str


class Files(NamedTuple):
    """An mp4, or the frames of a clip with the file of its sound."""

    video: Path
    audio: Path | None = None


class VggSound(DataReader):
    """VGGSound."""

    modalities = ("audio", "video")
    metric = "accuracy"
    reader: ReaderName[Literal["vggsound"]] = "vggsound"
    frames: Count = Field(32, description="frames of a clip, evenly spaced")
    size: Side = Field(256, description="pixels of a frame's side")
    validation: Part = Field(0.1, description="share of the training clips that validates")

    def read(self, folder: Path) -> dict[str, Samples]:
        """The splits train, val (a share of the training videos) and test.

        audio (N, 1, 513, 313): magnitudes of the short-time Fourier transform of the wave over 1.1 times its peak.
        video (N, frames, 3, size, size), frames evenly spaced. Both are float16, to save memory. label (N,): the
        number of a class in `labels`.

        Raises:
            UserError: the list is missing or broken, a chosen label is unknown, a split is empty, or most of its
                records are bad.
        """
        known = _listed(folder, self.findings)
        numbers = {label: number for number, label in enumerate(_chosen(folder, known))}
        clips = _clips(folder, known, numbers, self.findings)

        def read(name: str) -> dict[str, Tensor]:
            video = _frames(self.frames, self.size, clips[name].video)
            label = torch.tensor(numbers[known[name].label])
            return {"audio": _spectrogram(clips[name]), "video": video, "label": label}

        splits = {}
        for split, chosen in _parts(folder, known, list(clips), validation=self.validation).items():
            rows = [Row((name,), str(clips[name].video.relative_to(folder)), name) for name in chosen]
            splits[split], _ = gathered(rows, read, self.findings, split=split)
        return splits

    def classes(self, folder: Path) -> int:
        """The chosen labels."""
        return len(labels(folder))


def _clips(folder: Path, known: dict[str, Clip], numbers: dict[str, int], findings: Findings) -> dict[str, Files]:
    """Name of a clip whose label is chosen -> its files; each seems whole."""
    read = _stacks if (folder / "train" / "video_jpg").is_dir() else _videos
    clips = {name: files for name, files in read(folder, known, findings).items() if known[name].label in numbers}
    named = clips.keys() | {entry["record"] for entry in findings}
    gone = sum(clip.label in numbers and name not in named for name, clip in known.items())
    if gone:
        findings.add(f"{gone} clips", LIST, action="dropped", reason="not there", files=gone)
    return clips


def _parts(folder: Path, known: dict[str, Clip], clips: list[str], *, validation: float) -> dict[str, list[str]]:
    """Split -> its clips, validation being a share of the training ones; none is empty."""
    training = [name for name in clips if known[name].split == "train"]
    order = hashed_order(training, "vggsound", "validation")
    held = {known[name].video for name in order[: round(validation * len(order))]}  # with all clips of a video
    parts = {
        "train": [name for name in training if known[name].video not in held],
        "val": [name for name in training if known[name].video in held],
        "test": [name for name in clips if known[name].split == "test"],
    }
    for split, chosen in parts.items():
        if not chosen:
            raise UserError(f"{folder}: no clip of {LIST} is left for {split}; give more clips or another share")
    return parts


def labels(folder: Path) -> list[str]:
    """The labels, in the order of their numbers: of classes.txt, or all of the list, sorted."""
    return _chosen(folder, _listed(folder, Findings()))


def _chosen(folder: Path, known: dict[str, Clip]) -> list[str]:
    every = sorted({clip.label for clip in known.values()})
    path = folder / CLASSES
    if not path.is_file():
        return every
    chosen = [line.strip() for _, line in read_lines(path) if line.strip()]
    unknown = [label for label in chosen if label not in every]
    if unknown or len(set(chosen)) < len(chosen) or not chosen:
        raise UserError(f"{path}: give labels of {LIST}, each once; unknown: {names(unknown) or 'none'}")
    return chosen


def _listed(folder: Path, findings: Findings) -> dict[str, Clip]:
    """Name of a clip, ID_START -> its line of the list; a video is of train or of test alone."""
    path = folder / LIST
    if not path.is_file():
        raise UserError(f"there is no list {path}; take {LIST} from the page of VGGSound")
    parts: dict[str, list[Row]] = {"train": [], "test": []}
    for line, row in read_rows(path, columns=4):
        is_clip = len(row) == 4 and row[0] and row[1].isdecimal() and row[2] and row[3] in parts
        if is_clip and len(row[1]) < 7:
            clip = Clip(row[2], row[3], row[0])
            parts[row[3]].append(Row((f"{row[0]}_{int(row[1]):06d}", row[0]), f"{LIST}:{line}", clip))
        else:
            reason = f"no id, start in seconds, label, train or test: {row}"
            findings.drop(row[0], f"{LIST}:{line}", reason, split=LIST)
    findings.check_share(LIST, sum(map(len, parts.values())))
    kept = findings.once(parts)
    for split, rows in kept.items():
        findings.check_share(split, len(rows))
    return {row.names[0]: row.content for rows in kept.values() for row in rows}


def _videos(folder: Path, known: dict[str, Clip], findings: Findings) -> dict[str, Files]:
    """Name of a clip -> its mp4 below a folder, sorted, without those that are not in the list or cannot be opened."""
    videos = {}
    for path in files_below(folder, (".mp4",), findings):
        where, split = str(path.relative_to(folder)), known[path.stem].split if path.stem in known else "videos"
        if path.stem not in known:
            findings.drop(path.stem, where, f"no clip ID_START.mp4 of {LIST}", split=split)
            continue
        with findings.dropping(path.stem, where, "cannot be read", split=split):
            length(path)
            videos[path.stem] = Files(path)
    for split in ("train", "test"):
        findings.check_share(split, sum(known[name].split == split for name in videos))
    findings.check_share("videos", len(videos))
    return videos


def _stacks(folder: Path, known: dict[str, Clip], findings: Findings) -> dict[str, Files]:
    """Name of a clip -> its files in the released layout, sorted; those not in the list or alone are dropped."""
    kept = {}
    for part in ("train", "test"):
        kinds = (("video_jpg", ".jpg"), ("audio", ".wav"), ("audio_npy", ".npy"))
        video, waves, arrays = (
            {path.stem: path for path in files_below(folder / part / kind, (ending,), findings)}
            for kind, ending in kinds
        )
        audio = waves | arrays
        for name in sorted(video | audio):
            if name not in known or known[name].split != part:
                findings.drop(name, part, f"no clip ID_START of {LIST} for {part}", split=part)
            elif name not in video or name not in audio:
                what = "a clip needs video_jpg and audio_npy or audio"
                findings.drop(name, part, f"without partner: {what}", split=part)
            else:
                kept[name] = Files(video[name], audio[name])
        findings.check_share(part, sum(known[name].split == part for name in kept))
    return kept


def _spectrogram(files: Files) -> Tensor:
    wave = sound(files.video, RATE, seconds=SECONDS) if files.audio is None else _wave(files.audio)
    peak = wave.abs().max()
    loud = fitted(wave, RATE * SECONDS) / (1.1 * peak if peak > 0 else 1)  # a muted clip stays silent
    return power(loud, window=WINDOW, hop=HOP).sqrt().unsqueeze(0).half()


def _wave(path: Path) -> Tensor:
    """The sound (T,) that lies beside frames in the released layout."""
    wave = array(path, (1, None))[0] if path.suffix.lower() == ".npy" else recorded(path, RATE)
    if not len(wave):
        raise UserError(f"the recording {path} is empty; fetch its source again")
    return wave


def _frames(count: int, size: int, path: Path) -> Tensor:
    """`count` frames, evenly spaced from the first to the last, (count, 3, size, size)."""
    if path.suffix.lower() == ".mp4":
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
