"""Columns of Parquet files for the stages of which a study has many jobs.

PyArrow's own ways to make an array, and to read a table, import pandas: a fifth of what a short job costs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray


def read_columns(path: str | Path, *names: str) -> pa.Table:
    """Those columns of a Parquet file."""
    with pq.ParquetFile(path) as file:
        return file.read(list(names))


def numbers(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """What a column of numbers without nulls holds."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.zeros(0) if pa.types.is_null(whole.type) else np.from_dlpack(whole)  # which has no empty type


def write_columns(path: str | Path, columns: Mapping[str, tuple[type, Sequence[Any]]]) -> None:
    """Write a Parquet file of columns: name -> `str` or NumPy's type of its numbers, and its values.

    Null is None, or masked in an array of NumPy's.
    """
    pq.write_table(pa.Table.from_arrays([_array(*each) for each in columns.values()], list(columns)), path)


def _array(kind: type, values: Sequence[Any]) -> pa.Array:
    if kind is str:
        encoded = {text: text.encode() for text in set(values)}
        texts = [encoded[text] for text in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        parts = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
        return pa.Array.from_buffers(pa.large_string(), len(texts), parts).cast(pa.string())
    given: NDArray[Any] = values if isinstance(values, np.ndarray) else _masked(kind, values)
    is_there = ~np.ma.getmaskarray(given)
    bits = None if is_there.all() else pa.py_buffer(np.packbits(is_there, bitorder="little"))
    held: NDArray[Any] = np.ma.filled(given, 0).astype(kind, copy=False)
    return pa.Array.from_buffers(pa.from_numpy_dtype(held.dtype), len(values), [bits, pa.py_buffer(held)])


def _masked(kind: type, values: Sequence[Any]) -> NDArray[Any]:
    numbers = [0 if value is None else value for value in values]
    return np.ma.array(numbers, mask=[value is None for value in values], dtype=kind)
