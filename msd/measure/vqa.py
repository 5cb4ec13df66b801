"""VQA accuracy of answer strings: as the official evaluation does it, and with every answer normalised.

What the released evaluation (VQA, Antol et al., ICCV 2015; Goyal et al., CVPR 2017) does was read off its results, its
oddities included; no code of it is here.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
MARKS = ';/[]"{}()=+\\_-><@`,?!'
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
WORDS = {word: str(number) for number, word in enumerate(NUMBERS)} | {"none": "0"}
ARTICLES = ("a", "an", "the")
_SHORT = """ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd
he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't
not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's
someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've there're
there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've
when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't
wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've"""
CONTRACTIONS = {
    form[:place] + form[place + 1 :]: form
    for form in _SHORT.split()
    for place, letter in enumerate(form)
    if letter == "'"
} | {"somebody'd": "somebodyd"}
"""A form that lacks one apostrophe -> the whole form; the last one is the other way round in the released table."""
_THOUSANDS = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_PERIODS = 32  # a flag that the released code passes in the place of the count


@cache
def normalise(answer: str) -> str:
    """An answer in small letters without articles and most punctuation, numbers up to ten in digits."""
    return _plain_words(_without_marks(one_line(answer)))


def _compared(gold: Sequence[str], *, always_normalise: bool) -> tuple[Callable[[str], str], list[str]]:
    """The form in which answers to a question are compared, and the gold answers in it.

    The official evaluation normalises neither side when all gold answers are equal: "Yes" is wrong where ten people
    said "yes". `always_normalise` does so always.
    """
    if not gold:
        raise ValueError("gold: a question needs at least one answer")
    others = [one_line(one) for one in gold]
    if always_normalise or len(set(others)) > 1:
        return normalise, [normalise(one) for one in others]
    return one_line, others


def answer_share(matches: int, annotators: int) -> float:
    """What an answer scores that `matches` of the annotators gave: min(1, others / 3), the mean of leaving out each."""
    left_out = matches * min(1.0, (matches - 1) / 3) + (annotators - matches) * min(1.0, matches / 3)
    return left_out / annotators


def one_line(answer: str) -> str:
    """An answer without line breaks, tabs and spaces around it."""
    return answer.replace("\n", " ").replace("\t", " ").strip()


def answer_scores(people: Iterable[Sequence[str]], labels: Sequence[str], *, always_normalise: bool) -> Scores:
    """VQA accuracy (N, C) of every label as the answer to every question, given what people answered to each.

    It is the mean over the annotators of min(1, others who gave this answer / 3). Raises ValueError for a question
    without answers.
    """
    places: dict[tuple[object, str], list[int]] = defaultdict(list)  # a label in each form -> where it stands
    for form in (one_line, normalise):
        for index, label in enumerate(labels):
            places[form, form(label)].append(index)
    given = list(people)
    scores = np.zeros((len(given), len(labels)), dtype=np.float32)
    for row, answers in enumerate(given):
        shown, others = _compared(list(answers), always_normalise=always_normalise)
        for answer, matches in Counter(others).items():
            scores[row, places.get((shown, answer), [])] = answer_share(matches, len(others))
    return scores


def _without_marks(text: str) -> str:
    """A mark next to a space goes, and so does every mark beside a number like 1,000; others become a space."""
    plain = text
    for mark in MARKS:
        gone = f"{mark} " in text or f" {mark}" in text or _THOUSANDS.search(text)
        plain = plain.replace(mark, "" if gone else " ")
    return _PERIOD.sub("", plain, count=_PERIODS)


def _plain_words(text: str) -> str:
    words = (WORDS.get(word, word) for word in text.lower().split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)
