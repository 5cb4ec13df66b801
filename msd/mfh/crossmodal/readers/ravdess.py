"""Reader of RAVDESS: which of eight emotions does an actor speak with? Audio and pictures.

Livingstone, Russo, PLoS ONE 2018, Zenodo 1188976, CC BY-NC-SA 4.0. Two layouts are read:

- the released code's: data_file/spa_{dl,val,test}.csv (columns by position: audio file, picture, label 0 to 7),
  aud_features/*.npy (40 × 256), vid_features/*.jpg. Numbers are normalised as there; the order of time is kept, which
  the released loader changes by mistake (it swaps the first and the third frame of the audio).
- the published files, below any folder: 03-01-*.wav of Audio_Speech_Actors_01-24.zip, and of Video_Speech_Actor_NN.zip
  each one's video 02-01-*.mp4, or 01-01-*.mp4, which shows the same and has sound too. Audio becomes 40 log-mel bands
  × 256 steps of 16 ms; the picture is the frame after MOMENT seconds. Songs are left out. Splits are by actor.
"""

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from msd.config.strict import Sides
from msd.data.findings import Findings, Row
from msd.data.raw_files import below
from msd.data.sound import power
from msd.errors import UserError
from msd.mfh.crossmodal.files import array, files_below, fitted, normalised, picture, pixels, recorded
from msd.mfh.crossmodal.reader import DataReader, ReaderName
from msd.mfh.crossmodal.samples import Samples, gathered, standardised
from msd.mfh.crossmodal.video import pictures
from msd.system.text_file import read_rows

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
CODES = ("modality", "channel", "emotion", "intensity", "statement", "repetition", "actor")
GREATEST = dict(zip(CODES, (3, 2, 8, 2, 2, 2, 24), strict=True))
LISTS = {"train": "spa_dl.csv", "val": "spa_val.csv", "test": "spa_test.csv"}
AUDIO_MEAN, AUDIO_DEVIATION = -10.59, 85.66  # of the released features, in the released code
BANDS, STEPS, RATE, HOP = 40, 256, 16_000, 256
Actor = Annotated[int, Field(ge=1, le=24)]
Actors = Annotated[tuple[Actor, ...], Field(strict=False)]
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
    reader: ReaderName[Literal["ravdess"]] = "ravdess"
    size: Sides = Field((256, 512), description="height and width of a picture in pixels")
    validation: Actors = Field((21, 22), description="actors that validate, where no list names them")
    test: Actors = Field((23, 24), description="actors that test, where no list names them")

    def read(self, folder: Path) -> dict[str, Samples]:
        """The splits train, val and test: audio (N, 1, 40, 256), image (N, 3, *size), label (N,) of 0 to 7.

        Raises:
            UserError: a list is missing or broken, a split is empty, or most of its records are bad.
        """
        if (folder / "data_file").is_dir():
            return _released(folder, self.size, self.findings)
        return _published(folder, self.size, {"val": set(self.validation), "test": set(self.test)}, self.findings)

    def classes(self, folder: Path) -> int:
        """The emotions."""
        return len(EMOTIONS)


def code(path: Path) -> dict[str, int]:
    """The seven numbers of a RAVDESS name MM-VV-EE-II-SS-RR-AA; UserError for a name that is none."""
    is_name = re.fullmatch(r"[0-9]{2}(-[0-9]{2}){6}", path.stem)
    values = dict(zip(CODES, map(int, path.stem.split("-")), strict=True)) if is_name else {}
    if not values or any(not 1 <= value <= GREATEST[field] for field, value in values.items()):
        raise UserError(f"{path}: a name of RAVDESS is seven two-digit codes, such as 03-01-06-01-02-01-12")
    return values


def clips(folder: Path, findings: Findings) -> list[Clip]:
    """The spoken trials below a folder, each recording with its video; without partner they are dropped."""
    audio, video = (_trials(folder, ending, findings) for ending in (".wav", ".mp4"))
    if not audio:
        raise UserError(f"{folder} holds no recordings 03-01-*.wav; unpack Audio_Speech_Actors_01-24.zip there")
    kept = []
    for key in sorted(audio | video):
        if key in audio and key in video:
            codes = code(audio[key])
            kept.append(Clip(audio[key], video[key], codes["emotion"] - 1, codes["actor"]))
            continue
        path = (audio | video)[key]
        what = "a trial is 03-01-*.wav and 01-01-*.mp4 or 02-01-*.mp4 of Video_Speech_Actor_NN.zip"
        findings.drop(path.name, str(path.relative_to(folder)), f"without partner: {what}", split="trials")
    findings.check_share("trials", len(kept))
    return kept


def _trials(folder: Path, ending: str, findings: Findings) -> dict[str, Path]:
    """Name without modality -> file, for speech; of videos with sound and without those without."""
    trials = {}
    for path in files_below(folder, (ending,), findings):
        with findings.dropping(path.name, str(path.relative_to(folder)), "no name of RAVDESS", split="names"):
            if code(path)["channel"] == 1:
                trials[path.stem[3:]] = path
    findings.check_share("names", len(trials))
    return trials


def _published(
    folder: Path, size: tuple[int, int], held: dict[str, set[int]], findings: Findings
) -> dict[str, Samples]:
    if held["val"] & held["test"]:
        raise UserError(f"the actors {sorted(held['val'] & held['test'])} of RAVDESS are in validation and test")
    parts: dict[str, list[Row]] = {split: [] for split in LISTS}
    for clip in clips(folder, findings):
        split = next((name for name, actors in held.items() if clip.actor in actors), "train")
        parts[split].append(Row((clip.audio.stem,), str(clip.audio.relative_to(folder)), clip))
    for split, rows in parts.items():
        if not rows:
            raise UserError(f"{folder} has no actor for {split}; choose other actors for validation and test")

    def read(clip: Clip) -> dict[str, Tensor]:
        audio = _log_mel(recorded(clip.audio, RATE))
        return _sample(audio, _frame(clip.video, size), clip.label)

    splits = {split: gathered(rows, read, findings, split=split)[0] for split, rows in parts.items()}
    return standardised(splits, "audio")


def _released(folder: Path, size: tuple[int, int], findings: Findings) -> dict[str, Samples]:
    parts = findings.once({split: _listed(folder, split, findings) for split in LISTS})

    def read(row: list[str]) -> dict[str, Tensor]:
        audio = array(below(folder / "aud_features", row[0]), (BANDS, STEPS))
        image = picture(below(folder / "vid_features", row[1]), size)
        return _sample((audio - AUDIO_MEAN) / AUDIO_DEVIATION, image, int(row[2]))

    return {split: gathered(parts[split], read, findings, split=split)[0] for split in LISTS}


def _listed(folder: Path, split: str, findings: Findings) -> list[Row]:
    """The rows of a split's list, of three fields or more."""
    path = folder / "data_file" / LISTS[split]
    if not path.is_file():
        raise UserError(f"there is no list {path}; copy the released folder whole")
    rows = []
    for line, row in read_rows(path, columns=3)[1:]:
        where = f"{path.relative_to(folder)}:{line}"
        if len(row) < 3 or row[2] not in map(str, range(len(EMOTIONS))):
            reason = f"no audio file, picture and label from 0 to 7: {row}"
            findings.drop(row[0], where, reason, split=split)
        else:
            rows.append(Row((row[0], row[1]), where, row))
    if not rows:
        findings.check_share(split, 0)
        raise UserError(f"{path} lists no samples")
    return rows


def _sample(audio: Tensor, image: Tensor, label: int) -> dict[str, Tensor]:
    return {"audio": audio.unsqueeze(0), "image": normalised(image), "label": torch.tensor(label)}


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
