"""Text files of people: every Unicode encoding with a mark is read, anything else is reported with its line."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msd.errors import UserError
from msd.system.text_file import parse_json, read_lines, read_rows, read_text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_the_mark_of_a_file_says_its_encoding(path: Path, encoding: str) -> None:
    path.write_bytes("clip,größe\na.wav,1\n".encode(encoding))
    assert read_text(path) == "clip,größe\na.wav,1\n"
    assert read_rows(path, columns=2) == [(1, ["clip", "größe"]), (2, ["a.wav", "1"])]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a\nb\ncafé".encode("latin-1"), ["list.csv:3", "UTF-8"]),
        ("clip".encode("utf-16-le"), ["list.csv", "zero bytes", "UTF-8"]),
        (b"\xff\xfea", ["list.csv", "UTF-16"]),
    ],
)
def test_another_encoding_is_one_sentence(path: Path, content: bytes, words: list[str]) -> None:
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_text(path)
    assert all(word in str(caught.value) for word in words)


def test_blank_lines_and_blanks_around_fields_are_nothing(path: Path) -> None:
    path.write_text('\n a.wav , 1\n\n"b, c.wav",2\n  ,\n\n')
    assert read_rows(path, columns=2) == [(2, ["a.wav", "1"]), (4, ["b, c.wav", "2"])]


OTHER_ENDS = "\u0085\u2028\u2029\f\v\x1c"
"""What Unicode calls ends of lines, and files do not."""


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_field_in_quotes_keeps_its_lines_and_other_fields_their_characters(path: Path, end: str) -> None:
    path.write_text(f'image,text{end}a.png,"a red{end}bus"{end}b.png,x{OTHER_ENDS}y{end}', newline="")
    rows = [(1, ["image", "text"]), (2, ["a.png", f"a red{end}bus"]), (4, ["b.png", f"x{OTHER_ENDS}y"])]
    assert read_rows(path, columns=2) == rows


def test_lines_end_where_editors_end_them(path: Path) -> None:
    path.write_text(f'{{"a": "x{OTHER_ENDS}y"}}\r\n\nb\rc\n', newline="")
    assert read_lines(path) == [(1, f'{{"a": "x{OTHER_ENDS}y"}}'), (2, ""), (3, "b"), (4, "c")]


def test_a_missing_file_and_an_open_quote_are_told(path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file nothing\.csv"):
        read_rows("nothing.csv", columns=2)
    path.write_text('a,b\n"c,d\n')
    with pytest.raises(UserError, match=r"list\.csv:2 is no line of a CSV file"):
        read_rows(path, columns=2)


@pytest.mark.parametrize(
    ("text", "columns", "rows"),
    [
        (",a,b\n0,x,y\n1,z,w\n", 2, [["a", "b"], ["x", "y"], ["z", "w"]]),
        ("7,x,y\n3,z,w\n", 2, [["x", "y"], ["z", "w"]]),
        ("a,b,c\n1,x,y\n1,z,w\n", 2, [["a", "b", "c"], ["1", "x", "y"], ["1", "z", "w"]]),
        ("1,x\n2,y\n", 2, [["1", "x"], ["2", "y"]]),
    ],
)
def test_a_column_that_only_numbers_the_rows_is_left_out(path: Path, text: str, columns: int, rows: list) -> None:
    path.write_text(text)
    assert [row for _, row in read_rows(path, columns=columns)] == rows


@pytest.mark.parametrize("content", ["{", "", "[" * 100_000, "1" * 5000, b"\xff\xfe\x00"])
def test_what_is_no_json_is_one_sentence(content: str | bytes) -> None:
    with pytest.raises(UserError, match=r"list\.json is not JSON \("):
        parse_json(content, "list.json")


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (r'["a\ud800b", "\uD83D", "\ud83d\ude00"]', ["a?b", "?", "😀"]),
        (rb'["\uDC00"]', ["?"]),
        (b'["\xed\xa0\x80"]', ["?"]),
    ],
)
def test_half_a_character_is_a_question_mark(content: str | bytes, values: list[str]) -> None:
    assert parse_json(content, "list.json") == values


@given(content=st.binary(max_size=60))
def test_any_bytes_are_text_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "list.csv"
    path.write_bytes(content)
    with contextlib.suppress(UserError):
        assert all(any(fields) for _, fields in read_rows(path, columns=2))
