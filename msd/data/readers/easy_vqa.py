"""`easy-vqa`: 13 possible answers to questions on pictures of coloured shapes. The role of VQA v2."""

import zipfile
from collections import defaultdict
from pathlib import Path

from PIL import Image
from pydantic import Field

from msd.config.strict import Seed
from msd.data.findings import Findings, Records
from msd.data.pictures import member, open_archive, rgb
from msd.data.prepared import Prepared, Sample, hard
from msd.data.randomness import hashed_order
from msd.data.raw_files import raw_file
from msd.data.splits import Counts
from msd.errors import UserError, decoding
from msd.system.text_file import parse_json

FOLDER = "easy_vqa/data"
PARTS = {"train": "train", "val": "train", "test": "test"}
"""Split -> the package's part that it is of."""
Question = tuple[str, str, int, int]  # question, answer, picture, index in the file


class Parameters(Records):
    """Which pictures and questions are kept."""

    seed: Seed = Field(description="of the choice of pictures and questions")
    pictures: Counts = Field(description="pictures of each split")
    questions: Counts = Field(description="questions of each split, at most")


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """Pictures of train and val are different ones of the package's train; test is from the package's test."""
    findings = Findings(parameters.records)
    splits: dict[str, list[Sample]] = {}
    pictures: dict[str, Image.Image] = {}
    with open_archive(raw_file(raw, "easy_vqa")) as archive:
        with decoding(f"{FOLDER}/answers.txt of {archive.filename} is not text"):
            labels = member(archive, f"{FOLDER}/answers.txt").decode().split()
        questions = {part: read_questions(archive, part, labels, findings) for part in ("train", "test")}
        for split, chosen in _choose_pictures(questions, parameters).items():
            part, own = PARTS[split], {}
            for picture in map(int, chosen):
                name = f"{FOLDER}/{part}/images/{picture}.png"
                with findings.dropping(f"{part}-{picture:04d}.png", name, "broken picture", split=split):
                    own[picture] = rgb(member(archive, name), name=f"{part}-{picture:04d}.png")
            findings.check_share(split, len(own))
            shown = [question for question in questions[part] if question[2] in own]
            kept = choose_questions(shown, parameters.questions[split], seed=(parameters.seed, split))
            splits[split] = [_sample(part, question, labels) for question in kept]
            pictures |= {f"{part}-{picture:04d}.png": image for picture, image in own.items()}
            if len(kept) < (total := len(questions[part])):
                reason = f"questions beyond the limits: {split} keeps {len(kept)} of {total} of the package's {part}"
                where = f"{FOLDER}/{part}/questions.json"
                findings.add(f"{part} ({total - len(kept)} questions)", where, action="dropped", reason=reason)
    return Prepared(splits, labels, pictures, findings)


def read_questions(archive: zipfile.ZipFile, part: str, labels: list[str], findings: Findings) -> list[Question]:
    """The package's questions of one part, without those that have no text or no known answer."""
    name = f"{FOLDER}/{part}/questions.json"
    entries = parse_json(member(archive, name), f"{name} of {archive.filename}")
    questions = []
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        is_question = isinstance(entry, list) and [type(value) for value in entry] == [str, str, int]
        if not is_question or not entry[0].strip() or entry[2] < 0:
            reason = "not [question, answer, picture]"
        elif entry[1] not in labels:
            reason = f"no answer of answers.txt: {entry[1]!r}"
        else:
            questions.append((*entry, index))
            continue
        findings.drop(f"{part}-{index}", f"{name}[{index}]", reason, split=name)
    findings.check_share(name, len(questions))
    return questions


def _choose_pictures(questions: dict[str, list[Question]], parameters: Parameters) -> dict[str, list[str]]:
    """Split -> the numbers of its pictures."""
    wanted = parameters.pictures
    train, test = (
        hashed_order({str(picture) for _, _, picture, _ in questions[part]}, "easy-vqa", parameters.seed, part)
        for part in ("train", "test")
    )
    cut = wanted.train + wanted.val
    if cut > len(train):
        raise UserError(f"`pictures` asks for {cut} train and val pictures, the package's train has {len(train)}")
    return {"train": train[: wanted.train], "val": train[wanted.train : cut], "test": test[: wanted.test]}


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
    return hard(f"{part}-{index}", f"{part}-{picture:04d}.png", text, labels.index(answer))
