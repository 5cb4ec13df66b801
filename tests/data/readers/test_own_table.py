"""Tables of a user's own, in every format, prepared."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from own_table_files import (
    OPTIONS,
    ROWS,
    Rows,
    as_csv,
    as_jsonl,
    as_parquet,
    faults,
    named,
    picture,
    rows,
    samples,
    with_labels,
)

from msd.config.contracts.data import PrepareParams
from msd.data.prepare import prepare as stage
from msd.data.prepared import Prepared
from msd.job import Job

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def with_bytes(content: Rows) -> Rows:
    """The rows with their pictures inside, as Hugging Face's `datasets` writes them."""
    return [row | {"image": {"bytes": picture(number), "path": "x.png"}} for number, row in enumerate(content)]


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


HUGGING = {
    b"huggingface": json.dumps({"info": {"features": {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}}})
}
CLASSES = pa.schema([("image", pa.string()), ("text", pa.string()), ("label", pa.int64())], HUGGING)
MAPS = pa.schema([("image", pa.string()), ("text", pa.string()), ("label", pa.map_(pa.string(), pa.float32()))])


@pytest.mark.parametrize(
    ("tables", "options", "expected"),
    [
        ({"t.csv": as_csv(with_labels("a; b", "b"))}, {"separator": ";"}, [{"a": 1, "b": 1}, {"b": 1}]),
        ({"t.csv": as_csv(with_labels('["a", "b"]', "[]"))}, {}, [{"a": 1, "b": 1}, {}]),
        ({"t.csv": as_csv(with_labels('{"a": 0.25, "b": 0}', '{"b": 1}'))}, {}, [{"a": 0.25}, {"b": 1}]),
        ({"t.jsonl": as_jsonl(with_labels(["a", "b"], []))}, {}, [{"a": 1, "b": 1}, {}]),
        ({"t.jsonl": as_jsonl(with_labels({"a": 0.5, "b": None}, {"b": 1}))}, {}, [{"a": 0.5}, {"b": 1}]),
        ({"t.jsonl": as_jsonl(with_labels(2, 10.0))}, {}, [{"2": 1}, {"10": 1}]),
        ({"t.csv": as_csv(with_labels("2", "b"))}, {}, [{"2": 1}, {"b": 1}]),
        ({"t.jsonl": as_jsonl(with_labels(2, "3"))}, {}, [{"2": 1}, {"3": 1}]),
        ({"t.jsonl": as_jsonl(with_labels(True, False))}, {}, [{"true": 1}, {"false": 1}]),
        ({"t.parquet": as_parquet(with_labels(["a", "b"], []))}, {}, [{"a": 1, "b": 1}, {}]),
        ({"t.parquet": as_parquet(with_labels(1, 0), CLASSES)}, {}, [{"yes": 1}, {"no": 1}]),
        ({"t.parquet": as_parquet(with_labels([("a", 0.5)], [("b", 1.0)]), MAPS)}, {}, [{"a": 0.5}, {"b": 1}]),
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
    assert run({"t.csv": as_csv(with_labels("10", "-1", "9"))}).labels == ["-1", "9", "10"]


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
