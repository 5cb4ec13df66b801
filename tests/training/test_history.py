"""Curves in columns of machine numbers: what a list of rows would be, in a fifth of the memory."""

import sys
from pathlib import Path

import pyarrow.parquet as pq
import torch
from small_study import rows_of

from msd.data.columns import write_columns
from msd.training.history import COLUMNS, History

MEANS = {"loss": 0.1, "task": float("nan")}
VALUES = torch.tensor([0.3, 1e-40, 2.0])


def steps(count: int) -> tuple[History, list[tuple]]:
    """Steps of which three samples are kept, and a score at the end; the same as rows."""
    history, rows = History(), []
    for step in range(count):
        history.add_samples(7, step, step // 2, "weight/text", torch.tensor([5, 0, 70_000]), VALUES)
        history.add(7, step, step // 2, MEANS)
        of_samples = zip(VALUES.tolist(), (5, 0, 70_000), strict=True)
        rows += [(7, step, step // 2, "weight/text", value, sample) for value, sample in of_samples]
        rows += [(7, step, step // 2, term, value, None) for term, value in MEANS.items()]
    history.add(7, count - 1, (count - 1) // 2, {"val/é": 1.0})
    return history, [*rows, (7, count - 1, (count - 1) // 2, "val/é", 1.0, None)]


def test_the_file_is_that_of_the_rows_to_the_byte(tmp_path: Path) -> None:
    history, rows = steps(5)
    history.write(str(tmp_path / "ours.parquet"))
    columns = zip(COLUMNS.values(), zip(*rows, strict=True), strict=True)
    write_columns(tmp_path / "rows.parquet", dict(zip(COLUMNS, columns, strict=True)))
    assert (tmp_path / "ours.parquet").read_bytes() == (tmp_path / "rows.parquet").read_bytes()
    read = pq.read_table(tmp_path / "ours.parquet").to_pylist()
    assert [tuple(row.values())[:4] for row in read] == [row[:4] for row in rows]
    assert [row["sample"] for row in read] == [row[5] for row in rows]


def test_no_rows_are_a_file_too(tmp_path: Path) -> None:
    History().write(str(tmp_path / "none.parquet"))
    assert pq.read_table(tmp_path / "none.parquet").shape == (0, len(COLUMNS))


def test_a_row_takes_thirty_bytes_in_memory_and_in_a_checkpoint(tmp_path: Path) -> None:
    """VQA v2 with weights of three views, ten epochs: 13 million rows are 400 MB; as tuples they are 2 GB."""
    history, rows = steps(1000)
    assert sum(sys.getsizeof(column) for column in history.columns.values()) < 1.1 * 30 * len(history)
    assert sum(sys.getsizeof(row) + sys.getsizeof(row[4]) for row in rows) > 100 * len(rows)
    torch.save(history.state_dict(), tmp_path / "history.pt")
    assert (tmp_path / "history.pt").stat().st_size < 30 * len(history) + 4096


def test_it_goes_through_a_checkpoint_and_is_added_to_another(tmp_path: Path) -> None:
    history, _ = steps(3)
    torch.save(history.state_dict(), tmp_path / "history.pt")
    again = History()
    again.load_state_dict(torch.load(tmp_path / "history.pt", weights_only=True))
    history.add(7, 3, 1, {"loss": 0.5})  # the tensors are gone that shared its memory
    again.add(7, 3, 1, {"loss": 0.5})
    whole = History()
    whole.add(1, 0, 0, {"learning_rate": 1.0, "loss": 2.0})
    whole.add_history(again)
    assert repr(rows_of(whole)[2:]) == repr(rows_of(again)) == repr(rows_of(history))
    assert (whole.last("loss"), whole.last("learning_rate")) == (0.5, 1.0)
    assert whole.last("accuracy") != whole.last("accuracy"), "NaN"
    whole.add_history(History())
    assert len(whole) == len(again) + 2


def test_a_history_without_a_row_is_saved_and_read_again(tmp_path: Path) -> None:
    torch.save(History().state_dict(), tmp_path / "history.pt")
    again = History()
    again.load_state_dict(torch.load(tmp_path / "history.pt", weights_only=True))
    again.add(7, 0, 0, MEANS)
    assert (len(again), again.last("loss")) == (2, 0.1)
