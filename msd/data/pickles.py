"""Pickles of arrays from outside, read without importing or calling anything that they name.

NumPy's names stand for classes of this module, which keep what the pickle says and check it: not even a data type of
NumPy is built from a state that a stranger wrote.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from msd.errors import UserError, decoding

KINDS = "biufcSU"
"""NumPy's kinds of numbers, truth values and texts; of objects there are lists."""
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class _Type:
    """A data type: its name, and the order of its bytes."""

    def __init__(self, name: str, *_: Any) -> None:
        self.name, self.order = str(name), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order, inner, names, fields = state[1:5]
        if inner is not None or names or fields:
            raise ValueError("an array of records, which is not read")
        self.order = {"<": "<", ">": ">"}.get(order, "=")

    @property
    def is_object(self) -> bool:
        """Whether its values are any Python objects."""
        return self.name.startswith("O")

    @property
    def dtype(self) -> np.dtype[Any]:
        """As NumPy has it."""
        dtype = np.dtype(self.name)
        if dtype.kind not in KINDS:
            raise ValueError(f"an array of {dtype}, which is not read")
        return dtype.newbyteorder(self.order)  # type: ignore[arg-type]


class _Array:
    """An array as a pickle has it; `_plain` gives NumPy's."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.shape, self.type, self.by_columns, self.content = state[-4:]

    def value(self) -> Any:
        """(…) of numbers or texts; objects as a list, or as the one that there is."""
        count = math.prod(self.shape)
        if self.type.is_object:
            if len(self.content) != count:
                raise ValueError("an array of objects, some of which are missing")
            return [_plain(one) for one in self.content] if self.shape else _plain(self.content[0])
        content = self.content.encode("latin1") if isinstance(self.content, str) else self.content
        return _numbers(content, self.type, self.shape, "F" if self.by_columns else "C")


def _numbers(content: bytes, kind: _Type, shape: tuple[int, ...], order: Any = "C") -> np.ndarray[Any, Any]:
    if len(content) != math.prod(shape) * kind.dtype.itemsize:
        raise ValueError("an array whose bytes do not fit its shape")
    return np.frombuffer(content, kind.dtype).reshape(shape, order=order)


def _scalar(kind: _Type, content: bytes | str) -> Any:
    given = content.encode("latin1") if isinstance(content, str) else content
    return _numbers(given, kind, (1,))[0]


def _latin1(text: str, encoding: str) -> bytes:
    """Bytes as protocol 2 writes them."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"text in the encoding {encoding!r}")
    return text.encode("latin1")


_CORES = ("numpy.core.multiarray", "numpy._core.multiarray")  # its place until NumPy 2, and since
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_BUILT_IN: tuple[type, ...] = (set, frozenset, bytes, bytearray, complex)
GLOBALS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    **{(module, "_reconstruct"): lambda *_: _Array() for module in _CORES},
    **{(module, "scalar"): _scalar for module in _CORES},
    **{(module, "_frombuffer"): _numbers for module in _NUMERIC},
    ("_codecs", "encode"): _latin1,
    **{(module, kind.__name__): kind for module in ("builtins", "__builtin__") for kind in _BUILT_IN},
}
"""What a pickle may name -> what stands for it."""


class _Plain(pickle.Unpickler):
    what = ""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in GLOBALS:
            raise UserError(
                f"{self.what} names {module}.{name}, which is no array and no plain value: it is not opened, for what "
                "a pickle names is run; take the file from its publisher"
            )
        return GLOBALS[module, name]


def read_pickle(content: bytes, what: str, *, encoding: str = "ASCII") -> Any:
    """Arrays, numbers, texts, and lists, tuples, sets and dicts of them.

    Raises UserError where the pickle names anything else, or is damaged; `what` it is begins the sentence.
    """
    with decoding(f"{what} is no pickle of arrays"):
        unpickler = _Plain(io.BytesIO(content), encoding=encoding)
        unpickler.what = what
        return _plain(unpickler.load())


def read_npy(content: bytes, what: str) -> Any:
    """What a .npy file holds: an array, or the objects of an array of objects, as `read_pickle` reads them."""
    file = io.BytesIO(content)
    with decoding(f"{what} is no .npy file"):
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"version {version[0]}.{version[1]} of its format")
        if not HEADERS[version](file)[2].hasobject:
            file.seek(0)
            return np.load(file, allow_pickle=False)
    return read_pickle(file.read(), what)


def _plain(value: Any) -> Any:
    """A value with NumPy's arrays in the place of the classes that stood for them."""
    if isinstance(value, _Array):
        return value.value()
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(one) for one in value)
    if isinstance(value, _Type | type) or (callable(value) and not isinstance(value, np.generic)):
        raise ValueError("a type in the place of a value")
    return value
