"""One policy for bad records: strict stops with the place, lenient drops, counts, and stops where most are bad."""

import pytest

from msd.data.findings import Findings, Row
from msd.errors import UserError, cause, decoding


def test_lenient_drops_and_counts_and_strict_stops_with_the_place() -> None:
    findings = Findings()
    findings.drop("7", "list.csv:3", "no plot")
    with findings.dropping("8", "list.csv:4", "broken picture"):
        raise UserError("8.png is broken")
    findings.add("9", "list.csv:5", action="repaired", reason="title: 'a_b'", files=2)
    assert findings.summary()["counts"] == {"dropped: broken picture": 1, "dropped: no plot": 1, "repaired: title": 2}
    assert findings[1] == {
        "record": "8", "where": "list.csv:4", "action": "dropped", "reason": "broken picture: 8.png is broken"
    }  # fmt: skip
    strict = Findings("strict")
    with pytest.raises(UserError, match=r"^list\.csv:3: 7: no plot; .*`records: lenient`"):
        strict.drop("7", "list.csv:3", "no plot")
    with pytest.raises(UserError, match=r"^8\.png is broken$"), strict.dropping("8", "list.csv:4", "broken picture"):
        raise UserError("8.png is broken")
    assert not strict


@pytest.mark.parametrize(("bad", "kept", "stops"), [(1, 1, False), (2, 1, True), (0, 0, False), (0, 3, False)])
def test_more_bad_records_than_good_ones_stop_a_lenient_reader(bad: int, kept: int, stops: bool) -> None:
    findings = Findings()
    findings.drop("x", "y", "of another split", split="train")
    for number in range(bad):
        findings.drop(str(number), f"list:{number}", "empty", split="test")
    if stops:
        with pytest.raises(UserError, match=f"{bad} of {bad + kept} records of test are bad, too many"):
            findings.check_share("test", kept)
    else:
        findings.check_share("test", kept)
        findings.drop("0", "list:0", "empty", split="test")
        findings.check_share("test", 1)


def test_a_row_stands_once_and_in_one_split_test_before_val_before_train() -> None:
    rows = {
        "train": [Row(("a", "v1"), "1"), Row(("a", "v1"), "2"), Row(("b", "v2"), "3"), Row(("c", "v1"), "4")],
        "val": [Row(("d", "v2"), "5"), Row(("e", "v3"), "6")],
        "test": [Row(("e", "v4"), "7")],
    }
    findings = Findings()
    kept = findings.once(rows)
    assert {split: [row.where for row in part] for split, part in kept.items()} == {
        "train": ["1", "4"], "val": ["5"], "test": ["7"]
    }  # fmt: skip
    assert {entry["where"]: entry["reason"] for entry in findings} == {
        "2": "listed twice", "3": "also in val", "6": "also in test"
    }  # fmt: skip


def test_a_library_s_words_are_the_same_in_every_run() -> None:
    error = OSError("Unable to read (file read failed: time = Thu Nov 26 08:00:00 2026\n, buf = 0x55d0, size = 8)")
    assert "0x" not in cause(error)
    assert "Nov" not in cause(error)
    assert cause(ValueError("cannot read <_io.BytesIO object at 0x7f12>")) == "cannot read <_io.BytesIO object at …>"
    assert cause(KeyError(3)) == cause(ValueError("")) == "damaged content"
    assert cause(FileNotFoundError(2, "No such file", "/tmp/x")) == "No such file"


@pytest.mark.parametrize("raised", [KeyError(3), MemoryError(), UserError("x is y"), OverflowError("too large")])
def test_what_a_decoder_raises_is_one_sentence_without_its_name(raised: Exception) -> None:
    with pytest.raises(UserError) as caught, decoding("x is broken"):
        raise raised
    assert type(raised).__name__ not in str(caught.value)
    assert str(caught.value).startswith("x is ")
