"""`vqa-v2`: open questions on photographs, each answered by ten people in their own words.

Goyal et al., CVPR 2017, on the pictures of COCO 2014. The answers to the test questions are not public, so the pictures
of val2014 are divided into val and test. Labels are the main answers, normalised, that are frequent in train2014 and
val2014 together. A target's score is the VQA accuracy of a label that is written exactly as people wrote it: so the
labels of the released models were made (not normalised), while the metrics compare as they say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

from PIL import Image
from pydantic import BaseModel, Field, ValidationError

from msd.config.strict import Count, Seed, Strict
from msd.data.pictures import Lazy, member, open_archive, rgb
from msd.data.prepared import Prepared, Sample, finding
from msd.data.randomness import hashed_order
from msd.data.raw_files import raw_file
from msd.data.splits import Counts
from msd.errors import UserError
from msd.measure.vqa import answer_share, normalise

SUBSETS = {"train2014": "Train", "val2014": "Val"}
OWNERS = {"train": "train2014", "val": "val2014", "test": "val2014"}
File = TypeVar("File", bound=BaseModel)


class Parameters(Strict):
    """Which pictures and labels are kept."""

    seed: Seed = Field(description="of the choice of pictures")
    least_questions: Count = Field(description="questions whose main answer a label must be")
    pictures: Counts = Field(description="pictures of each split, with all questions on them")
    side: Count = Field(description="pixels of the square that a photograph is made smaller than")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question on a picture."""

    question_id: int
    image_id: int
    question: str


@dataclass(frozen=True, slots=True)
class Given:
    """What one person answered."""

    answer: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers to a question; the main one is the most frequent."""

    question_id: int
    image_id: int
    multiple_choice_answer: str
    answers: Annotated[list[Given], Field(min_length=1)]


class Questions(BaseModel):
    """v2_OpenEnded_mscoco_<subset>_questions.json."""

    questions: Annotated[list[Asked], Field(min_length=1)]


class Annotations(BaseModel):
    """v2_mscoco_<subset>_annotations.json."""

    annotations: list[Answered]


class Question(NamedTuple):
    """A question with its answers, the main one apart; `picture` names its picture in the prepared archive."""

    number: str
    picture: str
    text: str
    main: str
    answers: tuple[str, ...]


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """Train is of train2014, val and test of different pictures of val2014; those of broken pictures are dropped."""
    asked = {subset: read_questions(raw, subset) for subset in SUBSETS}
    labels = vocabulary((one for part in asked.values() for one in part), least=parameters.least_questions)
    if not labels:
        raise UserError(f"no answer is the main one of {parameters.least_questions} questions; lower `least_questions`")
    photographs = Photographs(raw, side=parameters.side)
    places = {label: index for index, label in enumerate(labels)}
    splits: dict[str, list[Sample]] = {}
    findings: list[dict[str, Any]] = []
    for split, names in _choose_pictures(asked, parameters).items():
        subset = OWNERS[split]
        broken = photographs.broken(names)
        findings += broken
        kept = set(names) - {entry["record"] for entry in broken}
        own = [question for question in asked[subset] if question.picture in kept]
        splits[split] = [_sample(question, places) for question in own]
        total = len(asked[subset])
        reason = f"questions on other pictures: {split} has {len(own)} of {total} questions of {subset}"
        findings.append(finding(f"{subset} ({total - len(own)} questions)", subset, action="dropped", reason=reason))
        findings += [_unanswered(question) for question in own if not places.keys() & set(question.answers)]
    used = {sample.image for samples in splits.values() for sample in samples}
    return Prepared(splits, labels, Lazy(used, photographs.read), findings)


class Photographs:
    """The pictures of the archives, by their name in the prepared archive: COCO_val2014_000000000042.png."""

    def __init__(self, raw: dict[str, Path], *, side: int) -> None:
        self._archives = {subset: open_archive(raw_file(raw, f"{subset}.zip")) for subset in SUBSETS}
        self._side = side

    def read(self, name: str) -> Image.Image:
        """A picture made smaller than a square of `side` pixels; raises UserError for a missing or broken one."""
        subset = name.split("_")[1]
        content = member(self._archives[subset], f"{subset}/{name.removesuffix('.png')}.jpg")
        picture = rgb(content, name=name)
        picture.thumbnail((self._side, self._side))
        return picture

    def broken(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """A finding for each of the pictures that cannot be read."""
        found = []
        for name in names:
            try:
                self.read(name)
            except UserError as error:
                found.append(finding(name, name.split("_")[1], action="dropped", reason=f"broken picture: {error}"))
        return found


def read_questions(raw: dict[str, Path], subset: str) -> list[Question]:
    """The questions of a subset in the file's order; raises UserError naming an entry that does not fit."""
    part = SUBSETS[subset]
    file = raw_file(raw, f"v2_Questions_{part}")
    questions = _parsed(Questions, file, f"v2_OpenEnded_mscoco_{subset}_questions.json").questions
    source = raw_file(raw, f"v2_Annotations_{part}")
    annotations = _parsed(Annotations, source, f"v2_mscoco_{subset}_annotations.json").annotations
    answered = {entry.question_id: entry for entry in annotations}
    numbers = {question.question_id for question in questions}
    strange = sorted(numbers ^ answered.keys())
    if strange or len(numbers) < len(questions) or len(answered) < len(annotations):
        what = f"first of {len(strange)}: {strange[0]}" if strange else "an id occurs twice"
        raise UserError(f"questions and annotations of {subset} do not belong together ({what}); fetch {source} again")
    found = []
    for question in questions:
        entry = answered[question.question_id]
        if entry.image_id != question.image_id:
            raise UserError(f"{source}: question {question.question_id} is on another picture than its answers")
        picture = f"COCO_{subset}_{question.image_id:012d}.png"
        answers = tuple(one.answer for one in entry.answers)
        text = " ".join(question.question.split())
        found.append(Question(str(question.question_id), picture, text, entry.multiple_choice_answer, answers))
    return found


def vocabulary(questions: Iterable[Question], *, least: int) -> list[str]:
    """The main answers of at least so many questions, normalised: the most frequent first, equals by the alphabet."""
    counts = Counter(normalise(question.main) for question in questions)
    frequent = [answer for answer, count in counts.items() if count >= least]
    return sorted(frequent, key=lambda answer: (-counts[answer], answer))


def _parsed(kind: type[File], path: Path, name: str) -> File:
    with open_archive(path) as archive:
        content = member(archive, name)
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"]).removeprefix(".")
        raise UserError(f"{name} of {path}: {place or 'the file'}: {first['msg']}; fetch it again") from error


def _choose_pictures(asked: dict[str, list[Question]], parameters: Parameters) -> dict[str, list[str]]:
    """Split -> its pictures."""
    chosen, taken = {}, Counter[str]()
    for split, subset in OWNERS.items():
        order = hashed_order({question.picture for question in asked[subset]}, "vqa-v2", parameters.seed, subset)
        first, taken[subset] = taken[subset], taken[subset] + parameters.pictures[split]
        if taken[subset] > len(order):
            raise UserError(f"`pictures` asks for {taken[subset]} of {subset}, which has {len(order)} with questions")
        chosen[split] = order[first : taken[subset]]
    return chosen


def _sample(question: Question, places: dict[str, int]) -> Sample:
    counts = Counter(answer for answer in question.answers if answer in places)
    scores = {places[answer]: answer_share(count, len(question.answers)) for answer, count in counts.items()}
    target = tuple(sorted(scores))
    score = tuple(scores[label] for label in target)
    return Sample(question.number, question.picture, question.text, target, score, question.answers)


def _unanswered(question: Question) -> dict[str, Any]:
    reason = "no answer among the labels: all of its targets are 0"
    return finding(question.number, question.picture, action="kept", reason=reason)
