"""What a dataset module hands to the prepare stage, and the checks that every dataset must pass."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from msd.data import SPLITS
from msd.data.findings import Findings
from msd.data.raw_files import below
from msd.errors import UserError


@dataclass(frozen=True)
class Sample:
    """One row of a prepared table; `target` holds label indices, `score` their weights (1.0 when hard).

    `answers`: what people answered to an open question, in their own words; () for other tasks.
    """

    uid: str
    image: str
    text: str
    target: tuple[int, ...]
    score: tuple[float, ...]
    answers: tuple[str, ...] = ()


def hard(uid: str, image: str, text: str, *labels: int) -> Sample:
    """A sample whose labels all have score 1."""
    return Sample(uid, image, text, tuple(labels), (1.0,) * len(labels))


@dataclass
class Prepared:
    """A dataset ready to be written: rows by split, label names, RGB pictures by member name, findings.

    `texts_recur`: texts stand with several pictures by intention, so that training has seen a sample only with both.
    """

    splits: dict[str, list[Sample]]
    labels: list[str]
    pictures: Mapping[str, Image.Image]
    findings: Findings = field(default_factory=Findings)
    texts_recur: bool = False


def check(prepared: Prepared) -> None:
    """Raise UserError unless the splits share no picture and each row has a picture, a text and valid labels."""
    if sorted(prepared.splits) != sorted(SPLITS):
        raise UserError(f"a dataset needs the splits train, val and test, not {sorted(prepared.splits)}")
    seen: set[str] = set()
    owner: dict[str, str] = {}
    for split in SPLITS:
        if not prepared.splits[split]:
            raise UserError(f"the split {split} has no rows; lower the limits or change the shares in `prepare:`")
        for sample in prepared.splits[split]:
            _check_sample(sample, prepared)
            if sample.uid in seen:
                raise UserError(f"the uid {sample.uid!r} occurs twice")
            seen.add(sample.uid)
            if owner.setdefault(sample.image, split) != split:
                raise UserError(f"the picture {sample.image!r} is both in {owner[sample.image]} and in {split}")


def _check_sample(sample: Sample, prepared: Prepared) -> None:
    below(Path("pictures.zip"), sample.image)
    if sample.image not in prepared.pictures:
        raise UserError(f"the picture {sample.image!r} of the sample {sample.uid!r} is missing")
    if not sample.text.strip():
        raise UserError(f"the sample {sample.uid!r} has no text")
    if len(sample.target) != len(sample.score) or len(set(sample.target)) != len(sample.target):
        raise UserError(f"the sample {sample.uid!r} needs one score for each of its labels, each label once")
    if not all(0 <= label < len(prepared.labels) for label in sample.target):
        raise UserError(f"the sample {sample.uid!r} has a label outside 0 to {len(prepared.labels) - 1}")


def check_one_modality_chance(splits: Mapping[str, Iterable[Sample]]) -> None:
    """Raise unless, in each split, every picture and every text is equally often in each class.

    Then no function of one modality alone can beat chance, whatever it has learned.
    """
    for split, samples in splits.items():
        rows = list(samples)
        classes = {sample.target[0] for sample in rows}
        for modality in ("image", "text"):
            counts: dict[str, Counter[int]] = defaultdict(Counter)
            for sample in rows:
                counts[getattr(sample, modality)][sample.target[0]] += 1
            for value, count in counts.items():
                if len({count[label] for label in classes}) != 1:
                    raise AssertionError(f"{split}: the {modality} {value!r} is unevenly spread: {dict(count)}")
