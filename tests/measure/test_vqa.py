"""VQA accuracy of answer strings, held against values that the released evaluation gave."""

import pytest

from msd.measure.vqa import answer_scores, normalise

NORMALISED = {
    "A dog": "dog", "the": "", "none": "0", "ten": "10", "eleven": "eleven", "dont": "don't", "Im": "im",
    "hes": "he's", "shes": "shes", "somebody'd": "somebodyd", "1,000": "1000", "1, 000": "1 000", "3.5": "3.5",
    "3.": "3", "U.S.A.": "usa", "St. Louis": "st louis", "7 a.m": "7 am", "3.a": "3a", "a.3": "a.3",
    "t-shirt": "t shirt", "no,yes": "no yes", "1/2": "1 2", "coca_cola": "coca cola", "(left)": "left",
    "10:30": "10:30", "$5": "$5", "50%": "50%", "#1": "#1", "black & white": "black & white", "“café”": "“café”",
    "couldnt've": "couldn't've", "youll": "you'll", "." * 40: "." * 8,
}  # fmt: skip
NUMBERS = ["1"] * 4 + ["one"] * 3 + ["2"] * 2 + ["none"]


def vqa_accuracy(answer: str, gold: list[str], *, always_normalise: bool = False) -> float:
    return answer_scores([gold], [answer], always_normalise=always_normalise).item()


@pytest.mark.parametrize(("answer", "expected"), NORMALISED.items())
def test_normalise(answer, expected):
    assert normalise(answer) == expected


@pytest.mark.parametrize(("matching", "expected"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (10, 1)])
def test_accuracy_by_matching_answers(matching, expected):
    gold = ["red"] * matching + [f"other {index}" for index in range(10 - matching)]
    assert vqa_accuracy("red", gold) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "gold", "official", "normalised"),
    [
        ("Yes", ["yes"] * 10, 0, 1),
        ("Yes", ["yes"] * 9 + ["no"], 1, 1),
        ("dog", ["a dog"] * 10, 0, 1),
        ("dog", ["a dog"] * 9 + ["cat"], 1, 1),
        ("yes", ["yes"] * 3 + ["no"] * 2, 0.8, 0.8),
        ("", [""] * 10, 1, 1),
        *[
            (answer, NUMBERS, value, value)
            for answer, value in {"one": 1, "1": 1, "2": 0.6, "0": 0.3, "none": 0.3, "3": 0}.items()
        ],
    ],
)
def test_golden_accuracies(answer, gold, official, normalised):
    assert vqa_accuracy(answer, gold) == pytest.approx(official)
    assert vqa_accuracy(answer, gold, always_normalise=True) == pytest.approx(normalised)


def test_a_question_without_answers_is_refused():
    with pytest.raises(ValueError, match="at least one answer"):
        vqa_accuracy("red", [])
