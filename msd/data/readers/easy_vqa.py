"""`easy-vqa`: 13 possible answers to questions on pictures of coloured shapes. The role of VQA v2."""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from pydantic import Field

from msd.config.strict import Seed, Strict
from msd.data.pictures import member, open_archive, rgb
from msd.data.prepared import Prepared, Sample, finding, hard
from msd.data.randomness import hashed_order
from msd.data.raw_files import raw_file
from msd.data.splits import Counts
from msd.errors import UserError

FOLDER = "easy_vqa/data"
Question = tuple[str, str, int, int]  # question, answer, picture, index in the file


class Parameters(Strict):
    """Which pictures and questions are kept."""

    seed: Seed = Field(description="of the choice of pictures and questions")
    pictures: Counts = Field(description="pictures of each split")
    questions: Counts = Field(description="questions of each split, at most")


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """Pictures of train and val are different ones of the package's train; test is from the package's test."""
    wheel = raw_file(raw, "easy_vqa")
    with open_archive(wheel) as archive:
        labels = member(archive, f"{FOLDER}/answers.txt").decode().split()
        chosen = _choose_pictures(read_questions(archive, "train"), read_questions(archive, "test"), parameters)
        findings: list[dict[str, Any]] = []
        splits: dict[str, list[Sample]] = {}
        for split, (part, questions, total) in chosen.items():
            kept = choose_questions(questions, parameters.questions[split], seed=(parameters.seed, split))
            splits[split] = [_sample(part, question, labels) for question in kept]
            if len(kept) < total:
                reason = f"questions beyond the limits: {split} keeps {len(kept)} of {total} of the package's {part}"
                findings.append(
                    finding(f"{part} ({total - len(kept)} questions)", f"{FOLDER}/{part}/questions.json",
                            action="dropped", reason=reason)
                )  # fmt: skip
        images = sorted({sample.image for samples in splits.values() for sample in samples})
        pictures = {name: rgb(member(archive, picture_member(name)), name=name) for name in images}
    return Prepared(splits, labels, pictures, findings)


def read_questions(archive: zipfile.ZipFile, part: str) -> list[Question]:
    """The package's questions of one part; raises UserError naming the entry that is none."""
    name = f"{FOLDER}/{part}/questions.json"
    questions = []
    for index, entry in enumerate(json.loads(member(archive, name))):
        if not (isinstance(entry, list) and len(entry) == 3):
            raise UserError(f"{name}[{index}] of {archive.filename}: expected [question, answer, picture]")
        questions.append((str(entry[0]), str(entry[1]), int(entry[2]), index))
    return questions


def _choose_pictures(
    train: list[Question], test: list[Question], parameters: Parameters
) -> dict[str, tuple[str, list[Question], int]]:
    """Per split: the package's part, its questions on the split's pictures, and how many the part has."""
    wanted = parameters.pictures
    order = hashed_order({str(picture) for _, _, picture, _ in train}, "easy-vqa", parameters.seed, "train")
    cut = wanted.train + wanted.val
    if cut > len(order):
        raise UserError(f"`pictures` asks for {cut} train and val pictures, the package's train has {len(order)}")
    tests = hashed_order({str(picture) for _, _, picture, _ in test}, "easy-vqa", parameters.seed, "test")
    pictures = {"train": order[: wanted.train], "val": order[wanted.train : cut], "test": tests[: wanted.test]}
    chosen = {split: set(names) for split, names in pictures.items()}
    sources = {"train": ("train", train), "val": ("train", train), "test": ("test", test)}
    return {
        split: (part, [question for question in questions if str(question[2]) in chosen[split]], len(questions))
        for split, (part, questions) in sources.items()
    }


def choose_questions(questions: list[Question], limit: int, *, seed: tuple[object, ...]) -> list[Question]:
    """At most `limit` questions, as evenly over the pictures as possible, in the file's order."""
    by_picture: dict[int, list[Question]] = defaultdict(list)
    for question in questions:
        by_picture[question[2]].append(question)
    ranked: dict[str, tuple[int, Question]] = {}
    for own in by_picture.values():
        order = hashed_order([str(question[3]) for question in own], "easy-vqa", *seed)
        rank = {index: position for position, index in enumerate(order)}
        ranked |= {str(question[3]): (rank[str(question[3])], question) for question in own}
    order = sorted(hashed_order(ranked, "easy-vqa", *seed, "limit"), key=lambda index: ranked[index][0])
    return sorted((ranked[index][1] for index in order[:limit]), key=lambda question: question[3])


def _sample(part: str, question: Question, labels: list[str]) -> Sample:
    text, answer, picture, index = question
    if answer not in labels:
        raise UserError(f"{FOLDER}/{part}/questions.json[{index}]: {answer!r} is no answer of answers.txt")
    return hard(f"{part}-{index}", f"{part}-{picture:04d}.png", text, labels.index(answer))


def picture_member(name: str) -> str:
    """The member of the wheel that holds the picture of a sample: `train-0007.png` is `train/images/7.png`."""
    part, number = name.removesuffix(".png").split("-")
    return f"{FOLDER}/{part}/images/{int(number)}.png"
