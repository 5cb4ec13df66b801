"""Damaged files for every reader of outside files: each is read, or refused in one sentence that is always the same.

`make fuzz` reads 10,000 folders; `python tests/fuzz/readers.py --only nyu-depth:17` repeats one. It stops with status 1
where a reader raises something else than UserError, opens a file outside its folder, unpickles what is no array, takes
values that are not finite or labels that are none, or needs more than a minute.
"""

from __future__ import annotations

import argparse
import builtins
import contextlib
import json
import re
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from folders import RNG, TARGETS

from msd.errors import UserError
from msd.mfh.av_mnist.spoken_digits import ARRAYS

OUTSIDE = "outside"
ODD: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        7,
        1e400,
        float("nan"),
        10**30,
        "",
        " ",
        "\ud800",
        "\0",
        "…",
        "a" * 300,
        [],
        {},
        [None],
        [[[]]],
    ),
    *(f"../{OUTSIDE}/a", f"../{OUTSIDE}/a.npy", f"../../{OUTSIDE}/a", "/etc/passwd", "C:\\x", "nan", "true", "0", "٣"),
]
LEFTOVERS = [
    b"",
    b"<html>gone</html>",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    b"\0" * 200,
]
NAME = re.compile(r"\b[A-Z]\w*(Error|Exception|Warning)\b|Traceback|0x[0-9a-f]{6}|\n")
opened: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Notes every file that is opened below a folder that no reader was given, and every class that is unpickled."""
    if event == "open" and OUTSIDE in str(arguments[0]):
        opened.append(str(arguments[0]))
    if event == "pickle.find_class" and tuple(arguments[:2]) not in ARRAYS and not _is_own(*arguments[:2]):
        opened.append(f"pickle of {arguments[:2]}")


def _is_own(module: str, name: str) -> bool:
    """Whether a process of ours sends a result or an error."""
    is_error = module == "builtins" and issubclass(getattr(builtins, name, int), Exception)
    return is_error or module in ("concurrent.futures.process", "scipy.io.matlab._miobase", "numpy._core.multiarray")


def damaged(folder: Path, rng: np.random.Generator) -> str:
    """Damages one to three files of a folder; what was done."""
    done = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        if not paths:
            break
        path = paths[rng.integers(len(paths))]
        kind = rng.choice(["bytes", "inside", "name"], p=[0.4, 0.5, 0.1])
        if kind == "name":
            done.append(_renamed(path, rng))
        elif kind == "inside" and is_whole_zip(path):
            done.append(_member(path, rng))
        elif kind == "inside":
            path.write_bytes(_content(path, path.read_bytes(), rng))
            done.append(f"values of {path.name}")
        else:
            path.write_bytes(_bytes(path.read_bytes(), rng))
            done.append(f"bytes of {path.name}")
    return ", ".join(done)


def is_whole_zip(path: Path) -> bool:
    with contextlib.suppress(Exception), zipfile.ZipFile(path) as archive:
        return archive.testzip() is None
    return False


def _renamed(path: Path, rng: np.random.Generator) -> str:
    names = [
        f"._{path.name}",
        f"{path.stem} (1){path.suffix}",
        path.name.upper(),
        f"__MACOSX/{path.name}",
        f"b/{path.name}",
    ]
    other = path.parent / names[rng.integers(len(names))]
    other.parent.mkdir(exist_ok=True)
    if other == path:
        return f"{path.name} as it was"
    shutil.copy(path, other)
    if rng.random() < 0.3:
        path.unlink()
    return f"{path.name} as {other.name}"


def _member(path: Path, rng: np.random.Generator) -> str:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = sorted(members)[rng.integers(len(members))]
    is_kept = rng.random() < 0.7
    members[name] = _content(Path(name), members[name], rng) if is_kept else _bytes(members[name], rng)
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return f"{name} in {path.name}"


def _bytes(content: bytes, rng: np.random.Generator) -> bytes:
    if rng.random() < 0.15:
        return LEFTOVERS[rng.integers(len(LEFTOVERS))]
    data = bytearray(content)
    start, count = int(rng.integers(len(data) + 1)), int(rng.integers(1, 30))
    if rng.random() < 0.4:  # in the head, where formats say what follows
        start = min(start, int(rng.integers(200)))
    match rng.integers(6):
        case 0:
            del data[start:]
        case 1:
            del data[start : start + count]
        case 2:
            data[start:start] = rng.bytes(count)
        case 3:
            data[start : start + count] = rng.bytes(count)
        case 4:
            data[start : start + count] = (b"\xff" if rng.random() < 0.5 else b"\0") * count
        case _:
            for place in rng.integers(max(len(data), 1), size=count) if data else ():
                data[place] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _content(path: Path, content: bytes, rng: np.random.Generator) -> bytes:
    """A file whose format still holds, with odd values; another kind of file is damaged byte by byte."""
    with contextlib.suppress(Exception):
        match path.suffix:
            case ".json":
                return json.dumps(_odd(json.loads(content), rng)).encode()
            case ".jsonl":
                lines = content.decode().splitlines()
                row = rng.integers(len(lines))
                lines[row] = json.dumps(_odd(json.loads(lines[row]), rng))
                return "\n".join(lines).encode()
            case ".csv" | ".txt":
                return _lines(content.decode(), rng)
            case ".npy":
                return _array(path, rng)
            case ".hdf5" | ".mat":
                return _hdf5(path, rng)
    return _bytes(content, rng)


def _odd(value: Any, rng: np.random.Generator) -> Any:
    """JSON with one value changed, left out or doubled."""
    if isinstance(value, dict | list) and value and rng.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = keys[rng.integers(len(keys))]
        if rng.random() < 0.1:
            return (
                [item for place, item in enumerate(value) if place != key]
                if isinstance(value, list)
                else {name: item for name, item in value.items() if name != key}
            )
        if isinstance(value, list) and rng.random() < 0.1:
            return [*value, value[key]]
        value[key] = _odd(value[key], rng)
        return value
    return ODD[rng.integers(len(ODD))]


def _lines(text: str, rng: np.random.Generator) -> bytes:
    lines = text.splitlines()
    row = int(rng.integers(len(lines)))
    fields = lines[row].split(",")
    odd = str(ODD[rng.integers(len(ODD))])
    fields[rng.integers(len(fields))] = odd
    choices = [",".join(fields), ",".join(fields[1:]), f"{row},{lines[row]}", "", f'"{lines[row]}', lines[0]]
    lines[row] = choices[rng.integers(len(choices))]
    encoding = ["utf-8", "utf-8-sig", "utf-16", "latin-1", "utf-32"][rng.integers(5)]
    return "\n".join([*lines, ""]).encode(encoding, errors="replace")


def _array(path: Path, rng: np.random.Generator) -> bytes:
    values = np.load(path)
    match rng.integers(5):
        case 0:
            values = values.astype(np.float64)
            values.flat[rng.integers(values.size)] = [np.nan, np.inf, -1e308, 1e200][rng.integers(4)]
        case 1:
            values = values.reshape(-1)[: rng.integers(values.size)]
        case 2:
            values = values.astype(["c8", "S4", "?", "f2", "M8[s]", "O"][rng.integers(6)])
        case 3:
            values = values[: rng.integers(len(values) + 1)]
        case _:
            values = values - 300
    np.save(path, values, allow_pickle=True)
    return path.read_bytes()


def _hdf5(path: Path, rng: np.random.Generator) -> bytes:
    with h5py.File(path, "r+") as file:
        name = ["features", "vgg_features", "genres", "images", "depths", "labels", "scenes", "."][rng.integers(8)]
        odd = ODD[rng.integers(len(ODD))]
        if name == ".":
            file.attrs["split"] = odd if isinstance(odd, str | int | float) else np.arange(3)
        elif name in file and file[name].attrs and rng.random() < 0.5:
            file[name].attrs["target_names"] = odd if isinstance(odd, str | int | float) else np.array(["Drama"], "S9")
        elif name in file and rng.random() < 0.5:
            file[name][tuple(rng.integers(size) for size in file[name].shape)] = [np.nan, np.inf, 65535, 7][
                rng.integers(4)
            ]
        elif name in file:
            shape = [(), (6,), (0,), (6, 3), (6, 3, 8, 6), file[name].shape][rng.integers(6)]
            del file[name]
            file[name] = np.zeros(shape, ["f4", "i2", "S3"][rng.integers(3)])
    return path.read_bytes()


@contextlib.contextmanager
def at_most(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def outcome(read: Any, folder: Path) -> str:
    """What a reader says of a folder: "read" and its findings, or its sentence; AssertionError for anything else."""
    opened.clear()
    try:
        with at_most(60), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            findings = read(folder)
        sentence = f"read: {json.dumps(findings, ensure_ascii=False, default=str)}"
        assert not NAME.search(sentence), sentence
    except UserError as error:
        sentence = str(error)
        assert not NAME.search(sentence), sentence
    assert not opened, opened
    return sentence


def case(target: str, number: int, *, seed: int = 0) -> str:
    """Read one damaged folder twice; its sentence, or AssertionError."""
    make, read, _ = TARGETS[target]
    rng = np.random.default_rng([seed, number, zlib.crc32(target.encode())])
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top, "data")
        if target not in wholes:
            wholes[target] = Path(tempfile.mkdtemp())
            RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state
            make(wholes[target])
        shutil.copytree(wholes[target], folder)
        for name in ("a", "a.npy"):
            Path(top, OUTSIDE).mkdir(exist_ok=True)
            Path(top, OUTSIDE, name).write_bytes(b"secret")
        what = damaged(folder, rng)
        try:
            first = outcome(read, folder)
            if number % 10 == 0:
                assert outcome(read, folder) == first, f"two sentences: {first}"
        except Exception as error:
            raise AssertionError(f"{target}:{number} ({what}): {type(error).__name__}: {error}") from error
        assert sorted(path.name for path in Path(top).iterdir()) == ["data", OUTSIDE]
        return first


wholes: dict[str, Path] = {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="target, or target:case")
    options = parser.parse_args()
    sys.addaudithook(watch)
    chosen, _, single = (options.only or "").partition(":")
    total = sum(share for name, (*_, share) in TARGETS.items() if chosen in ("", name))
    failures, outcomes = 0, Counter[tuple[str, bool]]()
    for name, (*_, share) in TARGETS.items():
        if chosen not in ("", name):
            continue
        numbers = [int(single)] if single else range(-(-options.cases * share // total))
        for number in numbers:
            try:
                sentence = case(name, number, seed=options.seed)
                outcomes[name, sentence.startswith("read: ")] += 1
                if single:
                    print(sentence)
            except AssertionError as error:
                failures += 1
                print(error, flush=True)
                if single:
                    traceback.print_exc()
        print(f"{name}: {outcomes[name, True]} read, {outcomes[name, False]} refused in a sentence", flush=True)
    print(f"{sum(outcomes.values()) + failures} cases, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
