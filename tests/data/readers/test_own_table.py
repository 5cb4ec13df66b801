"""Tables of a user's own, in every format and with every fault, prepared."""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from faults import one_sentence
from PIL import Image

from msd.config.contracts.data import PrepareParams
from msd.data.pictures import png, write_archive
from msd.data.prepare import prepare as stage
from msd.data.prepared import Prepared, check
from msd.data.readers import table
from msd.errors import UserError
from msd.job import Job

ROWS = 24
SHARES = {"train": 0.5, "val": 0.25, "test": 0.25}
OPTIONS = {"image": "image", "text": "text", "labels": ["label"], "side": 8, "seed": 1, "shares": SHARES}
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
Rows = list[dict[str, Any]]


def picture(number: int) -> bytes:
    return png(Image.new("RGB", (12, 6), (number % 256, number // 256, 9)))


def named(number: int) -> str:
    """The name of a picture among the prepared ones."""
    return f"{hashlib.sha256(picture(number)).hexdigest()[:24]}.png"


def rows(count: int = ROWS, start: int = 0) -> Rows:
    return [
        {"image": f"a/{number}.png", "text": f"text {number}", "label": ("no", "yes")[number % 2]}
        for number in range(start, start + count)
    ]


def as_csv(content: Rows, delimiter: str = ",") -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(content[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(content)
    return stream.getvalue().encode()


def as_jsonl(content: Rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in content).encode()


def as_parquet(content: Rows, schema: pa.Schema | None = None) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(content, schema=schema), stream)
    return stream.getvalue()


def with_bytes(content: Rows) -> Rows:
    """The rows with their pictures inside, as Hugging Face's `datasets` writes them."""
    return [row | {"image": {"bytes": picture(number), "path": "x.png"}} for number, row in enumerate(content)]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Prepared]:
    """A function that packs tables with the pictures 0 to 99 beside them, and prepares them."""

    def read(packed: dict[str, bytes], pictures: dict[str, bytes] | None = None, **options: Any) -> Prepared:
        there = {f"pictures/a/{number}.png": picture(number) for number in range(100)} | (pictures or {})
        write_archive(tmp_path / "own.zip", packed | there)
        splits = {name.partition(".")[0]: [name] for name in packed}
        own = splits if "train" in splits else {"all": list(packed)}
        parameters = table.Parameters.model_validate({**OPTIONS, "tables": own, **options})
        prepared = table.prepare({"own.zip": tmp_path / "own.zip"}, parameters)
        check(prepared)
        return prepared

    return read


def samples(prepared: Prepared) -> dict[str, tuple[str, str, dict[str, float]]]:
    """The uid's number -> picture, text, label -> score, of all splits."""
    return {
        sample.uid.rpartition("-")[2]: (
            sample.image,
            sample.text,
            {prepared.labels[label]: score for label, score in zip(sample.target, sample.score, strict=True)},
        )
        for own in prepared.splits.values()
        for sample in own
    }


def faults(prepared: Prepared) -> list[tuple[str, str, str]]:
    return [(entry["record"], entry["action"], entry["reason"]) for entry in prepared.findings]


FORMATS = {
    "posts.csv": as_csv(rows()),
    "marked.csv": b"\xef\xbb\xbf" + as_csv(rows()),
    "wide.csv": as_csv(rows()).decode().encode("utf-16"),
    "posts.jsonl": as_jsonl(rows()),
    "posts.parquet": as_parquet(rows()),
    "inside.parquet": as_parquet(
        with_bytes(rows()), pa.schema([("image", IMAGE), ("text", pa.string()), ("label", pa.string())])
    ),
    "binary.parquet": as_parquet([row | {"image": picture(number)} for number, row in enumerate(rows())]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_gives_the_same_samples(run: Callable[..., Prepared], name: str) -> None:
    prepared = run({name: FORMATS[name]})
    first = {".csv": 2}.get(Path(name).suffix, 1)  # the line of the first row
    assert samples(prepared) == {
        str(number + first): (named(number), f"text {number}", {("no", "yes")[number % 2]: 1.0})
        for number in range(ROWS)
    }
    assert prepared.labels == ["no", "yes"]
    assert prepared.pictures[named(3)].size == (8, 4)
    assert {split: len(own) for split, own in prepared.splits.items()} == {"train": 12, "val": 6, "test": 6}
    assert not prepared.findings


def _with_labels(*cells: Any) -> Rows:
    return [row | {"label": cells[number % len(cells)]} for number, row in enumerate(rows())]


HUGGING = {
    b"huggingface": json.dumps({"info": {"features": {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}}})
}
CLASSES = pa.schema([("image", pa.string()), ("text", pa.string()), ("label", pa.int64())], HUGGING)
MAPS = pa.schema([("image", pa.string()), ("text", pa.string()), ("label", pa.map_(pa.string(), pa.float32()))])


@pytest.mark.parametrize(
    ("tables", "options", "expected"),
    [
        ({"t.csv": as_csv(_with_labels("a; b", "b"))}, {"separator": ";"}, [{"a": 1, "b": 1}, {"b": 1}]),
        ({"t.csv": as_csv(_with_labels('["a", "b"]', "[]"))}, {}, [{"a": 1, "b": 1}, {}]),
        ({"t.csv": as_csv(_with_labels('{"a": 0.25, "b": 0}', '{"b": 1}'))}, {}, [{"a": 0.25}, {"b": 1}]),
        ({"t.jsonl": as_jsonl(_with_labels(["a", "b"], []))}, {}, [{"a": 1, "b": 1}, {}]),
        ({"t.jsonl": as_jsonl(_with_labels({"a": 0.5, "b": None}, {"b": 1}))}, {}, [{"a": 0.5}, {"b": 1}]),
        ({"t.jsonl": as_jsonl(_with_labels(2, 10.0))}, {}, [{"2": 1}, {"10": 1}]),
        ({"t.csv": as_csv(_with_labels("2", "b"))}, {}, [{"2": 1}, {"b": 1}]),
        ({"t.jsonl": as_jsonl(_with_labels(2, "3"))}, {}, [{"2": 1}, {"3": 1}]),
        ({"t.jsonl": as_jsonl(_with_labels(True, False))}, {}, [{"true": 1}, {"false": 1}]),
        ({"t.parquet": as_parquet(_with_labels(["a", "b"], []))}, {}, [{"a": 1, "b": 1}, {}]),
        ({"t.parquet": as_parquet(_with_labels(1, 0), CLASSES)}, {}, [{"yes": 1}, {"no": 1}]),
        ({"t.parquet": as_parquet(_with_labels([("a", 0.5)], [("b", 1.0)]), MAPS)}, {}, [{"a": 0.5}, {"b": 1}]),
        (
            {"t.csv": as_csv([row | {"red": number % 2, "blue": "0.5"} for number, row in enumerate(rows())])},
            {"labels": ["red", "blue"]},
            [{"blue": 0.5}, {"red": 1, "blue": 0.5}],
        ),
    ],
)
def test_labels_are_one_several_or_scores(
    run: Callable[..., Prepared], tables: dict[str, bytes], options: dict[str, Any], expected: Rows
) -> None:
    prepared = run(tables, **options)
    found = samples(prepared)
    first = min(map(int, found))
    assert [found[str(first + number)][2] for number in range(ROWS)] == expected * (ROWS // 2)
    assert not prepared.findings


def test_numbers_are_sorted_by_their_size(run: Callable[..., Prepared]) -> None:
    assert run({"t.csv": as_csv(_with_labels("10", "-1", "9"))}).labels == ["-1", "9", "10"]


def test_rows_of_a_picture_or_a_group_stay_together_and_others_do_not_move(run: Callable[..., Prepared]) -> None:
    """Two rows on each picture, two pictures in each group; equal bytes under two names are one picture."""
    content = [row | {"image": f"a/{number // 2}.png", "who": number // 4} for number, row in enumerate(rows(96))]
    content[1]["image"] = "twin.png"
    twin = {"pictures/twin.png": picture(0)}
    by_picture, by_group, again = (
        run({"t.csv": as_csv(content)}, twin, **options) for options in ({}, {"group": "who"}, {})
    )
    for prepared, size in ((by_picture, 2), (by_group, 4)):
        sides = {sample.uid: split for split, own in prepared.splits.items() for sample in own}
        groups = [{sides[f"t-{start + member + 2}"] for member in range(size)} for start in range(0, 96, size)]
        assert all(len(group) == 1 for group in groups)
        assert set.union(*groups) == {"train", "val", "test"}
    assert by_picture.splits == again.splits
    assert by_picture.splits != run({"t.csv": as_csv(content)}, twin, seed=2).splits


def test_a_split_that_is_not_given_is_made_of_train(run: Callable[..., Prepared]) -> None:
    prepared = run({"train.csv": as_csv(rows(24)), "test.jsonl": as_jsonl(rows(10, start=50))})
    assert {split: len(own) for split, own in prepared.splits.items()} == {"train": 16, "val": 8, "test": 10}
    assert {sample.uid.partition("-")[0] for sample in prepared.splits["test"]} == {"test"}
    assert {sample.uid.partition("-")[0] for sample in prepared.splits["val"]} == {"train"}


def test_a_column_says_the_split(run: Callable[..., Prepared]) -> None:
    names = ["train", "TRAIN", "Training", "train", "dev", "validation", "test", "Test", "extra", "train"]
    content = [row | {"part": names[number // 2]} for number, row in enumerate(rows(20))]
    prepared = run({"t.csv": as_csv(content)}, split="part")
    assert {split: len(own) for split, own in prepared.splits.items()} == {"train": 10, "val": 4, "test": 4}
    assert faults(prepared)[0] == ("t-18", "dropped", "no split: the column 'part' has 'extra'")


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
        ({"t.csv": as_csv(_with_labels(*range(ROWS)))}, {}, "the labels in 'label' are 24 in 24 rows, nearly each its"),
        ({"t.csv": as_csv(_with_labels("yes"))}, {}, "the labels in 'label' are all 'yes'; a task needs two"),
        ({"t.csv": as_csv(_with_labels("", "", "yes", "no", ""))}, {}, "14 of 24 records of t.csv are bad, too many; the"),
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


def test_the_stage_gives_the_same_bytes_twice(run: Callable[..., Prepared], tmp_path: Path) -> None:
    run({"t.csv": FORMATS["posts.csv"]})

    def made() -> Iterator[bytes]:
        endings = {"labels": "json", "findings": "json", "pictures": "zip"}
        outputs = {
            name: str(tmp_path / f"out/{name}.{endings.get(name, 'parquet')}")
            for name in ("train", "val", "test", *endings)
        }
        params = {
            "name": "own",
            "module": "table",
            "task": "binary",
            "prepare": {**OPTIONS, "tables": {"all": ["t.csv"]}},
        }
        stage(Job("prepare", PrepareParams(**params), {"files": [str(tmp_path / "own.zip")]}, outputs))
        yield from (Path(path).read_bytes() for path in outputs.values())

    assert list(made()) == list(made())
