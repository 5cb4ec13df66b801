"""Rows in files: those that are asked for, in any process; a file that ends too early."""

import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from msd.data.rows import Ragged, all_of, blocks, npy_rows, safetensors_rows
from msd.errors import UserError

VALUES = torch.arange(24, dtype=torch.float32).reshape(4, 3, 2) / 7


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int32])
def test_rows_of_files_are_those_of_the_arrays(tmp_path: Path, dtype: torch.dtype) -> None:
    stored = VALUES.to(dtype, copy=True)
    np.save(tmp_path / "a.npy", stored.numpy())
    safetensors.torch.save_file({"a": stored, "other": VALUES}, tmp_path / "a.safetensors", metadata={"of": "x"})
    metadata, tensors = safetensors_rows(tmp_path / "a.safetensors")
    assert metadata == {"of": "x"}
    expected = stored.float() if dtype == torch.float16 else stored
    for rows in (npy_rows(tmp_path / "a.npy"), tensors["a"]):
        assert (len(rows), rows.shape) == (4, (4, 3, 2))
        picked = torch.tensor([3, 0, 3])
        assert torch.equal(rows[picked], expected[picked])
        assert torch.equal(rows.read(picked), stored[picked])
        assert torch.equal(all_of(pickle.loads(pickle.dumps(rows))), expected)


def test_another_process_reads_them_too(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES.numpy())
    rows = npy_rows(tmp_path / "a.npy")
    assert torch.equal(all_of(rows), VALUES)  # opened here, and not in the other process
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert torch.equal(pool.submit(all_of, rows).result(), VALUES)


def test_a_file_that_ends_too_early_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES.numpy())
    rows = npy_rows(tmp_path / "a.npy")
    with open(tmp_path / "a.npy", "r+b") as file:
        file.truncate(128 + 3 * 24 + 1)
    with pytest.raises(UserError, match=r"a.npy ends in front of its row 3"):
        all_of(rows)
    for read, name in ((npy_rows, "a.npy"), (safetensors_rows, "a.safetensors")):
        (tmp_path / name).write_bytes(b"\x02\0\0\0\0\0\0\0no file of rows")
        with pytest.raises(UserError, match=name):
            read(tmp_path / name)


def test_a_row_that_only_in_part_fits_on_the_disk_is_not_taken_as_written(
    tmp_path: Path, small_files: Callable
) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1, 5), np.float32))
    rows = replace(npy_rows(tmp_path / "a.npy"), shape=(1, 5000))
    with small_files(), pytest.raises(OSError, match="File too large"):
        rows.write(torch.tensor([0]), torch.ones(1, 5000))


def test_ragged_rows_are_padded_with_zeros() -> None:
    rows = Ragged(torch.tensor([0, 2, 2, 5]), torch.tensor([1, 2, 3, 4, 5]))
    assert rows.shape == (3, 3)
    assert rows[torch.tensor([1, 0])].tolist() == [[0, 0], [1, 2]]
    assert rows[torch.tensor([2, 1])].tolist() == [[3, 4, 5], [0, 0, 0]]
    assert rows[torch.tensor([1])].shape == (1, 0)
    assert Ragged(torch.tensor([0, 0]), torch.tensor([])).shape == (1, 0)


def test_blocks_are_all_rows_in_their_order() -> None:
    assert [block.tolist() for block in blocks(5, 2**23)] == [[0, 1], [2, 3], [4]]
    assert [len(block) for block in blocks(3, 2**30)] == [1, 1, 1]
