"""What the system refuses is one sentence: which file, what is free, what to do; whatever library met it."""

import errno
import io
import os
import re
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import torch
from faults import one_sentence
from tokenizers import Tokenizer
from tokenizers.models import WordPiece

from msd.data.findings import Findings
from msd.data.rows import npy_rows
from msd.data.sound import recording
from msd.errors import UserError, decoding
from msd.mfh.crossmodal.video import length
from msd.system.memory import fits_in_memory
from msd.system.refusals import ADVICE, explained

NUMBERS = np.random.default_rng(0).random(20_000)
WORDS = {f"word{number}": number for number in range(5_000)}


def to_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE numbers (content BLOB)")
        database.execute("INSERT INTO numbers VALUES (?)", (NUMBERS.tobytes(),))


def to_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("numbers", NUMBERS.tobytes())


def to_torch(path: Path) -> None:
    with path.open("wb") as file:
        torch.save(torch.from_numpy(NUMBERS), file)


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("x" * 100_000),
    "numpy.npy": lambda path: np.save(path, NUMBERS),
    "parquet": lambda path: pd.DataFrame({"x": NUMBERS}).to_parquet(path),
    "csv": lambda path: pd.DataFrame({"x": NUMBERS}).to_csv(path),
    "safetensors": lambda path: safetensors.numpy.save_file({"x": NUMBERS}, path),
    "tokenizer": lambda path: Tokenizer(WordPiece(WORDS, unk_token="word0")).save(str(path)),
    "sqlite": to_sqlite,
    "zip": to_zip,
    "torch": to_torch,
    "torch by name": lambda path: torch.save(torch.from_numpy(NUMBERS), path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_library_s_words_for_a_file_that_may_not_grow(
    name: str, working_folder: Path, small_files: Callable[[], AbstractContextManager[None]]
) -> None:
    folder = working_folder / ".tmp-node-1-7"
    folder.mkdir()
    with pytest.raises(UserError) as refused, small_files(), explained([folder]):
        WRITERS[name](folder / name)
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert sentence.endswith(f": File too large; {ADVICE[errno.EFBIG]}, and run it again: what is finished stays")
    left = [path.name for path in folder.iterdir()]
    place = working_folder / left[0] if left else working_folder
    assert sentence.startswith(f"{place}: "), (
        "the final name of what could not be written, if the library left it there"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_says_what_is_free(working_folder: Path) -> None:
    words = r"No space left on device \([\d,.]+ of [\d,.]+ MB are free\); make room there"
    with pytest.raises(UserError, match=words), explained([working_folder]):
        Path("/dev/full").write_text("x")


@pytest.mark.skipif(not Path("/dev/shm").exists(), reason="a second disk")
def test_of_two_disks_the_fuller_one_is_meant(working_folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        folders = sorted((working_folder, Path(memory)), key=lambda folder: shutil.disk_usage(folder).free)
        for folder in folders:
            (folder / "file").write_text("newest where there is room")
        with pytest.raises(UserError) as refused, explained(folders[::-1]):
            raise RuntimeError("database or disk is full")
    assert str(refused.value).startswith(f"{folders[0] / 'file'}: No space left on device")


@pytest.mark.parametrize("number", sorted(ADVICE.keys() - {errno.ENOMEM}))
def test_the_file_that_an_error_names_and_what_to_do(number: int) -> None:
    cause = OSError(number, os.strerror(number), "a", None, "b/.tmp-node.example-12/c")
    with pytest.raises(UserError) as refused, explained([]):
        raise RuntimeError("a library's own") from cause
    assert str(refused.value).startswith(f"b/c: {os.strerror(number)}")
    assert ADVICE[number] in str(refused.value)


def test_other_errors_and_what_a_user_did_wrong_pass() -> None:
    for error in (KeyError("x"), FileNotFoundError(errno.ENOENT, "none", "x"), UserError("No such study")):
        with pytest.raises(type(error)) as raised, explained([]):
            raise error
        assert raised.value is error


REFUSED = {*ADVICE, errno.EMFILE, errno.ESTALE, errno.ETIMEDOUT, errno.EBUSY}


@pytest.mark.parametrize("number", sorted(REFUSED))
def test_a_file_that_the_system_refuses_is_not_a_damaged_one(number: int) -> None:
    """It would be dropped from its data set."""
    findings = Findings()
    with (
        pytest.raises(OSError, match=re.escape(os.strerror(number))),
        findings.dropping("a", "list.csv:1", "broken picture"),
        decoding("a.png is no picture"),
    ):
        raise OSError(number, os.strerror(number), "a.png")
    assert not findings


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file of Linux that exists and cannot be read")
@pytest.mark.parametrize("read", [recording, length, npy_rows, lambda path: h5py.File(path)])
def test_a_disk_that_fails_is_told_whatever_reads_it(read: Callable[[Path], object]) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EIO)) as raised, decoding("it is broken"):
        read(Path("/proc/self/mem"))
    assert raised.value.errno == errno.EIO


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EISDIR, errno.EINVAL, 10**9, None])
def test_what_a_decoder_says_of_a_file_is_one_sentence(number: int | None) -> None:
    """EINVAL is a place in front of a file, which a damaged zip names."""
    with one_sentence("a.png is no picture"), decoding("a.png is no picture"):
        raise OSError(number, "words")


def test_memory_is_short_or_a_file_asks_for_more_than_there_ever_is(monkeypatch: pytest.MonkeyPatch) -> None:
    crafted = io.BytesIO()
    np.lib.format.write_array_header_1_0(crafted, {"descr": "<f8", "fortran_order": False, "shape": (10**14,)})
    crafted.seek(0)
    with one_sentence(r"a.npy is broken \(it asks for more memory than there is\)"), decoding("a.npy is broken"):
        np.load(crafted)
    monkeypatch.setattr("msd.errors.ROOM", 10**15)
    with one_sentence("the memory has no room"), explained([]), decoding("a.npy is broken"):
        bytearray(10**15)


ASKED = {
    "torch": lambda: torch.empty(10**14),
    "numpy": lambda: np.empty(10**14),
    "python": lambda: bytearray(10**14),
    "a library's own words": lambda: (_ for _ in ()).throw(
        RuntimeError("CUDA out of memory. Tried to allocate 2.5 GiB.")
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_memory_that_is_not_there_is_one_sentence(name: str) -> None:
    words = r"^the memory has no room( for [\d.]+ \w+ more)? \([\d,.]+ GB are free\); choose smaller batches"
    with one_sentence(words), explained([]):
        ASKED[name]()


def test_what_would_fill_the_memory_is_refused_before() -> None:
    fits_in_memory(10**6, "a million bytes", "take less")
    with one_sentence(r"^the rows need 1,000,000.0 GB of memory, [\d,.]+ are free; take fewer"):
        fits_in_memory(10**15, "the rows", "take fewer")
