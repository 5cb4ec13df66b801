"""Tables of a user's own with every fault: each is dropped, named or told in one sentence."""

from collections.abc import Callable
from typing import Any

import pytest
from faults import one_sentence
from own_table_files import ROWS, as_csv, as_jsonl, as_parquet, faults, picture, rows, samples, with_labels

from msd.data.prepared import Prepared
from msd.errors import UserError


def test_training_loses_what_another_split_has(run: Callable[..., Prepared]) -> None:
    train, own = rows(20), rows(6, start=50)
    train[3]["image"], train[5]["image"] = "a/50.png", "a/54.png"
    parts = {"train.csv": as_csv(train), "val.csv": as_csv(own[:3]), "test.csv": as_csv(own[3:])}
    prepared = run(parts)
    assert faults(prepared) == [("train-5", "dropped", "also in val"), ("train-7", "dropped", "also in test")]
    assert len(prepared.splits["train"]) == 18


def test_the_same_row_is_dropped_and_other_labels_for_it_are_named(run: Callable[..., Prepared]) -> None:
    content = rows()
    content += [content[0], content[1] | {"label": "no"}]
    prepared = run({"t.csv": as_csv(content)})
    assert faults(prepared) == [
        ("t-26", "dropped", "the same row again: t-2"),
        ("t-27", "kept", "other labels for the same picture and text: t-3"),
    ]
    assert len(samples(prepared)) == ROWS + 1


def test_a_label_that_training_does_not_have_is_named(run: Callable[..., Prepared]) -> None:
    parts = {name: rows(8, start) for start, name in ((0, "train"), (10, "val"), (20, "test"))}
    for number in (0, 1):
        parts["test"][number]["label"] = "perhaps"
    prepared = run({f"{name}.csv": as_csv(own) for name, own in parts.items()})
    assert prepared.labels == ["no", "perhaps", "yes"]
    reason = "label that training does not have: perhaps"
    assert faults(prepared) == [("test-2", "kept", reason), ("test-3", "kept", reason)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"text": " "}, "no text: the column 'text' is empty"),
        ({"text": None}, "no text: the column 'text' is empty"),
        ({"text": "NaN"}, "no text: the column 'text' is empty"),
        ({"text": ["a"]}, "no text: the column 'text' has \"['a']\""),
        ({"label": float("nan")}, "no label: the column 'label' is empty"),
        ({"label": ""}, "no label: the column 'label' is empty"),
        ({"label": ["yes"]}, "label of another kind: a list, where most rows have a text"),
        ({"label": 1}, "label of another kind: a number, where most rows have a text"),
        ({"label": {"yes": 2}}, "no label: in the column 'label' the score of 'yes' is '2', not from 0 to 1"),
        ({"label": "[yes]"}, "no label: in the column 'label' '[yes]' is not JSON"),
        ({"label": "x" * 300}, "no label: in the column 'label' 'xxx"),
        ({"label": "a\x07b"}, "no label: in the column 'label' 'a"),
        ({"image": ""}, "no picture: the column 'image' is empty"),
        ({"image": 5}, "no picture: '5' is neither the place of one nor its bytes"),
        ({"image": "a/none.png"}, "no picture: 'a/none.png' is not there"),
        ({"image": "broken.png"}, "broken picture: the picture broken.png is broken"),
        ({"image": "../a/1.png"}, "picture outside the folder: '../a/1.png'"),
        ({"image": "/etc/passwd"}, "picture outside the folder: '/etc/passwd'"),
        ({"image": "C:\\a.png"}, "picture outside the folder: 'C:\\\\a.png'"),
    ],
)
def test_a_bad_row_is_dropped_or_told(run: Callable[..., Prepared], change: dict[str, Any], reason: str) -> None:
    content = rows()
    content[4] |= change
    broken = {"pictures/broken.png": picture(1)[:40]}
    [(record, action, said)] = faults(run({"t.jsonl": as_jsonl(content)}, broken))
    assert (record, action) == ("t-5", "dropped")
    assert said.startswith(reason)
    with pytest.raises(UserError) as error:
        run({"t.jsonl": as_jsonl(content)}, broken, records="strict")
    assert str(error.value).startswith(f"t.jsonl:5: t-5: {reason}")


def test_a_line_that_is_no_row_is_dropped_or_told(run: Callable[..., Prepared]) -> None:
    lines = as_jsonl(rows()).splitlines()
    lines[2], lines[3] = b'{"image":', b"[1]"
    prepared = run({"t.jsonl": b"\n".join(lines)})
    assert [(record, said.partition(":")[0]) for record, _, said in faults(prepared)] == [
        ("row 3", "no JSON object"),
        ("row 4", "no JSON object"),
    ]
    fields = as_csv(rows()) + b"a/30.png,one,yes,more\n"
    assert faults(run({"t.csv": fields})) == [
        ("row 26", "dropped", "other number of fields: 4, where the header has 3")
    ]


def test_text_of_several_lines_is_one_row_and_numbers_are_of_its_first_line(run: Callable[..., Prepared]) -> None:
    content = rows()
    content[0]["text"] = "two\nlines"
    content[2]["text"] = ""
    prepared = run({"t.csv": as_csv(content)})
    assert samples(prepared)["2"][1] == "two lines"
    assert faults(prepared)[0][0] == "t-5"


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("tables", "options", "sentence"),
    [
        ({"t.csv": b""}, {}, "t.csv is empty"),
        ({"t.csv": b"\xef\xbb\xbf"}, {}, "t.csv has no rows"),
        ({"t.csv": b"image,text,label\n"}, {}, "t.csv has no rows"),
        ({"t.jsonl": b"\n\n"}, {}, "t.jsonl is empty"),
        ({"t.csv": as_csv(rows())}, {"text": "caption"}, "t.csv has no column 'caption'; known are image, label, text"),
        ({"t.jsonl": as_jsonl(rows())}, {"labels": ["labels"]}, r"no column 'labels'; did you mean 'label'\?"),
        ({"t.parquet": as_parquet(rows())}, {"image": "images"}, r"no column 'images'; did you mean 'image'\?"),
        ({"t.csv": as_csv(rows(), ";")}, {}, "t.csv:1 is one column, 'image;text;label': is ';' its delimiter"),
        ({"t.csv": as_csv(rows(), "\t")}, {}, "is '.t' its delimiter"),
        ({"t.csv": b"image,text,label,label\n1,2,3,4\n"}, {}, "t.csv:1 has two columns 'label'; rename one"),
        ({"t.csv": as_csv(rows()).replace(b"text 3", b"caf\xe9")}, {}, "t.csv:5 is not UTF-8 text; save it as UTF-8"),
        ({"t.csv": as_csv(rows()) + b'x,"y,z\n'}, {}, "t.csv:26 is no row of a CSV file"),
        ({"t.parquet": _cut(as_parquet(rows()))}, {}, "t.parquet is not a readable Parquet file"),
        ({"t.csv": as_csv(with_labels(*range(ROWS)))}, {}, "the labels in 'label' are 24 in 24 rows, nearly each its"),
        ({"t.csv": as_csv(with_labels("yes"))}, {}, "the labels in 'label' are all 'yes'; a task needs two"),
        ({"t.csv": as_csv(with_labels("", "", "yes", "no", ""))}, {}, "14 of 24 records of t.csv are bad, too many; the"),
        ({"test.csv": as_csv(rows())}, {"tables": {"test": ["test.csv"]}}, "no row is of train; name its table train.csv"),
        ({"t.csv": as_csv(rows(2) + rows(2))}, {}, "the labels in 'label' are 2 in 2 rows"),
        (
            {"train.csv": as_csv(rows()), "val.csv": as_csv(rows(2, 50)), "test.csv": as_csv(rows(1, 60))},
            {},
            "all 1 rows of the split test have the label 'no'; bring others",
        ),
        ({"t.csv": as_csv([row | {"who": 1} for row in rows()])}, {"group": "who"}, "no row is left for the split val"),
    ],
)  # fmt: skip
def test_a_table_of_which_nothing_can_be_made_is_one_sentence(
    run: Callable[..., Prepared], tables: dict[str, bytes], options: dict[str, Any], sentence: str
) -> None:
    with one_sentence(sentence):
        run(tables, **options)


def test_more_labels_than_a_study_can_have_are_refused(run: Callable[..., Prepared]) -> None:
    content = [row | {"label": number // 2} for number, row in enumerate(rows(20_000))]
    for number, row in enumerate(content):
        row["image"] = f"a/{number % 100}.png"
    with one_sentence("the labels in 'label' are 10,000, more than 4,096; join the rare ones in the table"):
        run({"t.csv": as_csv(content)})
