"""`vqa-v2`: open questions on photographs, each answered by ten people in their own words.

Goyal et al., CVPR 2017, on the pictures of COCO 2014. The answers to the test questions are not public, so the pictures
of val2014 are divided into val and test. Labels are the main answers, normalised, that are frequent in train2014 and
val2014 together. A target's score is the VQA accuracy of a label that is written exactly as people wrote it: so the
labels of the released models were made (not normalised), while the metrics compare as they say.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self, TypeVar

from PIL import Image
from pydantic import BaseModel, Field, ValidationError, WrapValidator, model_validator

from msd.config.strict import Count, Seed, Side
from msd.data.findings import Findings, Records
from msd.data.pictures import Lazy, member, open_archive, rgb
from msd.data.prepared import Prepared, Sample
from msd.data.randomness import hashed_order
from msd.data.raw_files import raw_file
from msd.data.splits import Limits
from msd.errors import UserError
from msd.measure.vqa import answer_share, normalise

SUBSETS = {"train2014": "Train", "val2014": "Val"}
OWNERS = {"train": "train2014", "val": "val2014", "test": "val2014"}
Number = Annotated[int, Field(ge=0)]
Entry = TypeVar("Entry")
File = TypeVar("File", bound=BaseModel)


class Parameters(Records):
    """Which pictures and labels are kept."""

    seed: Seed = Field(description="of the choice of pictures")
    least_questions: Count = Field(description="questions whose main answer a label must be")
    pictures: Limits = Field(
        description="pictures of each split, with all questions on them; null: all of them, of val2014 all others"
    )
    side: Side = Field(description="pixels of the square that a photograph is made smaller than")

    @model_validator(mode="after")
    def _divide_val2014(self) -> Self:
        if self.pictures.val is None and self.pictures.test is None:
            raise ValueError("val and test share the pictures of val2014: give a number for one of them")
        return self


@dataclass(frozen=True, slots=True)
class QuestionEntry:
    """A question on a picture."""

    question_id: Number
    image_id: Number
    question: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one person answered."""

    answer: str


@dataclass(frozen=True, slots=True)
class AnnotationEntry:
    """The answers to a question; the main one is the most frequent."""

    question_id: Number
    image_id: Number
    multiple_choice_answer: str
    answers: Annotated[list[Answer], Field(min_length=1)]


def _or_fault(value: Any, read: Callable[[Any], Any]) -> Any:
    """An entry, or what is wrong with it."""
    try:
        return read(value)
    except ValidationError as error:
        return _words(error)


class Questions(BaseModel):
    """v2_OpenEnded_mscoco_<subset>_questions.json; an entry that does not fit is the sentence that says why."""

    questions: Annotated[list[Annotated[QuestionEntry, WrapValidator(_or_fault)]], Field(min_length=1)]


class Annotations(BaseModel):
    """v2_mscoco_<subset>_annotations.json; an entry that does not fit is the sentence that says why."""

    annotations: list[Annotated[AnnotationEntry, WrapValidator(_or_fault)]]


class Question(NamedTuple):
    """A question with its answers, the main one apart; `picture` names its picture in the prepared archive."""

    number: str
    picture: str
    text: str
    main: str
    answers: tuple[str, ...]


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """Train is of train2014, val and test of different pictures of val2014; those of broken pictures are dropped."""
    findings = Findings(parameters.records)
    questions = {subset: read_questions(raw, subset, findings) for subset in SUBSETS}
    labels = vocabulary((one for part in questions.values() for one in part), least=parameters.least_questions)
    if not labels:
        raise UserError(f"no answer is the main one of {parameters.least_questions} questions; lower `least_questions`")
    photographs = Photographs(raw, side=parameters.side)
    places = {label: index for index, label in enumerate(labels)}
    splits: dict[str, list[Sample]] = {}
    for split, names in _choose_pictures(questions, parameters).items():
        subset, kept = OWNERS[split], set()
        for name in names:
            with findings.dropping(name, subset, "broken picture", split=split):
                photographs.read(name)
                kept.add(name)
        findings.check_share(split, len(kept))
        own = [question for question in questions[subset] if question.picture in kept]
        splits[split] = [_sample(question, places) for question in own]
        total = len(questions[subset])
        if len(own) < total:
            reason = f"questions on other pictures: {split} has {len(own)} of {total} questions of {subset}"
            findings.add(f"{subset} ({total - len(own)} questions)", subset, action="dropped", reason=reason)
        for question in own:
            if not places.keys() & set(question.answers):
                reason = "no answer among the labels: all of its targets are 0"
                findings.add(question.number, question.picture, action="kept", reason=reason)
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


def read_questions(raw: dict[str, Path], subset: str, findings: Findings) -> list[Question]:
    """The questions of a subset in the file's order, each with its answers; bad entries are dropped."""
    part = SUBSETS[subset]
    name = f"v2_OpenEnded_mscoco_{subset}_questions.json of {raw_file(raw, f'v2_Questions_{part}')}"
    questions = _fitting(_parsed(Questions, name).questions, f"{name}: questions", subset, findings)
    source = f"v2_mscoco_{subset}_annotations.json of {raw_file(raw, f'v2_Annotations_{part}')}"
    annotations = _fitting(_parsed(Annotations, source).annotations, f"{source}: annotations", subset, findings)
    annotation_of = {entry.question_id: entry for _, entry in annotations}
    times = Counter(entry.question_id for part in (questions, annotations) for _, entry in part)
    kept: dict[int, Question] = {}
    for where, question in questions:
        number, text = question.question_id, " ".join(question.question.split())
        entry = annotation_of.get(number)
        if entry is None or entry.image_id != question.image_id:
            findings.drop(str(number), where, "no answers to it on its picture", split=subset)
        elif times[number] > 2:
            findings.drop(str(number), where, "id given twice", split=subset)
        elif not text:
            findings.drop(str(number), where, "empty question", split=subset)
        else:
            picture = f"COCO_{subset}_{question.image_id:012d}.png"
            answers = tuple(one.answer for one in entry.answers)
            kept[number] = Question(str(number), picture, text, entry.multiple_choice_answer, answers)
    findings.check_share(subset, len(kept))
    return list(kept.values())


def vocabulary(questions: Iterable[Question], *, least: int) -> list[str]:
    """The main answers of at least so many questions, normalised: the most frequent first, equals by the alphabet.

    An answer of which nothing is left then, as of "a" or "?", is none.
    """
    counts = Counter(normalise(question.main) for question in questions)
    frequent = [answer for answer, count in counts.items() if answer and count >= least]
    return sorted(frequent, key=lambda answer: (-counts[answer], answer))


def _parsed(kind: type[File], place: str) -> File:
    name, _, path = place.partition(" of ")
    with open_archive(Path(path)) as archive:
        content = member(archive, name)
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise UserError(f"{place}: {_words(error)}; fetch it again") from error


def _fitting(entries: Sequence[Entry], place: str, subset: str, findings: Findings) -> list[tuple[str, Entry]]:
    """The entries that fit, with their places."""
    fitting = []
    for index, entry in enumerate(entries):
        if isinstance(entry, str):
            findings.drop(f"entry {index}", f"{place}[{index}]", f"does not fit: {entry}", split=subset)
        else:
            fitting.append((f"{place}[{index}]", entry))
    return fitting


def _words(error: ValidationError) -> str:
    """The first fault that pydantic finds, and where."""
    first = error.errors(include_url=False)[0]
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"]).removeprefix(".")
    return f"{place or 'the file'}: {first['msg']}"


def _choose_pictures(questions: dict[str, list[Question]], parameters: Parameters) -> dict[str, list[str]]:
    """Split -> its pictures."""
    limits, chosen = parameters.pictures, {}
    for subset in SUBSETS:
        order = hashed_order({question.picture for question in questions[subset]}, "vqa-v2", parameters.seed, subset)
        owners = [split for split, owner in OWNERS.items() if owner == subset]
        given = sum(limits[split] or 0 for split in owners)
        needed = given + sum(limits[split] is None for split in owners)  # at least one for each that has the others
        if needed > len(order):
            raise UserError(f"`pictures` asks for {needed} of {subset}, which has {len(order)} with questions")
        first = 0
        for split in owners:
            limit = limits[split]
            last = first + (len(order) - given if limit is None else limit)
            chosen[split], first = order[first:last], last
    return {split: chosen[split] for split in OWNERS}


def _sample(question: Question, places: dict[str, int]) -> Sample:
    counts = Counter(answer for answer in question.answers if answer in places)
    scores = {places[answer]: answer_share(count, len(question.answers)) for answer, count in counts.items()}
    target = tuple(sorted(scores))
    score = tuple(scores[label] for label in target)
    return Sample(question.number, question.picture, question.text, target, score, question.answers)
