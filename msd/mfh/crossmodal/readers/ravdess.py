"""Reader of RAVDESS: which of eight emotions does an actor speak with? Audio and pictures.

Livingstone, Russo, PLoS ONE 2018, Zenodo 1188976, CC BY-NC-SA 4.0. Two layouts are read:

- the released code's: data_file/spa_{dl,val,test}.csv (columns by position: audio file, picture, label 0 to 7),
  aud_features/*.npy (40 × 256), vid_features/*.jpg. Numbers are normalised as there; the order of time is kept, which
  the released loader changes by mistake (it swaps the first and the third frame of the audio).
- the published files, below any folder: 03-01-*.wav of Audio_Speech_Actors_01-24.zip, and of Video_Speech_Actor_NN.zip
  each one's video 02-01-*.mp4, or 01-01-*.mp4, which shows the same and has sound too. Audio becomes 40 log-mel bands
  × 256 steps of 16 ms; the picture is the frame after MOMENT seconds. Songs are left out. Splits are by actor.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from msd.config.strict import Count
from msd.data.sound import power
from msd.errors import UserError
from msd.mfh.crossmodal.files import array, fitted, names, normalised, picture, pixels, recorded
from msd.mfh.crossmodal.reader import DataReader
from msd.mfh.crossmodal.samples import Samples, standardised
from msd.mfh.crossmodal.video import pictures
from msd.text_file import read_rows

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
CODES = ("modality", "channel", "emotion", "intensity", "statement", "repetition", "actor")
GREATEST = dict(zip(CODES, (3, 2, 8, 2, 2, 2, 24), strict=True))
LISTS = {"train": "spa_dl.csv", "val": "spa_val.csv", "test": "spa_test.csv"}
AUDIO_MEAN, AUDIO_DEVIATION = -10.59, 85.66  # of the released features, in the released code
BANDS, STEPS, RATE, HOP = 40, 256, 16_000, 256
Actor = Annotated[int, Field(ge=1, le=24)]
MOMENT = 1.5  # seconds; our choice, as the released pictures come without the way they were taken from the videos


class Clip(NamedTuple):
    """One trial: its recording, its video, its emotion from 0 to 7 and its actor."""

    audio: Path
    video: Path
    label: int
    actor: int


class Ravdess(DataReader):
    """RAVDESS."""

    modalities = ("audio", "image")
    metric = "accuracy"
    reader: Literal["ravdess"] = "ravdess"
    size: tuple[Count, Count] = Field((256, 512), description="height and width of a picture in pixels")
    validation: tuple[Actor, ...] = Field((21, 22), description="actors that validate, where no list names them")
    test: tuple[Actor, ...] = Field((23, 24), description="actors that test, where no list names them")

    def read(self, folder: Path) -> dict[str, Samples]:
        """The splits train, val and test: audio (N, 1, 40, 256), image (N, 3, *size), label (N,) of 0 to 7.

        Raises:
            UserError: a file is missing, broken or has no partner, a name or label is not RAVDESS's, a split is empty.
        """
        if (folder / "data_file").is_dir():
            return {split: _released(folder, split, self.size) for split in LISTS}
        return _published(folder, self.size, {"val": set(self.validation), "test": set(self.test)})

    def classes(self, folder: Path) -> int:
        """The emotions."""
        return len(EMOTIONS)


def code(path: Path) -> dict[str, int]:
    """The seven numbers of a RAVDESS name MM-VV-EE-II-SS-RR-AA; UserError for a name that is none."""
    found = re.fullmatch(r"\d\d(-\d\d){6}", path.stem)
    values = dict(zip(CODES, map(int, path.stem.split("-")), strict=True)) if found else {}
    if not values or any(not 1 <= value <= GREATEST[field] for field, value in values.items()):
        raise UserError(f"{path}: a name of RAVDESS is seven two-digit codes, such as 03-01-06-01-02-01-12")
    return values


def clips(folder: Path) -> list[Clip]:
    """The spoken trials below a folder, each recording with its video."""
    audio, video = _trials(folder, "*.wav"), _trials(folder, "*.mp4")
    if not audio:
        raise UserError(f"{folder} holds no recordings 03-01-*.wav; unpack Audio_Speech_Actors_01-24.zip there")
    alone = sorted(str(path) for path in (audio | video).values() if path.stem[3:] not in audio.keys() & video.keys())
    if alone:
        what = "a recording 03-01-*.wav and a video 01-01-*.mp4 or 02-01-*.mp4 of Video_Speech_Actor_NN.zip"
        raise UserError(f"{folder}: every trial needs {what}; without partner: {names(alone)}")
    found = []
    for key, path in sorted(audio.items()):
        codes = code(path)
        found.append(Clip(path, video[key], codes["emotion"] - 1, codes["actor"]))
    return found


def _trials(folder: Path, pattern: str) -> dict[str, Path]:
    """Name without modality -> file, for speech; of videos with sound and without those without."""
    paths = sorted(folder.rglob(pattern), key=lambda path: (path.name, path))
    return {path.stem[3:]: path for path in paths if code(path)["channel"] == 1}


def _published(folder: Path, size: tuple[int, int], held: dict[str, set[int]]) -> dict[str, Samples]:
    if held["val"] & held["test"]:
        raise UserError(f"the actors {sorted(held['val'] & held['test'])} of RAVDESS are in validation and test")
    parts: dict[str, list[Clip]] = {split: [] for split in LISTS}
    for clip in clips(folder):
        split = next((name for name, actors in held.items() if clip.actor in actors), "train")
        parts[split].append(clip)
    for split, found in parts.items():
        if not found:
            raise UserError(f"{folder} has no actor for {split}; choose other actors for validation and test")
    splits = {}
    for split, found in parts.items():
        audio = [_log_mel(recorded(clip.audio, RATE)) for clip in found]
        images = [_frame(clip.video, size) for clip in found]
        splits[split] = _samples(audio, images, [clip.label for clip in found])
    return standardised(splits, "audio")


def _released(folder: Path, split: str, size: tuple[int, int]) -> Samples:
    path = folder / "data_file" / LISTS[split]
    if not path.is_file():
        raise UserError(f"there is no list {path}; copy the released folder whole")
    rows = read_rows(path, columns=3)[1:]
    if not rows:
        raise UserError(f"{path} lists no samples")
    audio, images, labels = [], [], []
    for line, row in rows:
        if len(row) < 3 or row[2] not in map(str, range(len(EMOTIONS))):
            raise UserError(f"{path}:{line}: expected an audio file, a picture and a label from 0 to 7, got {row}")
        features = array(folder / "aud_features" / row[0], (BANDS, STEPS))
        audio.append((features - AUDIO_MEAN) / AUDIO_DEVIATION)
        images.append(picture(folder / "vid_features" / row[1], size))
        labels.append(int(row[2]))
    return _samples(audio, images, labels)


def _samples(audio: list[Tensor], images: list[Tensor], labels: list[int]) -> Samples:
    inputs = {"audio": torch.stack(audio).unsqueeze(1), "image": normalised(torch.stack(images))}
    return Samples(inputs, torch.tensor(labels))


def _frame(path: Path, size: tuple[int, int]) -> Tensor:
    """The picture of a video at MOMENT, uint8 (3, *size)."""
    [image] = pictures(path, [MOMENT])
    return pixels(image.resize((size[1], size[0])))


def _log_mel(wave: Tensor) -> Tensor:
    """40 bands × 256 steps of 16 ms, in decibels."""
    bands = _filters().T @ power(wave, window=2 * HOP, hop=HOP)
    return fitted(10 * bands.clamp_min(1e-10).log10() + 100, STEPS)  # silence is 0, as what fills up


@cache
def _filters() -> Tensor:
    """Mel filters (257, 40) up to half the rate."""
    from transformers.audio_utils import mel_filter_bank  # slow to import

    return torch.from_numpy(mel_filter_bank(HOP + 1, BANDS, 0, RATE / 2, RATE)).float()
